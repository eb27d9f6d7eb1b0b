"""Pareto mathematics over points that are minimised in every objective.

Notation used for array shapes:
    n: points
    k: objectives
"""

import numpy as np
from numpy.typing import NDArray


def front_mask(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Finds the points that no other point dominates.

    A point dominates another if it is no worse in every objective and better in one; equal points do not dominate
    each other, so duplicates are on the front together.

    Args:
        points: `(n, k)`, minimised.

    Returns:
        `(n,)`, True on the front.

    Raises:
        ValueError: `points` is not `(n, k)` or holds a NaN.
    """
    points = _checked(points)
    on_front = np.zeros(len(points), dtype=bool)
    # In lexicographic order no point is dominated by a later one, so the first of the remaining points is on the front.
    rest = np.lexsort(points.T[::-1])  # (n,)
    while rest.size:
        best, others = points[rest[0]], points[rest]  # (k,), (rest, k)
        on_front[rest[(others == best).all(axis=1)]] = True
        rest = rest[(others < best).any(axis=1)]
    return on_front


def hypervolume(points: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Computes the volume that the points dominate, up to the reference point, exactly (slices of the last objective).

    Args:
        points: `(n, k)`, minimised. Points that are not better than the reference in every objective add nothing.
        reference: `(k,)`.

    Returns:
        The volume, in the product of the objectives' units; 0.0 if there are no points.

    Raises:
        ValueError: `points` is not `(n, k)`, `reference` is not `(k,)`, or one of them holds a NaN.
    """
    points = _checked(points)
    if reference.shape != (points.shape[1],) or np.isnan(reference).any():
        raise ValueError(f"reference must be {points.shape[1]} numbers, one per objective, not {reference}")
    points = points[(points < reference).all(axis=1)]
    return _volume(np.unique(points[front_mask(points)], axis=0), reference)


def _volume(points: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Hypervolume of points `(n, k)` that are all better than the reference `(k,)`."""
    if not len(points):
        return 0.0
    if len(reference) == 1:
        return float(reference[0] - points.min())
    points = points[np.argsort(points[:, -1], kind="stable")]
    # Between two neighbouring values of the last objective, the cross-section is made by all points up to the first.
    thickness = np.diff(points[:, -1], append=reference[-1])  # (n,)
    if len(reference) == 2:
        return float(thickness @ (reference[0] - np.minimum.accumulate(points[:, 0])))
    volume = 0.0
    section = points[:0, :-1]  # (m, k - 1): the front of the cross-section
    for point, height in zip(points[:, :-1], thickness, strict=True):
        if not (section <= point).all(axis=1).any():
            section = np.vstack([section[(section < point).any(axis=1)], point])
        if height > 0:
            volume += float(height) * _volume(section, reference[:-1])
    return volume


def _checked(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns `points` if they are `(n, k)` numbers; `ValueError` otherwise."""
    if points.ndim != 2:
        raise ValueError(f"points must be (n, k), not {points.shape}")
    if np.isnan(points).any():
        raise ValueError("points must not hold NaN")
    return points
