"""The front of one dataset, kept up to date point by point."""

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from searchinr.search import pareto
from searchinr.search.figures import Figures
from searchinr.search.objectives import Objectives

F = TypeVar("F", bound=Figures)


class Front(Generic[F]):
    """The feasible points that no other feasible point dominates; points with equal vectors are on the front together.

    The time that it takes to add a point grows with the size of the front, not with the number of points so far.
    """

    def __init__(self, objectives: Objectives) -> None:
        """A front without points."""
        self._objectives = objectives
        self._points: list[F] = []
        self._vectors: NDArray[np.float64] = np.empty((0, len(objectives.names)))  # (m, k), in the order of _points
        self._hypervolume: float | None = 0.0

    def add(self, point: F, vector: NDArray[np.float64]) -> bool:
        """Takes a feasible point with its `Objectives.vector`, `(k,)`, and returns whether it is on the front now."""
        if ((self._vectors <= vector).all(axis=1) & (self._vectors < vector).any(axis=1)).any():
            return False
        dominated = (vector <= self._vectors).all(axis=1) & (vector < self._vectors).any(axis=1)
        keep: NDArray[np.bool_] = np.logical_not(dominated)  # (m,)
        self._points = [old for old, kept in zip(self._points, keep, strict=True) if kept] + [point]
        self._vectors = np.vstack([self._vectors[keep], vector])
        self._hypervolume = None
        return True

    @property
    def points(self) -> list[F]:
        """The points of the front by ascending rate."""
        return sorted(self._points, key=lambda point: point.rate)

    @property
    def hypervolume(self) -> float:
        """The hypervolume of the front, as `Objectives.hypervolume` defines it."""
        if self._hypervolume is None:
            self._hypervolume = pareto.hypervolume(self._vectors, self._objectives.reference)
        return self._hypervolume
