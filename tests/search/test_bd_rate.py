import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchinr.search.bd_rate import BdRate, bd_rate

Curve = list[tuple[float, float]]
CURVE: Curve = [(0.1, 24.0), (0.2, 26.5), (0.45, 29.0), (0.9, 32.5), (2.0, 36.0)]


def percent(anchor: Curve, tested: Curve) -> float:
    found = bd_rate(anchor, tested)
    assert found is not None
    return found.percent


@given(st.floats(0.2, 5.0))
def test_a_constant_factor_is_found_exactly(factor: float) -> None:
    assert percent(CURVE, [(factor * rate, psnr) for rate, psnr in CURVE]) == pytest.approx(100 * (factor - 1))


def test_straight_lines_in_closed_form() -> None:
    # 3 and 2 dB an octave from (1, 30): log2 rates (q - 30) / 3 and (q - 30) / 2, so d / 12 octaves on average
    one = [(2.0**k, 30 + 3.0 * k) for k in range(5)]
    two = [(2.0**k, 30 + 2.0 * k) for k in range(5)]
    found = bd_rate(one, two)
    assert found is not None
    assert (found.low_db, found.high_db) == (30, 38)
    assert found.percent == pytest.approx(100 * (2 ** (8 / 12) - 1))


def test_it_is_what_a_fine_numerical_mean_gives() -> None:
    from scipy.interpolate import PchipInterpolator

    other = [(0.15, 23.0), (0.3, 28.0), (0.5, 29.0), (1.5, 35.5), (3.0, 38.0)]
    grid = np.linspace(24, 36, 200_001)
    logs = [PchipInterpolator([q for _, q in c], [math.log(r) for r, _ in c])(grid) for c in (CURVE, other)]
    assert percent(CURVE, other) == pytest.approx(100 * math.expm1(float(np.mean(logs[1] - logs[0]))), abs=1e-3)


def test_exchanging_the_curves_inverts_the_ratio() -> None:
    other = [(0.15, 23.0), (0.3, 28.0), (1.5, 35.5)]
    assert (1 + percent(CURVE, other) / 100) * (1 + percent(other, CURVE) / 100) == pytest.approx(1)


def test_order_and_dominated_points_do_not_matter() -> None:
    worse = [*CURVE[::-1], (0.5, 28.0), (2.0, 35.0), (0.9, 32.5)]
    assert percent(CURVE, worse) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ([(1.0, 40.0), (2.0, 42.0)], "no PSNR in common"),
        ([(1.0, 35.5), (2.0, 42.0)], "too little"),
        ([(1.0, 30.0)], "one point"),
        ([(1.0, 30.0), (2.0, 30.0)], "one point that is not dominated"),
        ([], "none"),
    ],
)
def test_nothing_is_said_without_enough_in_common(other: Curve, why: str) -> None:
    assert bd_rate(CURVE, other) is None, why
    assert bd_rate(other, CURVE) is None, why


def test_in_words() -> None:
    assert BdRate(-12.34, 24.0, 36.0).text() == "-12.3 % from 24.0 to 36.0 dB"
