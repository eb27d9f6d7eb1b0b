import math
from decimal import Decimal

import pytest

from searchinr.codecs.bitstream.grid import exp_neg, power_of_two


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 7), (7, 7), (-13, 6), (75, 6), (107, 7), (-180, 6)])
def test_powers_of_two(numerator: int, denominator: int) -> None:
    power = power_of_two(numerator, denominator)
    assert float(power) == pytest.approx(2 ** (numerator / denominator), rel=1e-15)
    # 40 digits: far more than floats have, so that every machine rounds to the same one
    assert abs(power**denominator / Decimal(2) ** numerator - 1) < Decimal("1e-25")


@pytest.mark.parametrize("x", ["0", "1e-9", "0.5", "3", "30"])
def test_exponential(x: str) -> None:
    assert exp_neg(Decimal(x)) == pytest.approx(math.exp(-float(x)), rel=1e-15)
