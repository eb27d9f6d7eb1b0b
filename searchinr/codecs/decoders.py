"""The two common kinds of decoder: a network of coordinates, and a picture that is computed as a whole."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from searchinr.codecs.contract import Decoder
from searchinr.signals.observation import observed
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout


class CoordinateDecoder(Decoder):
    """A network of coordinates: it renders any resolution, and each point by itself."""

    def __init__(self, network: Callable[[Tensor], Tensor]) -> None:
        """Takes the network of one signal: from places `(m, d_in)` to what it gives there, `(1, m, d_out)`."""
        self._network = network

    def values(self, layout: Layout, start: int, stop: int) -> Tensor:
        """See `Decoder.values`; what the modality has between network and samples is done here."""
        modality = MODALITIES[layout.modality]
        coords = torch.from_numpy(modality.coordinates(layout, start, stop))  # (m, d)
        return observed(self._network, modality.observation(layout), coords)[0]


class WholeDecoder(Decoder):
    """A signal whose points are computed together, e.g. by convolutions, when the first of them is asked for."""

    def __init__(self, compute: Callable[[], Tensor]) -> None:
        """Takes what gives the values at the file's own resolution, `(*grid, c)`; it is called once."""
        self._compute = compute

    @cached_property
    def _points(self) -> Tensor:
        return self._compute().flatten(0, -2)  # (*grid, c) -> (n, c)

    def values(self, layout: Layout, start: int, stop: int) -> Tensor:
        """See `Decoder.values`."""
        return self._points[start:stop]
