"""Geometric grids of real numbers that every machine computes alike, so that one byte can name a number."""

from decimal import Context, Decimal
from functools import lru_cache

_CONTEXT = Context(prec=40)
"""`decimal` is software arithmetic with specified rounding: unlike `math.exp` it does not depend on the C library."""


@lru_cache(maxsize=4096)
def power_of_two(numerator: int, denominator: int) -> Decimal:
    """2 ** (numerator / denominator), to 40 digits."""
    return _CONTEXT.power(Decimal(2), _CONTEXT.divide(Decimal(numerator), Decimal(denominator)))


def exp_neg(x: Decimal) -> float:
    """exp(-x), the same float64 on every machine."""
    return float(_CONTEXT.exp(-x))
