"""The two common kinds of decoder: a network of coordinates, and a picture that is computed as a whole."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from searchinr.codecs.contract import Decoder
from searchinr.signals.observation import observed
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout

Network = Callable[[Tensor], Tensor]
"""From places `(m, d_in)` to what the network of one signal gives there, `(1, m, d_out)`."""


class CoordinateDecoder(Decoder):
    """A network of coordinates: it renders any resolution, and each point by itself."""

    def __init__(self, make_network: Callable[[], Network], macs_per_point: float, numbers: int) -> None:
        """Takes what makes the network of one signal, and what it costs: see `Decoder`."""
        self._make_network = make_network
        self.macs_per_point, self.numbers = macs_per_point, numbers

    @cached_property
    def _network(self) -> Network:
        return self._make_network()

    def values(self, layout: Layout, start: int, stop: int) -> Tensor:
        """See `Decoder.values`; what the modality has between network and samples is done here."""
        modality = MODALITIES[layout.modality]
        coords = torch.from_numpy(modality.coordinates(layout, start, stop))  # (m, d)
        return observed(self._network, modality.observation(layout), coords)[0]


class WholeDecoder(Decoder):
    """A signal whose points are computed together, e.g. by convolutions, when the first of them is asked for."""

    def __init__(self, compute: Callable[[], Tensor], macs_per_point: float, numbers: int) -> None:
        """Takes what gives the values at the file's own resolution, `(*grid, c)`, and what it costs: see `Decoder`.

        It is called once. Among the numbers are at least these values.
        """
        self._compute = compute
        self.macs_per_point, self.numbers = macs_per_point, numbers

    @cached_property
    def _points(self) -> Tensor:
        return self._compute().flatten(0, -2)  # (*grid, c) -> (n, c)

    def values(self, layout: Layout, start: int, stop: int) -> Tensor:
        """See `Decoder.values`."""
        return self._points[start:stop]
