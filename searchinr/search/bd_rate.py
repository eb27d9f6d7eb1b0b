"""BD-rate: how many bits more or fewer one codec needs than another at the same PSNR, as one number."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

METHOD = "PCHIP of log rate over PSNR"
"""How curves are interpolated: other ways give figures that differ by a per cent or so."""

LEAST_OVERLAP_DB = 1.0
"""PSNRs in common below which nothing is said."""


@dataclass(frozen=True)
class BdRate:
    """The difference of two rate-distortion curves.

    Attributes:
        percent: Bits that the second curve needs more than the first, in per cent of the first's; below 0: fewer.
        low_db: Lowest PSNR that both reach.
        high_db: Highest.
    """

    percent: float
    low_db: float
    high_db: float

    def text(self) -> str:
        """E.g. ``"-12.3 % from 24.1 to 30.9 dB"``."""
        return f"{self.percent:+.1f} % from {self.low_db:.1f} to {self.high_db:.1f} dB"


def bd_rate(anchor: Iterable[tuple[float, float]], tested: Iterable[tuple[float, float]]) -> BdRate | None:
    """Bjontegaard's difference in rate of one curve to another.

    Bjontegaard, "Calculation of average PSNR differences between RD-curves" (VCEG-M33, 2001), with the logarithm of the
    rate interpolated by a piecewise cubic Hermite polynomial of the PSNR (Fritsch and Carlson, 1980) as in the common
    test conditions of JVET: monotone, so that it does not swing between points as one cubic does.

    Args:
        anchor: The curve that is compared with, as `(rate, psnr_db)` in any order. Points that another one dominates
            are left out.
        tested: The other one.

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
    """The points that no other one dominates, by rising rate and PSNR."""
    curve: list[tuple[float, float]] = []
    for rate, psnr_db in sorted(points, key=lambda point: (point[0], -point[1])):
        if not curve or psnr_db > curve[-1][1]:
            curve.append((rate, psnr_db))
    return curve
