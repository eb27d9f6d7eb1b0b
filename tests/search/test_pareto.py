import itertools
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from searchinr.search.pareto import front_mask, hypervolume

Array = NDArray[Any]

# Few different values, so that ties and duplicates are common.
grid_points = st.tuples(st.integers(1, 12), st.integers(1, 4)).flatmap(
    lambda shape: hnp.arrays(np.float64, shape, elements=st.integers(0, 5).map(float))
)


def dominates(a: Array, b: Array) -> bool:
    return all(a <= b) and any(a < b)


def volume_by_counting(points: Array, reference: Array) -> int:
    """Counts unit cells, for points and a reference with integer coordinates."""
    cells = itertools.product(*(range(int(r)) for r in reference))
    return sum(any(all(p <= np.array(cell)) for p in points) for cell in cells)


@given(grid_points)
def test_the_front_is_what_nothing_dominates(points: Array) -> None:
    assert front_mask(points).tolist() == [not any(dominates(other, point) for other in points) for point in points]


def test_duplicates_share_the_front() -> None:
    assert front_mask(np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [2.0, 2.0]])).tolist() == [True, True, True, False]


def test_no_points() -> None:
    none = np.zeros((0, 2))
    assert front_mask(none).shape == (0,)
    assert hypervolume(none, np.ones(2)) == 0.0


@given(grid_points)
def test_hypervolume_counts_cells(points: Array) -> None:
    reference = np.full(points.shape[1], 5.0)
    assert hypervolume(points, reference) == pytest.approx(volume_by_counting(points, reference))


@pytest.mark.parametrize("k", [2, 3, 4])
def test_hypervolume_agrees_with_optuna(k: int) -> None:
    from optuna._hypervolume import compute_hypervolume

    for seed in range(10):
        points = np.random.default_rng(seed).normal(size=(40, k))
        reference = np.full(k, 0.8)
        inside = points[(points < reference).all(axis=1)]
        assert hypervolume(points, reference) == pytest.approx(compute_hypervolume(inside, reference), rel=1e-12)


def test_hypervolume_of_a_staircase() -> None:
    n = 50
    steps = np.arange(n, dtype=float)
    assert hypervolume(np.stack([steps, n - 1 - steps], axis=1), np.array([n, n], dtype=float)) == n * (n + 1) / 2


@given(grid_points, st.randoms())
def test_hypervolume_ignores_order_and_dominated_points(points: Array, random: Random) -> None:
    reference = np.full(points.shape[1], 4.0)
    shuffled = list(points)
    random.shuffle(shuffled)
    front = points[front_mask(points)]
    assert hypervolume(np.array(shuffled), reference) == hypervolume(points, reference)
    assert hypervolume(front, reference) == hypervolume(points, reference)


@given(grid_points, st.sampled_from([0.25, 2.0, 1024.0]))
def test_hypervolume_scales_with_an_objective(points: Array, scale: float) -> None:
    reference = np.full(points.shape[1], 5.0)
    factors = np.ones(points.shape[1])
    factors[-1] = scale
    assert hypervolume(points * factors, reference * factors) == pytest.approx(scale * hypervolume(points, reference))


@given(grid_points)
def test_a_point_more_never_shrinks_the_hypervolume(points: Array) -> None:
    reference = np.full(points.shape[1], 5.0)
    assert hypervolume(points, reference) >= hypervolume(points[1:], reference)


def test_points_beyond_the_reference_add_nothing() -> None:
    reference = np.array([1.0, 1.0])
    assert hypervolume(np.array([[0.0, 1.0], [1.0, 0.0], [-9.0, 2.0]]), reference) == 0.0
    assert hypervolume(np.array([[0.5, 0.5], [-9.0, 2.0]]), reference) == 0.25


def test_bad_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(n, k\)"):
        front_mask(np.zeros(3))
    with pytest.raises(ValueError, match="NaN"):
        front_mask(np.array([[np.nan, 1.0]]))


def test_a_reference_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 numbers"):
        hypervolume(np.zeros((1, 2)), np.zeros(3))
