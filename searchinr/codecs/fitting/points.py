"""The points that signals are fitted at: coordinates, and the values that a network should give there.

The points of small signals are held as floats. For large signals only the samples are held, and floats are made tile by
tile when they are needed. Both ways give the same numbers, bit by bit.

Notation used for tensor shapes: B signals, n points in all, m points out of them, d coordinates, c channels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.fitting.gains import Gains
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Samples, Signal


class Part(NamedTuple):
    """Some of the points.

    Attributes:
        coords: `(m, d)`.
        values: `(B, m, c)`.
        weights: Weight of each point, `(B, m, 1)`, with a mean of 1 over all points of a signal; None if all points
            have the same weight.
    """

    coords: Tensor
    values: Tensor
    weights: Tensor | None = None

    def of(self, signals: slice | Tensor) -> "Part":
        """The same points of some of the signals."""
        return Part(self.coords, self.values[signals], None if self.weights is None else self.weights[signals])


class Points(ABC):
    """Points that B signals share.

    Attributes:
        signals: Number of signals, B.
        count: Number of points, n.
        channels: Number of channels, c.
        device: The device of all tensors.
    """

    def __init__(self, signals: int, count: int, channels: int, device: torch.device) -> None:
        self.signals, self.count, self.channels, self.device = signals, count, channels, device

    @abstractmethod
    def part(self, start: int, stop: int) -> Part:
        """The points from `start` to `stop`."""

    @abstractmethod
    def at(self, index: Tensor) -> Part:
        """The points with these numbers, `(m,)`, int64, on the device of the points."""

    def all(self) -> Part:
        """All points at once."""
        return self.part(0, self.count)

    def tiles(self, size: int) -> Iterator[Part]:
        """All points, `size` of them at a time."""
        for start in range(0, self.count, size):
            yield self.part(start, min(start + size, self.count))

    def drawn(self, index: Tensor) -> "Points":
        """The points with these numbers, `(m,)`, int64, on the device of the points; numbers may occur repeatedly."""
        return _DrawnPoints(self, index)

    def seen(self, encoding: Callable[[Tensor], Tensor]) -> "Points":
        """The same points with encoded coordinates as a network's input: `coords` `(m, d)` become `(m, E)`.

        If the points are held, the encoded coordinates are held as well.
        """
        return _SeenPoints(self, encoding)

    @property
    def values_each(self) -> int:
        """The number of values of one signal."""
        return self.count * self.channels


class HeldPoints(Points):
    """Points whose floats are held."""

    def __init__(self, coords: Tensor, values: Tensor, weights: Tensor | None = None) -> None:
        """Takes coordinates `(n, d)`, values `(B, n, c)` and, unless all points count the same, weights `(B, n, 1)`."""
        super().__init__(len(values), len(coords), values.shape[-1], coords.device)
        self._coords, self._values, self._weights = coords, values, weights

    def part(self, start: int, stop: int) -> Part:
        """See `Points.part`."""
        weights = None if self._weights is None else self._weights[:, start:stop]
        return Part(self._coords[start:stop], self._values[:, start:stop], weights)

    def at(self, index: Tensor) -> Part:
        """See `Points.at`."""
        weights = None if self._weights is None else self._weights.index_select(1, index)
        return Part(self._coords.index_select(0, index), self._values.index_select(1, index), weights)

    def seen(self, encoding: Callable[[Tensor], Tensor]) -> "HeldPoints":
        """See `Points.seen`."""
        return HeldPoints(encoding(self._coords), self._values, self._weights)


class GridPoints(Points):
    """All points of signals with one layout, made from the signals' samples."""

    def __init__(self, signals: Sequence[Signal], gains: Gains, device: torch.device) -> None:
        """Takes the signals, the gains by which values are divided, and the device of the tensors that are made."""
        self._signals, self._layout = signals, signals[0].layout
        super().__init__(len(signals), self._layout.points, self._layout.channels, device)
        self._samples = [signal.samples.reshape(-1, self.channels) for signal in signals]  # (*grid, c) -> (n, c)
        self._gains = gains

    def part(self, start: int, stop: int) -> Part:
        """See `Points.part`."""
        return self._part(np.arange(start, stop), [samples[start:stop] for samples in self._samples])

    def at(self, index: Tensor) -> Part:
        """See `Points.at`."""
        numbers = index.cpu().numpy()
        return self._part(numbers, [samples[numbers] for samples in self._samples])

    def held(self) -> HeldPoints:
        """The same points, with all floats held."""
        return HeldPoints(*self.all())

    def _part(self, index: NDArray[np.integer], samples: Sequence[Samples]) -> Part:
        modality = MODALITIES[self._layout.modality]
        coords = torch.from_numpy(modality.coordinates_at(self._layout, index)).to(self.device)
        values = torch.stack([torch.from_numpy(scaled(each, self._layout)) for each in samples])  # (B, m, c)
        return Part(coords, self._gains.divide(values.to(self.device)), self._weights(index))

    def _weights(self, index: NDArray[np.integer]) -> Tensor | None:
        """The weights of the points with these numbers, `(B, m, 1)`; None if all points have the same weight."""
        modality = MODALITIES[self._layout.modality]
        weights = [modality.weights_at(signal, index) for signal in self._signals]  # B of (m,)
        known = [torch.from_numpy(each) for each in weights if each is not None]
        return torch.stack(known).unsqueeze(-1).to(self.device) if known else None


class _DrawnPoints(Points):
    def __init__(self, points: Points, index: Tensor) -> None:
        super().__init__(points.signals, len(index), points.channels, points.device)
        self._points, self._index = points, index

    def part(self, start: int, stop: int) -> Part:
        return self._points.at(self._index[start:stop])

    def at(self, index: Tensor) -> Part:
        return self._points.at(self._index[index])


class _SeenPoints(Points):
    def __init__(self, points: Points, encoding: Callable[[Tensor], Tensor]) -> None:
        super().__init__(points.signals, points.count, points.channels, points.device)
        self._points, self._encoding = points, encoding

    def part(self, start: int, stop: int) -> Part:
        return self._encoded(self._points.part(start, stop))

    def at(self, index: Tensor) -> Part:
        return self._encoded(self._points.at(index))

    def _encoded(self, part: Part) -> Part:
        return part._replace(coords=self._encoding(part.coords))


def scaled(samples: Samples, layout: Layout) -> NDArray[np.float32]:
    """Samples of any shape scaled from the value range to [-1, 1]."""
    low, high = MODALITIES[layout.modality].value_range(layout)
    return ((samples.astype(np.float64) - low) / (high - low) * 2 - 1).astype(np.float32)
