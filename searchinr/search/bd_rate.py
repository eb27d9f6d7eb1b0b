"""BD-rate: how many bits more or fewer one codec needs than another at the same PSNR, as one number."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

METHOD = "PCHIP of log rate over PSNR"
"""The interpolation of curves, as tables name it: with another one, figures differ by about a per cent."""

LEAST_OVERLAP_DB = 1.0
"""If two curves have fewer decibels of PSNR in common than this, no BD-rate is given."""


@dataclass(frozen=True)
class BdRate:
    """The difference of two rate-distortion curves.

    Attributes:
        percent: How many more bits the second curve needs, in per cent of the first's bits; negative if it needs fewer.
        low_db: Lowest PSNR that both curves reach.
        high_db: Highest PSNR that both curves reach.
    """

    percent: float
    low_db: float
    high_db: float

    def text(self) -> str:
        """The difference in words, e.g. ``"-12.3 % from 24.1 to 30.9 dB"``."""
        return f"{self.percent:+.1f} % from {self.low_db:.1f} to {self.high_db:.1f} dB"


def bd_rate(anchor: Iterable[tuple[float, float]], tested: Iterable[tuple[float, float]]) -> BdRate | None:
    """Computes Bjontegaard's difference in rate between two curves.

    Bjontegaard, "Calculation of average PSNR differences between RD-curves" (VCEG-M33, 2001). The logarithm of the rate
    is interpolated by a piecewise cubic Hermite polynomial of the PSNR (Fritsch and Carlson, 1980), as in the common
    test conditions of JVET. It is monotone, so it does not swing between the points as a single cubic does.

    Args:
        anchor: The curve that `tested` is compared with, as `(rate, psnr_db)` in any order. Points that another point
            of the curve dominates are left out.
        tested: The curve whose rate is judged, in the same form.

    Returns:
        None if there are not two points on each curve, or less than `LEAST_OVERLAP_DB` of PSNR in common.
    """
    from scipy.interpolate import PchipInterpolator  # takes a third of a second to import

    curves = [_rising(points) for points in (anchor, tested)]
    if any(len(curve) < 2 for curve in curves):
        return None
    low = max(curve[0][1] for curve in curves)
    high = min(curve[-1][1] for curve in curves)
    if high - low < LEAST_OVERLAP_DB:
        return None
    of_anchor, of_tested = (
        PchipInterpolator([psnr_db for _, psnr_db in curve], [math.log(rate) for rate, _ in curve]).integrate(low, high)
        for curve in curves
    )
    return BdRate(100 * math.expm1((of_tested - of_anchor) / (high - low)), low, high)


def _rising(points: Iterable[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """The points of a curve that no other point dominates, by rising rate and PSNR."""
    curve: list[tuple[float, float]] = []
    for rate, psnr_db in sorted(points, key=lambda point: (point[0], -point[1])):
        if not curve or psnr_db > curve[-1][1]:
            curve.append((rate, psnr_db))
    return curve
