"""The priorities of syne-tune's MOASHA, as published and corrected, in a fraction of the time.

Its code sorts a whole rung anew for every result, with nets in loops over Python lists: a minute for a thousand
results, and a comparison makes a hundred thousand of them. Here fronts are found as in a run, and nets of fronts that
have not changed are kept. `tests/search/test_rivals.py` compares the outcome with that of the original.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from searchinr.search.pareto import front_mask

Floats = NDArray[np.float64]


def published(objectives: Floats) -> NDArray[np.int64]:
    """What `NonDominatedPriority` of 0.16.0 gives: `(n, 2)` -> `(n,)`."""
    # The net's ranks are taken for an order, and the order that comes out for ranks.
    return np.concatenate([front[_net_ranks(objectives[front].tobytes())] for front in _fronts(objectives)])


def corrected(objectives: Floats) -> NDArray[np.int64]:
    """What it promises: the place of every element, `(n, 2)` -> `(n,)`."""
    orders = [front[np.argsort(_net_ranks(objectives[front].tobytes()))] for front in _fronts(objectives)]
    return np.argsort(np.concatenate(orders))


def _fronts(objectives: Floats) -> Iterator[NDArray[np.int64]]:
    """Non-dominated fronts, each by ascending index."""
    rest = np.arange(len(objectives))
    while len(rest):
        on_front = front_mask(objectives[rest])
        yield rest[on_front]
        rest = rest[~on_front]


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
