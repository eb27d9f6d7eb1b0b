"""Between signals and networks: which signals make a batch, what it is fitted to, and the shape of what fits it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.fields.contract import FieldShape
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


def by_layout(signals: Sequence[Signal]) -> dict[Layout, list[int]]:
    """The places of the signals of each layout."""
    groups: dict[Layout, list[int]] = {}
    for index, signal in enumerate(signals):
        groups.setdefault(signal.layout, []).append(index)
    return groups


def coordinates(layout: Layout) -> Tensor:
    """Of every sample, `(n, d_in)`."""
    return torch.from_numpy(MODALITIES[layout.modality].coordinates(layout))


def targets(signal: Signal) -> Tensor:
    """Samples scaled from the value range to [-1, 1], `(n, c)`."""
    low, high = MODALITIES[signal.layout.modality].value_range(signal.layout)
    scaled = (signal.samples.astype(np.float64) - low) / (high - low) * 2 - 1
    # (*grid, c) -> (n, c)
    return torch.from_numpy(scaled.reshape(-1, signal.layout.channels).astype(np.float32))
