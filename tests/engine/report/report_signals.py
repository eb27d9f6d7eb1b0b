"""Signals beside what is left of them, as a front would have it."""

from dataclasses import replace

import numpy as np
from ledger_lines import point_line, signal_figures

from searchinr.engine.report.decoded import Decoded, Version
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal


def picture(name: str, seed: int, channels: int = 3, bit_depth: int = 8) -> Signal:
    """Noise, 12 x 16."""
    samples = np.random.default_rng(seed).integers(0, 2**bit_depth, (12, 16, channels))
    dtype = np.uint16 if bit_depth == 16 else np.uint8
    return Signal(name, samples.astype(dtype), Layout("image", (12, 16), channels, bit_depth))


def tone(name: str, hertz: float, amplitude: float = 0.5, seconds: float = 0.25) -> Signal:
    """A sine at 8 kHz, 16 bits."""
    time = np.arange(round(8000 * seconds)) / 8000
    samples = np.round(32767 * amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.int16)[:, None]
    return Signal(name, samples, Layout("audio", samples.shape[:1], 1, 16, (8000,)))


def decoded(name: str, *, audio: bool = False) -> tuple[Decoded, ...]:
    """One signal at two rates."""
    signals = [tone(name, 440, 0.5 / k) for k in (1, 2, 4)] if audio else [picture(name, seed) for seed in range(3)]
    exhibits = [MODALITIES[signal.layout.modality].exhibits(signal) for signal in signals]
    figures = signal_figures(name, 0, 0.5, 20.0, bytes=100, metrics={})
    versions = [
        Version(title, point_line("aaa", 100, rate, 20.0), replace(figures, rate=rate), shown)
        for title, rate, shown in zip(("low rate", "high rate"), (0.5, 1.0), exhibits[1:], strict=True)
    ]
    return (Decoded(name, exhibits[0], tuple(versions)),)
