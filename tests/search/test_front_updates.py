import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_toy import figures

from searchinr.search.figures import Figures
from searchinr.search.front import Front
from searchinr.search.objectives import Objectives

TWO = Objectives({"psnr_db": "max", "rate": "min"}, {"psnr_db": 20.0, "rate": 4.0})
THREE = Objectives({"psnr_db": "max", "ssim": "max", "rate": "min"}, {"psnr_db": 20.0, "ssim": 0.0, "rate": 4.0})

# few values, so that equal and partly equal points are common
PLACES = st.tuples(
    st.sampled_from([18.0, 22.0, 25.0, 25.5, 30.0]),
    st.sampled_from([0.25, 0.5, 1.0, 3.0, 5.0]),
    st.sampled_from([0.1, 0.5, 0.9]),
)


def make_points(places: list[tuple[float, float, float]]) -> list[Figures]:
    return [figures(psnr_db, rate, mean_bytes=float(i), ssim=ssim) for i, (psnr_db, rate, ssim) in enumerate(places)]


@given(st.lists(PLACES, max_size=20), st.sampled_from([TWO, THREE]))
def test_after_every_point_it_is_the_front_of_all_points_so_far(
    places: list[tuple[float, float, float]], objectives: Objectives
) -> None:
    front, points = Front(objectives), make_points(places)
    for i, point in enumerate(points):
        entered = front.add(point, objectives.vector(point))
        so_far = points[: i + 1]
        expected = objectives.front(so_far)
        assert entered == (i in expected)
        assert front.points == [points[k] for k in expected]
        assert front.hypervolume == pytest.approx(objectives.hypervolume(so_far))


def test_an_empty_front_is_worth_nothing() -> None:
    front = Front(TWO)
    assert front.points == []
    assert front.hypervolume == 0.0


def test_equal_points_are_on_it_together_until_something_better_comes() -> None:
    front = Front(TWO)
    first, twin, better = make_points([(25.0, 1.0, 0.5), (25.0, 1.0, 0.5), (25.0, 0.5, 0.5)])
    assert front.add(first, TWO.vector(first))
    assert front.add(twin, TWO.vector(twin))
    assert front.points == [first, twin]
    assert front.add(better, TWO.vector(better))
    assert front.points == [better]
    assert not front.add(first, TWO.vector(first))


def test_what_is_handed_out_is_not_the_front_itself() -> None:
    front = Front(TWO)
    (point,) = make_points([(25.0, 1.0, 0.5)])
    front.add(point, np.array([-25.0, 0.0]))
    front.points.clear()
    assert front.points == [point]
