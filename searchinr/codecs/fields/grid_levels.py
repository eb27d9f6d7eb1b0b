"""The geometry of multi-resolution grids (Mueller et al. 2022, "Instant neural graphics primitives", section 3).

A level is a grid of vertices over the signal's domain, with square cells. Every vertex has an entry in a table: one of
its own if there are few enough vertices, otherwise one that a hash chooses. A point lies between 2**d vertices, and its
value is interpolated n-linearly from their entries.

Notation used for tensor shapes: n points, d coordinates, k corners: 2**d, or 2 along one axis.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple, Self

import torch
from torch import Tensor

_PRIMES = (1, 2_654_435_761, 805_459_861)  # the primes of Instant-NGP, equation 4
MAX_AXES = len(_PRIMES)


class Corners(NamedTuple):
    """The vertices of a level between which points lie, and the weights by which they are interpolated.

    Attributes:
        entries: Table entries of the vertices around each point, `(n, k)`, int64, counted from the level's first entry.
        weights: Weight of each vertex, `(n, k)`, float64; the weights of a point add up to 1.
    """

    entries: Tensor
    weights: Tensor


@dataclass(frozen=True)
class GridLevel:
    """One level.

    Attributes:
        vertices: Number of vertices along each axis.
        entries: Number of entries that the level has in the table.
        extent: Coordinates of axis `a` lie in `[-extent[a], extent[a]]`.
    """

    vertices: tuple[int, ...]
    entries: int
    extent: tuple[float, ...]

    @property
    def is_hashed(self) -> bool:
        """Whether vertices share entries."""
        return self.entries < math.prod(self.vertices)

    def corners(self, coords: Tensor) -> Corners:
        """Finds the corners of points, `(n, d)`."""
        return self.combined([self.neighbours(axis, places) for axis, places in enumerate(coords.unbind(1))])

    def neighbours(self, axis: int, places: Tensor) -> Corners:
        """Finds the two vertices beside each place along one axis, `(n,)`; `entries` are numbers along that axis."""
        # float64, since float32 cannot tell the vertices of an axis with some million samples apart
        position = (places.double() / self.extent[axis] + 1) * ((self.vertices[axis] - 1) / 2)
        first = position.floor().clamp(0, self.vertices[axis] - 2)
        part, first = position - first, first.long()
        return Corners(torch.stack([first, first + 1], dim=-1), torch.stack([1 - part, part], dim=-1))

    def combined(self, axes: Sequence[Corners]) -> Corners:
        """Makes corners `(..., k)` of points from their `neighbours` along each axis, which are broadcast."""
        entries, weights = [], []
        for corner in product(*(zip(of.entries.unbind(-1), of.weights.unbind(-1), strict=True) for of in axes)):
            places, shares = zip(*corner, strict=True)
            entries.append(self._entry(places))
            weights.append(math.prod(shares[1:], start=shares[0]))
        return Corners(torch.stack(entries, dim=-1), torch.stack(weights, dim=-1))

    def _entry(self, vertex: Sequence[Tensor]) -> Tensor:
        """The entry of each vertex; if the level is hashed, its number of entries is a power of two."""
        entry = torch.zeros_like(vertex[0])
        if self.is_hashed:
            for place, prime in zip(vertex, _PRIMES, strict=False):
                entry = entry ^ place * prime
            return entry & (self.entries - 1)
        for place, vertices in zip(vertex, self.vertices, strict=True):
            entry = entry * vertices + place
        return entry


@dataclass(frozen=True)
class GridLevels:
    """All levels, the coarsest first. They share one table, in which the entries of one level follow another's."""

    levels: tuple[GridLevel, ...]

    @classmethod
    def geometric(
        cls, extent: tuple[float, ...], *, levels: int, table_size: int, min_resolution: int, max_resolution: int
    ) -> Self:
        """Makes levels whose resolutions grow by a constant factor (equations 2 and 3).

        Args:
            extent: See `GridLevel`; the resolution is that of the longest axis, and the others keep the cells square.
            levels: Number of levels; a single one has the highest resolution.
            table_size: The largest number of entries of a level, a power of two.
            min_resolution: Number of vertices along the longest axis in the coarsest level.
            max_resolution: Number of vertices along the longest axis in the finest level.
        """
        each = []
        for level in range(levels):
            resolution = _between(min_resolution, max_resolution, level, levels - 1) if levels > 1 else max_resolution
            vertices = tuple(max(2, round(resolution * half / max(extent))) for half in extent)
            each.append(GridLevel(vertices, min(math.prod(vertices), table_size), extent))
        return cls(tuple(each))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first entry of each level in the table and, at the end, the length of the table."""
        starts = [0]
        for level in self.levels:
            starts.append(starts[-1] + level.entries)
        return tuple(starts)

    @property
    def entries(self) -> int:
        """Length of the table."""
        return self.starts[-1]


def _between(low: int, high: int, step: int, steps: int) -> int:
    """`low * (high / low) ** (step / steps)`, rounded down; integers only, so that every machine gets the same."""
    power = low ** (steps - step) * high**step
    below, above = low, high + 1
    while above - below > 1:
        middle = (below + above) // 2
        if middle**steps <= power:
            below = middle
        else:
            above = middle
    return below
