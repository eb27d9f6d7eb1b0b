"""Quantisers, which turn float tensors into integer symbols and back."""
