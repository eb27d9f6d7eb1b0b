"""Between signals and networks: which signals make a batch, what it is fitted to, and the shape of what fits it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.fields.contract import FieldShape
from searchinr.codecs.quantize.levels import PER_OCTAVE
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal


def field_shape(layout: Layout, depth: int, width: int) -> FieldShape:
    """What a backbone for signals of this layout is built from."""
    return FieldShape(
        d_in=len(layout.grid),
        d_out=layout.channels,
        depth=depth,
        width=width,
        grid=layout.grid,
        extent=MODALITIES[layout.modality].extent(layout),
    )


@dataclass(frozen=True)
class Targets:
    """B signals with the same layout.

    Attributes:
        indices: Their places among all signals.
        layout: Their layout.
        coords: `(n, d)`.
        values: `(B, n, c)`, each signal divided by its gain, so that its peak is about 1.
        gains: `(B,)`, int64: a gain is 2**(gains / 6), a whole number of quantiser steps.
    """

    indices: list[int]
    layout: Layout
    coords: Tensor
    values: Tensor
    gains: Tensor


def targets_by_layout(signals: Sequence[Signal], device: torch.device) -> list[Targets]:
    """All signals, in the order in which their layouts first come."""
    by_layout: dict[Layout, list[int]] = {}
    for index, signal in enumerate(signals):
        by_layout.setdefault(signal.layout, []).append(index)
    return [_targets(signals, indices, device) for indices in by_layout.values()]


def _targets(signals: Sequence[Signal], indices: list[int], device: torch.device) -> Targets:
    layout = signals[indices[0]].layout
    values = torch.stack([_scaled(signals[i]) for i in indices]).to(device)  # (B, n, c)
    peaks = values.abs().amax(dim=(1, 2)).clamp_min(2.0**-20)  # (B,)
    gains = torch.ceil(PER_OCTAVE * torch.log2(peaks)).long()  # (B,)
    return Targets(
        indices,
        layout,
        torch.from_numpy(MODALITIES[layout.modality].coordinates(layout)).to(device),
        values / torch.exp2(gains / PER_OCTAVE).view(-1, 1, 1),
        gains.cpu(),
    )


def _scaled(signal: Signal) -> Tensor:
    """Samples scaled from the value range to [-1, 1], `(n, c)`."""
    low, high = MODALITIES[signal.layout.modality].value_range(signal.layout)
    scaled = (signal.samples.astype(np.float64) - low) / (high - low) * 2 - 1
    # (*grid, c) -> (n, c)
    return torch.from_numpy(scaled.reshape(-1, signal.layout.channels).astype(np.float32))
