"""The priorities of syne-tune's MOASHA, as published and corrected, in a fraction of the time.

Its code sorts a whole rung anew for every result, with nets in loops over Python lists: a minute for a thousand
results, and a comparison makes a hundred thousand of them. Here fronts come from one sweep, and nets of fronts that
have not changed are kept. `tests/search/test_rivals.py` compares the outcome with that of the original.
"""

from bisect import bisect_right
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def published(objectives: Floats) -> NDArray[np.int64]:
    """What `NonDominatedPriority` of 0.16.0 gives: `(n, 2)` -> `(n,)`."""
    # The net's ranks are taken for an order, and the order that comes out for ranks.
    return np.concatenate([front[_net_ranks(objectives[front].tobytes())] for front in _fronts(objectives)])


def corrected(objectives: Floats) -> NDArray[np.int64]:
    """What it promises: the place of every element, `(n, 2)` -> `(n,)`."""
    priorities = np.empty(len(objectives), np.int64)
    placed = 0
    for front in _fronts(objectives):
        priorities[front] = placed + _net_ranks(objectives[front].tobytes())
        placed += len(front)
    return priorities


def _fronts(objectives: Floats) -> list[NDArray[np.int64]]:
    """Non-dominated fronts of two objectives, each by ascending index."""
    fronts: list[list[int]] = []
    lowest: list[float] = []  # second objective of the last member of each front: rises from front to front
    previous, place = None, 0
    order = np.lexsort((objectives[:, 1], objectives[:, 0])).tolist()
    for index, point in zip(order, objectives[order].tolist(), strict=True):
        if point != previous:  # equal points share a front
            place = bisect_right(lowest, point[1])
            previous = point
        if place == len(fronts):
            fronts.append([])
            lowest.append(point[1])
        fronts[place].append(index)
        lowest[place] = point[1]
    return [np.sort(np.array(front)) for front in fronts]


@lru_cache(maxsize=100_000)
def _net_ranks(front: bytes) -> NDArray[np.int64]:
    """Ranks in a greedy farthest-first net that starts at the lowest first objective; `front` is `(m, 2)` float64."""
    points = np.frombuffer(front).reshape(-1, 2)
    ranks = np.empty(len(points), np.int64)
    gaps = np.full(len(points), np.inf)
    chosen = int(np.argmin(points[:, 0]))
    for rank in range(len(points)):
        ranks[chosen] = rank
        np.minimum(gaps, np.linalg.norm(points - points[chosen], axis=-1), out=gaps)
        gaps[chosen] = -np.inf  # never again
        chosen = int(np.argmax(gaps))
    return ranks
