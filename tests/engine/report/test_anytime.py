from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_lines import asset_line

from searchinr.engine.report.anytime import Anytime
from searchinr.search.figures import Cost
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives

Make = Callable[..., Line]


def cost(macs: float) -> Cost:
    return Cost(macs=macs, train_s=1.0, device="cpu")


def test_the_work_of_a_trial_is_counted_once(make_point: Make, objectives: Objectives) -> None:
    anytime = Anytime(objectives)
    points = [
        make_point("a", 100, 1.0, 24.0, cost=cost(10.0)),
        make_point("b", 100, 0.5, 22.0, cost=cost(4.0)),
        make_point("a", 300, 1.0, 26.0, cost=cost(30.0)),  # of which 10 are in its first rung
        make_point("b", 900, 0.5, 21.0, cost=cost(36.0)),
    ]
    moments = [anytime.add(point) for point in points]
    assert [now.macs for now in moments] == [10, 14, 34, 66]
    assert [now.points for now in moments] == [1, 2, 3, 4]
    assert [now.front_points for now in moments] == [1, 2, 2, 2]


def test_an_asset_costs_work_before_the_points_that_use_it(make_point: Make, objectives: Objectives) -> None:
    anytime = Anytime(objectives)
    anytime.spend(asset_line(cost=cost(5.0)))
    assert anytime.add(make_point("a", 100, 1.0, 24.0, cost=cost(10.0))).macs == 15
    anytime.spend(asset_line(cost=cost(7.0), confirms=True))  # as confirmations, it is not counted
    assert anytime.add(make_point("a", 300, 1.0, 26.0, cost=cost(30.0))).macs == 35


def test_a_point_that_breaks_a_constraint_costs_work_and_gains_nothing(
    make_point: Make, small_decoders: Objectives
) -> None:
    anytime = Anytime(small_decoders)
    wide = anytime.add(make_point("a", 100, 1.0, 30.0, decode_macs_per_sample=2001.0, cost=cost(9.0)))
    assert (wide.macs, wide.hypervolume, wide.front_points) == (9.0, 0.0, 0)
    small = anytime.add(make_point("b", 100, 1.0, 25.0, decode_macs_per_sample=2000.0, cost=cost(1.0)))
    assert (small.macs, small.hypervolume, small.front_points) == (10.0, pytest.approx(10.0), 1)


@given(st.lists(st.tuples(st.floats(0.1, 6), st.floats(15, 40)), min_size=1, max_size=15))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_moment_is_what_all_points_so_far_are_worth(
    make_point: Make, objectives: Objectives, places: list[tuple[float, float]]
) -> None:
    anytime = Anytime(objectives)
    points = [make_point(str(i), 100, rate, psnr_db) for i, (rate, psnr_db) in enumerate(places)]
    for i, point in enumerate(points):
        now = anytime.add(point)
        assert now.hypervolume == pytest.approx(objectives.hypervolume(points[: i + 1]))
        assert now.front_points == len(objectives.front(points[: i + 1]))
