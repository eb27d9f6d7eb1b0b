import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchinr.search.bd_rate import BdRate, bd_rate, method
from searchinr.space import PSNR, SSIM, Metric

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
    assert (found.low, found.high) == (30, 38)
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
    assert BdRate(-12.34, 24.0, 36.0, PSNR).text() == "-12.3 % from 24.0 to 36.0 dB"


ERROR = Metric("rmse", "RMSE", "min", unit="K", axis="log")
OVERLAP = Metric("iou", "IoU", "max", axis="near_one")


def test_an_error_gives_what_its_psnr_gives() -> None:
    other = [(0.15, 23.0), (0.3, 28.0), (0.5, 29.0), (1.5, 35.5)]
    errors = [[(rate, 10 ** (-psnr / 20)) for rate, psnr in points] for points in (CURVE, other)]
    found = bd_rate(*errors, ERROR)
    assert found is not None
    assert found.percent == pytest.approx(percent(CURVE, other))
    assert (found.low, found.high) == (errors[0][0][1], errors[1][-1][1])  # the worst of one, the best of the other
    assert method(ERROR) == "PCHIP of log rate over log RMSE" and method(PSNR) == "PCHIP of log rate over PSNR"
    perfect = [*errors[0], (4.0, 0.0)]  # no place on a logarithmic axis
    assert bd_rate(perfect, errors[1], ERROR) == found


def test_of_an_overlap_what_is_missing_counts() -> None:
    # the missing part halves with each octave, or with every two of them
    one = [(2.0**k, 1 - 2.0**-k) for k in range(1, 6)]
    two = [(2.0 ** (2 * k), 1 - 2.0**-k) for k in range(1, 4)]
    found = bd_rate(one, two, OVERLAP)
    assert found is not None
    assert (found.low, found.high) == (0.5, 0.875)
    assert found.percent == pytest.approx(100 * (2**2 - 1))  # 1 to 3 octaves more, 2 on average
    assert found.text() == "+300.0 % from IoU 0.50 to 0.88"
    assert method(OVERLAP) == "PCHIP of log rate over log (1 - IoU)"


def test_curves_of_other_metrics_must_have_a_tenth_in_common() -> None:
    def curve(low: float, high: float) -> Curve:
        return [(1.0, low), (2.0, high)]

    assert bd_rate(curve(0.5, 0.7), curve(0.69, 0.9), SSIM) is None
    assert bd_rate(curve(0.5, 0.7), curve(0.65, 0.9), SSIM) is not None
