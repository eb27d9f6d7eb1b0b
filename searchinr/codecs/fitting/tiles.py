"""How a pass over B signals is cut into tiles of points and chunks of signals, so that its activations stay in a cache.

A signal's sums are added up tile by tile, and rounding depends on the order. So the tiles depend on one signal alone:
they are as long as they would be if it were fitted by itself, and what does not fit beside it is left to another chunk
of signals. A signal then has the same sums whatever its companions are.
"""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from searchinr.codecs.fitting.points import Points

# Activations per layer, tile and chunk, within a half more or less: half a megabyte stays in a core's cache.
_TILE_ELEMENTS = {"cpu": 2**17, "cuda": 2**27}
_MIN_TILE = 256


class Tiling(NamedTuple):
    """How a pass is cut.

    Attributes:
        points: Points of a tile.
        signals: Signals of a chunk.
    """

    points: int
    signals: int


def tiling(points: Points, elements_per_point: int, enlarged: int = 1) -> Tiling:
    """Tiles and chunks whose activations fit the cache.

    Args:
        points: The points of all signals.
        elements_per_point: Width of the largest activation of one signal.
        enlarged: By what a tile is longer than that.
    """
    elements = enlarged * _TILE_ELEMENTS[points.device.type]
    longest = max(enlarged * _MIN_TILE, elements / elements_per_point)
    # Tiles of one length: a short one at the end would cost as many calls as a whole one.
    tile = math.ceil(points.count / max(1, round(points.count / longest)))
    return Tiling(tile, max(1, round(elements / (tile * elements_per_point))))


class Chunks:
    """The weights of B signals, a few signals at a time, and the gradients that passes over them leave."""

    def __init__(self, weights: Mapping[str, Tensor], size: int) -> None:
        """Cuts the weights.

        Args:
            weights: `{name: (B, ...)}`, each a leaf of the graph where gradients are wanted.
            size: Signals of a chunk.
        """
        self._weights = dict(weights)
        signals = len(next(iter(self._weights.values())))
        self._slices = [slice(start, start + size) for start in range(0, signals, size)]
        # Slices of a leaf would fill a gradient of all signals in each pass, so every chunk has leaves of its own.
        self._chunks = [self._weights] if len(self._slices) == 1 else [self._leaves(few) for few in self._slices]

    def _leaves(self, few: slice) -> dict[str, Tensor]:
        return {name: w.detach()[few].requires_grad_(w.requires_grad) for name, w in self._weights.items()}

    def __iter__(self) -> Iterator[tuple[slice, dict[str, Tensor]]]:
        """Pairs of a slice of the signals and their weights."""
        return iter(zip(self._slices, self._chunks, strict=True))

    def gather_gradients(self) -> None:
        """Puts together the gradients that the chunks have collected, in `grad` of the weights that have one."""
        if len(self._chunks) == 1:
            return
        for name, weight in self._weights.items():
            gradients = [chunk[name].grad for chunk in self._chunks]
            if gradients[0] is not None:
                weight.grad = torch.cat([gradient for gradient in gradients if gradient is not None])
