"""How a pass over B signals is cut into tiles of points and chunks of signals, so that its activations stay in a cache.

The sums of a signal are added up tile by tile, and the order changes their rounding. So the tiles depend on one signal
alone: they are as long as if it were fitted by itself, and signals that do not fit into the cache beside it form
another chunk. A signal then has the same sums whatever its companions are.
"""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from searchinr.codecs.fitting.points import Points

# Activations of a layer in one tile and chunk, give or take a half: half a megabyte stays in the cache of a core.
_TILE_ELEMENTS = {"cpu": 2**17, "cuda": 2**27}
_MIN_TILE = 256


class Tiling(NamedTuple):
    """The sizes into which a pass is cut.

    Attributes:
        points: Number of points in a tile.
        signals: Number of signals in a chunk.
    """

    points: int
    signals: int


def tiling(points: Points, elements_per_point: int, enlarged: int = 1) -> Tiling:
    """Chooses tiles and chunks whose activations fit into the cache.

    `elements_per_point` is the width of the largest activation of one signal; tiles are longer by the factor `enlarged`
    than fits.
    """
    elements = enlarged * _TILE_ELEMENTS[points.device.type]
    longest = max(enlarged * _MIN_TILE, elements / elements_per_point)
    # All tiles have nearly the same length, since a short tile at the end would take as many calls as a whole one.
    tile = math.ceil(points.count / max(1, round(points.count / longest)))
    return Tiling(tile, max(1, round(elements / (tile * elements_per_point))))


class Chunks:
    """Cuts the weights of B signals into chunks of signals, and puts the gradients of the chunks together."""

    def __init__(self, weights: Mapping[str, Tensor], size: int) -> None:
        """Cuts weights, `{name: (B, ...)}`, for `size` signals at a time.

        Weights whose gradients are wanted are leaves of the autograd graph.
        """
        self._weights = dict(weights)
        signals = len(next(iter(self._weights.values())))
        self._slices = [slice(start, start + size) for start in range(0, signals, size)]
        # Each chunk has its own leaves: a slice's gradient is as large as the whole leaf, and every pass would fill it.
        self._chunks = [self._weights] if len(self._slices) == 1 else [self._leaves(few) for few in self._slices]

    def _leaves(self, few: slice) -> dict[str, Tensor]:
        return {name: w.detach()[few].requires_grad_(w.requires_grad) for name, w in self._weights.items()}

    def __iter__(self) -> Iterator[tuple[slice, dict[str, Tensor]]]:
        """Yields each chunk as a slice of the signals and their weights."""
        return iter(zip(self._slices, self._chunks, strict=True))

    def gather_gradients(self) -> None:
        """Puts the gradients of all chunks together in the `grad` of the weights that have gradients."""
        if len(self._chunks) == 1:
            return
        for name, weight in self._weights.items():
            gradients = [chunk[name].grad for chunk in self._chunks]
            if gradients[0] is not None:
                weight.grad = torch.cat([gradient for gradient in gradients if gradient is not None])
