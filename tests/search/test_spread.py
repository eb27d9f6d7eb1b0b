import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from searchinr.search.spread import gap, nearest_to_ideal, net, span

Points = NDArray[np.float64]

grid_points = st.tuples(st.integers(2, 12), st.integers(1, 4)).flatmap(
    lambda shape: hnp.arrays(np.float64, shape, elements=st.integers(0, 5).map(float))
)


def test_a_net_starts_next_to_the_ideal_corner_then_takes_the_ends() -> None:
    front = np.array([[0.0, 100.0], [1.0, 95.0], [4.0, 30.0], [9.0, 5.0], [10.0, 0.0]])
    chosen = net(front, front[:0], front.min(axis=0), span(front), 3)
    assert chosen[0] == 2
    assert set(chosen[1:]) == {0, 4}


def test_a_net_goes_on_from_its_anchors() -> None:
    points = np.array([[0.0], [5.0], [10.0], [6.0]])
    assert net(points, np.array([[0.0], [10.0]]), np.zeros(1), np.ones(1), 2) == [1, 3]


@given(grid_points, st.integers(0, 3))
def test_every_choice_is_the_farthest_of_those_left(points: Points, anchored: int) -> None:
    anchors, rest = points[:anchored], points[anchored:]
    ranges = span(points)
    size = len(rest)
    chosen = net(rest, anchors, points.min(axis=0), ranges, size)
    assert sorted(chosen) == list(range(size))
    for step in range(0 if anchored else 1, size):
        before = np.concatenate([anchors, rest[chosen[:step]]])
        gaps = [gap(rest[i], before, ranges) for i in chosen[step:]]
        assert gaps[0] == max(gaps)


@given(grid_points, st.randoms())
def test_the_order_of_points_does_not_matter(points: Points, random: object) -> None:
    order = np.random.default_rng(hash(random) % 2**32).permutation(len(points))
    arguments = (points[:0], points.min(axis=0), span(points), len(points))
    assert (points[net(points, *arguments)] == points[order][net(points[order], *arguments)]).all()
    nearest = [nearest_to_ideal(p, points.min(axis=0), span(points)) for p in (points, points[order])]
    assert (points[nearest[0]] == points[order][nearest[1]]).all()


@given(grid_points, st.sampled_from([2.0**-9, 64.0]))
def test_the_scale_of_an_objective_does_not_matter(points: Points, scale: float) -> None:
    other = points.copy()
    other[:, 0] *= scale
    nets = [net(p, p[:0], p.min(axis=0), span(p), len(p)) for p in (points, other)]
    assert nets[0] == nets[1]


@given(grid_points.filter(lambda points: len(points) > 3), st.floats(1e-3, 1e3))
def test_a_gap_never_grows_with_anchors_and_spans(points: Points, more: float) -> None:
    ranges = span(points)
    now = gap(points[0], points[1:3], ranges)
    assert gap(points[0], points[1:], ranges) <= now
    assert gap(points[0], points[1:3], ranges + more) <= now


def test_an_objective_without_range_counts_for_nothing() -> None:
    points = np.array([[1.0, 7.0], [2.0, 7.0]])
    assert span(points).tolist() == [1.0, 1.0]
    assert gap(points[0], points[1:], span(points)) == pytest.approx(1.0)
