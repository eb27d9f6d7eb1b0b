from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchinr.engine.report import style
from searchinr.engine.report.baselines import BaselinePoint, Baselines
from searchinr.engine.report.front import FrontReport, collect_front
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives


@given(st.floats(1e-4, 1e4), st.floats(4, 1e4))
def test_log_ticks_are_round_ascending_and_enough(lo: float, factor: float) -> None:
    hi = lo * factor
    ticks = style.log_ticks(lo, hi)
    assert 4 <= len(ticks) <= 13
    assert ticks == sorted(set(ticks))
    assert all(lo <= tick <= hi for tick in ticks)
    assert all(len(f"{tick:.10e}".split("e")[0].rstrip("0.")) <= 3 for tick in ticks)  # at most two digits


def test_log_ticks_of_usual_ranges() -> None:
    assert style.log_ticks(0.09, 3.3) == [0.1, 0.2, 0.5, 1, 2]
    assert style.log_ticks(0.002, 300) == [0.01, 0.1, 1, 10, 100]


@pytest.mark.parametrize(("number", "label"), [(0.001, "0.001"), (0.15, "0.15"), (1.0, "1"), (2e4, "20000")])
def test_tick_labels_have_no_exponent(number: float, label: str) -> None:
    assert style.plain(number) == label


@pytest.fixture
def report(make_point: Callable[..., Line], objectives: Objectives) -> Callable[[Baselines], FrontReport]:
    points = [make_point("a", 100, 0.5, 24.0), make_point("b", 100, 1.0, 28.0), make_point("c", 100, 9.0, 21.0)]
    return lambda baselines: collect_front(points, "photos", objectives, baselines)


def curve(name: str, *points: tuple[float, float]) -> Baselines:
    return Baselines(
        tuple(BaselinePoint(name, i, {"rate": rate, "psnr_db": psnr}) for i, (rate, psnr) in enumerate(points))
    )


def test_limits_hold_the_front_and_not_the_points_far_below_it(report: Callable[[Baselines], FrontReport]) -> None:
    box = style.limits(report(Baselines()))
    assert box.rate[0] < 0.5 < 1.0 < box.rate[1] < 9.0
    assert 21 < box.quality[0] < 24 < 28 < box.quality[1]


def test_a_baseline_stretches_the_limits_but_never_dwarfs_the_front(report: Callable[[Baselines], FrontReport]) -> None:
    plain = style.limits(report(Baselines()))
    near = style.limits(report(curve("near", (0.1, 24), (3, 29.5))))
    far = style.limits(report(curve("far", (0.1, 24), (3, 60))))
    assert plain.quality[1] < far.quality[1] < 31.0
    assert near.quality[1] <= far.quality[1]
    assert near.rate == far.rate == plain.rate


def test_only_the_part_of_a_baseline_within_the_limits_is_visible() -> None:
    box = style.Limits((0.5, 2.0), (20.0, 30.0))
    seen = style.visible([(0.125, 20), (8.0, 32)], box)  # 2 dB an octave
    assert seen[0] == pytest.approx((0.5, 24.0))
    assert seen[-1] == pytest.approx((2.0, 28.0))
    assert style.visible([(0.1, 50), (8, 60)], box) == []
    assert style.visible([(0.1, 20), (0.2, 25)], box) == []


def test_the_small_print_says_what_is_outside_and_what_the_reference_is(
    report: Callable[[Baselines], FrontReport],
) -> None:
    text = style.small_print(report(curve("AVIF (4:4:4)", (0.1, 50), (8, 60))))
    assert "Outside the axes: AVIF." in text
    assert "(20 dB, 4 bpp)" in text


def test_families_keep_their_style_and_differ(make_point: Callable[..., Line], objectives: Objectives) -> None:
    names = [f"net{i:02}" for i in range(20)]
    points = [make_point(name, 100, 1.0, 25.0, params={"backbone": name}) for name in names]
    styles = style.family_styles(collect_front(points, "photos", objectives))
    assert len(set(styles.values())) == 20
    assert styles == style.family_styles(collect_front(points[::-1], "photos", objectives))


@pytest.mark.parametrize(
    ("macs", "text"),
    [(0.0, "0 MAC"), (950.0, "950 MAC"), (1e3, "1 kMAC"), (2.5e10, "25 GMAC"), (1e12, "1 TMAC"), (3e23, "300 ZMAC")],
)
def test_work_is_told_with_a_prefix(macs: float, text: str) -> None:
    assert style.work(macs) == text


def test_the_limits_hold_what_further_seeds_gave(
    make_point: Callable[..., Line], confirm: Callable[..., Line], objectives: Objectives
) -> None:
    points = [make_point("a", 100, 0.5, 24.0), make_point("b", 100, 1.0, 28.0)]
    unlucky = confirm(points[0], 1, 21.0, 0.5)
    assert style.limits(collect_front([*points, unlucky], "photos", objectives)).quality[0] < 21.0


def test_crosses_are_explained_where_there_are_any(
    ledger: list[Line], confirmed_ledger: list[Line], objectives: Objectives
) -> None:
    assert "further seeds" in style.small_print(collect_front(confirmed_ledger, "photos", objectives))
    assert "further seeds" not in style.small_print(collect_front(ledger, "photos", objectives))
