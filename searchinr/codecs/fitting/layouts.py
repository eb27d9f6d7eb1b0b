"""Between signals and networks: which signals make a batch, what it is fitted to, and the shape of what fits it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from searchinr.codecs.fields.contract import FieldShape
from searchinr.codecs.fitting.gains import Gains
from searchinr.codecs.fitting.points import GridPoints, Points, scaled
from searchinr.signals.observation import Observation
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal

_MOST_HELD = 2**25
"""Values that are held as floats: 128 MiB, an RGB picture of 11 megapixels."""


def field_shape(layout: Layout, depth: int, width: int) -> FieldShape:
    """What a backbone for signals of this layout is built from."""
    modality, observation = MODALITIES[layout.modality], observation_of(layout)
    extent = modality.extent(layout)
    return FieldShape(
        d_in=len(extent),
        d_out=layout.channels if observation is None else observation.outputs,
        depth=depth,
        width=width,
        cells=modality.cells(layout),
        extent=extent,
    )


def observation_of(layout: Layout) -> Observation | None:
    """What makes values of points from a network's; None if its values at points are theirs."""
    return MODALITIES[layout.modality].observation(layout)


def queries_per_point(layout: Layout) -> int:
    """How often a network is asked for the value of one point."""
    observation = observation_of(layout)
    return 1 if observation is None else observation.queries_per_point


def is_separable(layout: Layout) -> bool:
    """Whether a network is asked on a grid, each of whose axes changes one coordinate only."""
    return MODALITIES[layout.modality].is_separable and observation_of(layout) is None


@dataclass(frozen=True)
class Targets:
    """B signals with the same layout.

    Attributes:
        indices: Their places among all signals.
        layout: Their layout.
        points: Of these signals, each divided by its gain, so that its peak is about 1.
        gains: Theirs. Where an observation stands between network and values, scaling the network would not scale the
            values, and all gains are 1.
        observation: What that is; None if the network's values are those of the points.
    """

    indices: list[int]
    layout: Layout
    points: Points
    gains: Gains
    observation: Observation | None = None


def targets_by_layout(signals: Sequence[Signal], device: torch.device) -> list[Targets]:
    """All signals, in the order in which their layouts first come."""
    by_layout: dict[Layout, list[int]] = {}
    for index, signal in enumerate(signals):
        by_layout.setdefault(signal.layout, []).append(index)
    return [_targets(signals, indices, device) for indices in by_layout.values()]


def _targets(signals: Sequence[Signal], indices: list[int], device: torch.device) -> Targets:
    layout, few = signals[indices[0]].layout, [signals[i] for i in indices]
    observation = observation_of(layout)
    gains = Gains.of_peaks(torch.tensor([1.0 if observation else _peak(signal) for signal in few]))
    points = GridPoints(few, gains, device)
    is_small = points.signals * points.values_each <= _MOST_HELD
    return Targets(indices, layout, points.held() if is_small else points, gains, observation)


def _peak(signal: Signal) -> float:
    """The largest magnitude of the scaled samples: that of one of their extremes."""
    extremes = np.array([signal.samples.min(), signal.samples.max()])
    return float(np.abs(scaled(extremes, signal.layout)).max())
