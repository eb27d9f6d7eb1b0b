"""From signals to networks: which signals form a batch, the points it is fitted to, and the shape of its networks."""

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
"""The most values that are held as floats: they take 128 MiB, as an RGB picture of 11 megapixels does."""


def field_shape(layout: Layout, depth: int, width: int) -> FieldShape:
    """The shape of a backbone for signals of this layout."""
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
    """The observation that makes the values of points from those of a network; None if the two are the same."""
    return MODALITIES[layout.modality].observation(layout)


def queries_per_point(layout: Layout) -> int:
    """The number of evaluations of a network that the value of one point takes."""
    observation = observation_of(layout)
    return 1 if observation is None else observation.queries_per_point


def is_separable(layout: Layout) -> bool:
    """Whether a network is evaluated on a grid of which each axis changes only one coordinate."""
    return MODALITIES[layout.modality].is_separable and observation_of(layout) is None


@dataclass(frozen=True)
class Targets:
    """B signals with the same layout.

    Attributes:
        indices: Places of these signals among all signals.
        layout: The layout that they have in common.
        points: Points of these signals; the values are divided by the gains, so that the peaks are about 1.
        gains: Gains of these signals. If there is an observation, scaling the network would not scale the values of
            points, so all gains are 1.
        observation: The observation between network and points; None if the network gives the values of points.
    """

    indices: list[int]
    layout: Layout
    points: Points
    gains: Gains
    observation: Observation | None = None


def targets_by_layout(signals: Sequence[Signal], device: torch.device) -> list[Targets]:
    """Puts signals with the same layout together, in the order in which the layouts first occur."""
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
    """The largest magnitude of the scaled samples, which is that of the lowest or the highest one."""
    extremes = np.array([signal.samples.min(), signal.samples.max()])
    return float(np.abs(scaled(extremes, signal.layout)).max())
