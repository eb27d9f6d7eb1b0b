"""Quantisers: float tensors to integer symbols and back."""
