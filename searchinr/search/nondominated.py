"""Non-dominated levels of a set of points that grows and shrinks.

Notation used for array shapes:
    n: points
    k: objectives
"""

import numpy as np
from numpy.typing import NDArray

from searchinr.search.growing import GrowingRows
from searchinr.search.pareto import front_mask

Ids = NDArray[np.intp]
_GONE = -1


class NondominatedLevels:
    """Points in non-dominated levels: level 0 is the front, level 1 the front of the rest, and so on.

    Domination is constrained (Deb et al., NSGA-II, 2002, section VI): the point that violates the constraints less
    dominates, whatever its objectives. At equal violation, a point dominates if it is no worse in any objective and
    better in one. So all points of a level violate the constraints equally, and equal points share a level.

    A new point pushes the points of its level that it dominates one level down, and these may push others in turn (Li
    et al., "Efficient Nondomination Level Update Method for Steady-State Evolutionary Multiobjective Optimization",
    IEEE Trans. Cybernetics 47, 2017). When a point is removed, others move up. Only levels that were asked for are kept
    sorted; the levels below are sorted on demand, since a scheduler asks for the best levels only.
    """

    def __init__(self) -> None:
        self._points = GrowingRows()
        self._violations = GrowingRows()
        self._ranks = np.empty(0, np.intp)  # (capacity,); an unsorted point has the number of sorted levels as its rank
        self._sorted: list[Ids] = []
        self._unsorted: set[int] = set()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def points(self) -> NDArray[np.float64]:
        """`(n, k)`: every point that was ever added, by its id; a view, valid until the next `add`."""
        return self._points.rows

    def add(self, point: NDArray[np.float64], violation: float) -> int:
        """Adds a point, `(k,)`, and returns its id: 0, 1, 2 ... in the order of arrival; none is used twice.

        `violation` is how far the point is from meeting the constraints; 0 if it meets them.
        """
        new = len(self.points)
        self._points.append(point)
        self._violations.append(np.array([violation]))
        if new == len(self._ranks):
            self._ranks = np.concatenate([self._ranks, np.full(max(16, new), _GONE)])
        self._count += 1
        self._push(np.array([new]), self._first_level_not_dominating(new))
        return new

    def remove(self, point: int) -> None:
        """Removes a point."""
        rank = int(self._ranks[point])
        self._ranks[point] = _GONE
        self._count -= 1
        if rank == len(self._sorted):
            self._unsorted.remove(point)
            return
        level = self._sorted[rank]
        self._sorted[rank] = level[level != point]
        self._pull(np.array([point]), rank)

    def rank(self, point: int) -> int:
        """The level that a point is on."""
        while self._ranks[point] == len(self._sorted):
            self._sort_another()
        return int(self._ranks[point])

    def rank_at_least(self, point: int) -> int:
        """A lower bound of a point's rank, which is known without sorting."""
        return int(self._ranks[point])

    def level(self, rank: int) -> Ids:
        """The points on a level, in no particular order; empty if there is no such level."""
        while rank >= len(self._sorted) and self._unsorted:
            self._sort_another()
        return self._sorted[rank] if rank < len(self._sorted) else np.empty(0, np.intp)

    def present(self) -> Ids:
        """All points that were not removed, in the order of arrival."""
        return np.flatnonzero(self._ranks[: len(self.points)] != _GONE)

    def _first_level_not_dominating(self, new: int) -> int:
        """The first sorted level that does not dominate the new point, or the number of sorted levels if all do.

        It is found by bisection, since a point that a level dominates is dominated by every level above it as well.
        """
        low, high = 0, len(self._sorted)
        while low < high:
            middle = (low + high) // 2
            if self._dominated(self._sorted[middle], np.array([new]))[0]:
                low = middle + 1
            else:
                high = middle
        return low

    def _push(self, moved: Ids, rank: int) -> None:
        """Puts points that do not dominate each other on a level; the points that they dominate go one level down."""
        while rank < len(self._sorted):
            level = self._sorted[rank]
            pushed = self._dominated(moved, level)  # (level,)
            if pushed.all():  # the moved points form a new level, and every level from here on moves one down
                self._sorted.insert(rank, moved)
                ranks = self._ranks[: len(self.points)]
                ranks[ranks >= rank] += 1
                self._ranks[moved] = rank
                return
            self._sorted[rank] = np.concatenate([level[~pushed], moved])
            self._ranks[moved] = rank
            if not pushed.any():
                return
            moved, rank = level[pushed], rank + 1
        self._unsorted.update(moved.tolist())
        self._ranks[moved] = rank

    def _pull(self, gone: Ids, rank: int) -> None:
        """Refills a level from which points are gone: points of the next level that only those dominated move up."""
        while rank + 1 < len(self._sorted):
            level, following = self._sorted[rank], self._sorted[rank + 1]
            freed = following[self._dominated(gone, following)]
            freed = freed[~self._dominated(level, freed)]
            if not len(freed):
                return
            self._sorted[rank] = np.concatenate([level, freed])
            self._sorted[rank + 1] = following[~np.isin(following, freed)]
            self._ranks[freed] = rank
            gone, rank = freed, rank + 1
        # Unsorted points might now belong on the last sorted level. It is not known which, so it is sorted again later.
        last = self._sorted.pop()
        self._unsorted.update(last.tolist())
        self._ranks[list(self._unsorted)] = len(self._sorted)

    def _sort_another(self) -> None:
        """Sorts one more level out of the unsorted points, of which there is at least one."""
        rest = np.fromiter(self._unsorted, np.intp, len(self._unsorted))
        violations = self._violations.rows[rest, 0]
        chosen = violations == violations.min()  # (rest,)
        chosen[chosen] = front_mask(self.points[rest[chosen]])
        self._sorted.append(rest[chosen])
        self._unsorted.difference_update(rest[chosen].tolist())
        self._ranks[rest[~chosen]] = len(self._sorted)

    def _dominated(self, by: Ids, points: Ids) -> NDArray[np.bool_]:
        """Which of `points` are dominated by a point of `by`, `(points,)`; each of the two lies within one level."""
        if not len(by) or not len(points):
            return np.zeros(len(points), bool)
        first, second = self._violations.rows[by[0], 0], self._violations.rows[points[0], 0]
        if first != second:
            return np.full(len(points), first < second)
        no_worse = np.ones((len(by), len(points)), bool)
        better = np.zeros((len(by), len(points)), bool)
        for ours, theirs in zip(self.points[by].T, self.points[points].T, strict=True):
            no_worse &= ours[:, None] <= theirs
            better |= ours[:, None] < theirs
        return np.asarray((no_worse & better).any(axis=0))
