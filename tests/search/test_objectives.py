import math

import numpy as np
import pytest
from search_toy import figures as point

from searchinr.errors import UserError
from searchinr.search.figures import Figures
from searchinr.search.objectives import Objectives
from searchinr.space import LOSSLESS_DB, PSNR, SSIM, STANDARD, Bound, Metric

DEFAULT = Objectives({"psnr_db": "max", "rate": "min"}, {"psnr_db": 20.0, "rate": 4.0})


def test_vector_is_minimised_with_the_rate_in_octaves() -> None:
    assert DEFAULT.vector(point(31.5, 0.25)).tolist() == [-31.5, -2.0]
    assert DEFAULT.reference.tolist() == [-20.0, 2.0]


def test_axes_keep_the_order_of_the_space() -> None:
    swapped = Objectives({"rate": "min", "psnr_db": "max"}, {"psnr_db": 20.0, "rate": 4.0})
    assert swapped.names == ("rate", "psnr_db")
    assert swapped.vector(point(31.5, 0.25)).tolist() == [-2.0, -31.5]
    assert swapped.reference.tolist() == [2.0, -20.0]


def test_seconds_are_in_octaves() -> None:
    objectives = Objectives(
        {"ssim": "max", "encode_s": "min", "decode_s": "min"}, {"ssim": 0.0, "encode_s": 1.0, "decode_s": 1.0}
    )
    assert objectives.vector(point(ssim=0.9, encode_s=4.0, decode_s=0.25)).tolist() == [-0.9, 2.0, -2.0]


@pytest.mark.parametrize(
    ("names", "quality"),
    [
        (("psnr_db", "rate"), PSNR),
        (("rate", "ssim"), SSIM),
        (("ssim", "rate", "psnr_db"), PSNR),  # it goes before others
        (("worst", "ssim", "encode_s"), Metric("worst", "worst error", "min")),  # else the first
        (("rate", "decode_s"), PSNR),  # nothing says how good signals are
    ],
)
def test_the_quality_is_the_objective_that_measures_signals(names: tuple[str, ...], quality: Metric) -> None:
    known = {**STANDARD, "worst": Metric("worst", "worst error", "min")}
    directions = {name: known[name].direction for name in names}
    assert Objectives(directions, dict.fromkeys(names, 1.0), metrics=known).quality == quality


def test_hypervolume_is_in_decibels_times_octaves() -> None:
    # 10 dB above the reference over 2 octaves, and 4 dB more over the first of them.
    assert DEFAULT.hypervolume([point(30.0, 1.0), point(34.0, 2.0), point(29.0, 3.0)]) == pytest.approx(24.0)
    assert DEFAULT.hypervolume([]) == 0.0


def test_front_is_sorted_by_rate() -> None:
    points = [point(34.0, 2.0), point(29.0, 3.0), point(20.0, 0.1), point(30.0, 1.0)]
    assert DEFAULT.front(points) == [2, 3, 0]
    assert DEFAULT.front([]) == []


def test_a_perfect_decode_has_a_finite_place() -> None:
    assert DEFAULT.vector(point(math.inf, 1.0))[0] == -LOSSLESS_DB
    assert DEFAULT.front([point(math.inf, 1.0), point(99.0, 1.0)]) == [0]


def test_a_figure_that_was_not_measured_is_the_users_to_solve() -> None:
    objectives = Objectives({"ssim": "max", "rate": "min"}, {"ssim": 0.5, "rate": 64.0})
    with pytest.raises(UserError, match=r"^objectives: 'ssim' is not measured for audio; choose among psnr_db, rate"):
        objectives.vector(point(modality="audio"))


@pytest.mark.parametrize(
    ("bad", "text"), [(point(np.nan), "psnr_db is NaN"), (point(rate=0.0), "rate must be above 0")]
)
def test_bad_figures_are_refused(bad: Figures, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        DEFAULT.vector(bad)


FAST = Objectives(
    {"psnr_db": "max", "rate": "min"},
    {"psnr_db": 20.0, "rate": 4.0},
    {"decode_macs_per_sample": Bound("<=", 2000.0), "ssim": Bound(">=", 0.8)},
)


def test_excess_is_a_fraction_of_the_limit_in_the_order_of_the_constraints() -> None:
    line = point(decode_macs_per_sample=2500.0, ssim=0.6)
    assert FAST.excess(line).tolist() == pytest.approx([0.25, 0.25])
    assert FAST.violation(line) == pytest.approx(0.5)
    within = point(decode_macs_per_sample=1000.0, ssim=1.0)
    assert FAST.excess(within).tolist() == pytest.approx([-0.5, -0.25])
    assert FAST.violation(within) == 0.0
    assert DEFAULT.excess(line).shape == (0,)


@pytest.mark.parametrize(
    ("macs", "ssim", "broken"),
    [
        (2000.0, 0.8, []),
        (2001.0, 0.8, ["decode_macs_per_sample is 2001, allowed <= 2000"]),
        (2000.0, 0.79, ["ssim is 0.79, allowed >= 0.8"]),
        (9e9, 0.0, ["decode_macs_per_sample is 9e+09, allowed <= 2000", "ssim is 0, allowed >= 0.8"]),
    ],
)
def test_the_limits_themselves_are_allowed(macs: float, ssim: float, broken: list[str]) -> None:
    line = point(decode_macs_per_sample=macs, ssim=ssim)
    assert FAST.broken(line) == broken
    assert FAST.is_feasible(line) == (not broken)


def test_seconds_can_be_constrained() -> None:
    limited = Objectives({"psnr_db": "max", "rate": "min"}, {"psnr_db": 20, "rate": 4}, {"encode_s": Bound("<=", 4.0)})
    assert limited.is_feasible(point(encode_s=4.0))
    assert not limited.is_feasible(point(encode_s=4.1))


def test_front_and_hypervolume_know_only_what_meets_the_constraints() -> None:
    points = [
        point(34.0, 2.0, decode_macs_per_sample=1.0, ssim=0.9),
        point(40.0, 0.5, decode_macs_per_sample=2001.0, ssim=0.9),  # better than all, but too dear
        point(30.0, 1.0, decode_macs_per_sample=1.0, ssim=0.9),
        point(30.0, 1.5, decode_macs_per_sample=1.0, ssim=0.9),
    ]
    assert FAST.front(points) == [2, 0]
    assert FAST.hypervolume(points) == pytest.approx(24.0)
    assert FAST.front(points[1:2]) == []
    assert FAST.hypervolume(points[1:2]) == 0.0


def test_a_constrained_figure_that_was_not_measured_is_the_users_to_solve() -> None:
    with pytest.raises(UserError, match=r"^constraints: 'ssim' is not measured for audio; choose among psnr_db, rate"):
        FAST.is_feasible(point(decode_macs_per_sample=1.0, modality="audio"))
