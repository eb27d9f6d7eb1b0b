"""Chooses points that are spread along a front, by greedy farthest-first nets.

Source: Clarkson, "Nearest-Neighbor Searching and Metric Space Dimensions", 2005, section on nets; used for ties inside
a front by Schmucker et al., arXiv 2106.12639, section 4.2. Distances are Euclidean over objectives divided by a span,
so that decibels and octaves have equal weight.

Notation used for array shapes:
    n: points
    m: anchors, which are points chosen before
    k: objectives
"""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def span(points: Points) -> NDArray[np.float64]:
    """The range of each objective, `(k,)`, over points `(n, k)`; 1 where all points have the same value."""
    ranges: NDArray[np.float64] = np.ptp(points, axis=0)
    ranges[ranges == 0] = 1.0
    return ranges


def gap(point: NDArray[np.float64], anchors: Points, span: NDArray[np.float64]) -> float:
    """Squared distance from a point, `(k,)`, to the nearest of the anchors, `(m, k)`, m >= 1.

    It never grows when anchors are added or spans get larger; this holds with rounding as well.
    """
    return float(_squared(anchors, point, span).min())


def nearest_to_ideal(points: Points, ideal: NDArray[np.float64], span: NDArray[np.float64]) -> int:
    """Finds the point nearest to the ideal corner, `(k,)`, at which a net without anchors starts.

    Returns:
        Index into `points`; among equally near points, the first in lexicographic order of their objectives.
    """
    order = np.lexsort(points.T[::-1])  # (n,)
    return int(order[np.argmin(_squared(points[order], ideal, span))])


def net(points: Points, anchors: Points, ideal: NDArray[np.float64], span: NDArray[np.float64], size: int) -> list[int]:
    """Chooses points one by one; each is the farthest from the anchors and from the points chosen before it.

    Args:
        points: `(n, k)`.
        anchors: `(m, k)`. With none, the net starts at the point nearest to `ideal`.
        ideal: `(k,)`: the best value of each objective.
        span: `(k,)`: the number by which each objective is divided.
        size: How many points to choose, n at most.

    Returns:
        Indices into `points`, in the order in which they are chosen; among equally far points, the first in
        lexicographic order of their objectives is taken.
    """
    order = np.lexsort(points.T[::-1])  # (n,)
    points = points[order]
    # Squared distance to the nearest anchor or chosen point.
    gaps = _squared(points[:, None], anchors, span).min(axis=1, initial=np.inf)  # (n,)
    chosen: list[int] = []
    while len(chosen) < size:
        started = len(anchors) or chosen
        following = int(np.argmax(gaps) if started else np.argmin(_squared(points, ideal, span)))
        chosen.append(following)
        np.minimum(gaps, _squared(points, points[following], span), out=gaps)
        gaps[following] = -1.0  # below every distance, so that it is not chosen again even if all others are duplicates
    return order[chosen].tolist()  # type: ignore[no-any-return]


def _squared(points: Points, others: Points, span: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances, `(...)`, between points `(..., k)`; the two arrays are broadcast."""
    return (((points - others) / span) ** 2).sum(axis=-1)  # type: ignore[no-any-return]
