from collections.abc import Callable
from statistics import stdev

import pytest

from searchinr.engine.report.confirmation import Confirmations, Confirmed, Spread, is_confirmation
from searchinr.search.lines import Line
from searchinr.space import PSNR

Make = Callable[..., Line]


def test_mean_and_deviation_are_over_the_further_seeds_alone(make_point: Make, confirm: Make) -> None:
    point = make_point("a", 100, 1.0, 30.0)  # selected, and luckier than any of its further fits
    confirmations = Confirmations(PSNR)
    for seed, psnr_db in enumerate((28.0, 29.0, 28.6), start=1):
        known = confirmations.add(confirm(point, seed, psnr_db, 1.0 + seed / 100))
    assert known == confirmations.of(point)
    assert known == Confirmed(
        PSNR,
        3,
        Spread(pytest.approx(28.5333, abs=1e-4), stdev([28.0, 29.0, 28.6])),
        Spread(1.02, pytest.approx(0.01)),
        0,
    )


def test_a_deviation_needs_two_seeds_and_a_mean_one(make_point: Make, confirm: Make, fail_confirmation: Make) -> None:
    point = make_point("a", 100, 1.0, 30.0)
    confirmations = Confirmations(PSNR)
    nothing = confirmations.add(fail_confirmation(point, 1))
    assert (nothing.seeds, nothing.quality, nothing.rate, nothing.failed) == (0, None, None, 1)
    assert nothing.text("bpp") == "1 failed"
    one = confirmations.add(confirm(point, 2, 29.0, 1.01))
    assert one == Confirmed(PSNR, 1, Spread(29.0, None), Spread(1.01, None), 1)
    assert one.text("bpp") == "29.00 dB at 1.010 bpp, 1 seed, 1 failed"


def test_a_point_is_a_trial_at_a_rung(make_point: Make, confirm: Make) -> None:
    short, long, other = make_point("a", 100, 1.0, 30.0), make_point("a", 300, 1.0, 31.0), make_point("b", 100, 1.0, 30)
    confirmations = Confirmations(PSNR)
    confirmations.add(confirm(short, 1, 29.0, 1.0))
    assert confirmations.of(short) is not None
    assert confirmations.of(long) is confirmations.of(other) is None


def test_which_lines_are_confirmations(ledger: list[Line], confirmed_ledger: list[Line]) -> None:
    assert not any(map(is_confirmation, ledger))  # a failed trial is none
    assert sum(map(is_confirmation, confirmed_ledger)) == 4
