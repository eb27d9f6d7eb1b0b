"""Signals, modalities, datasets and metrics."""
