"""BD-rate: how many bits more or fewer one codec needs than another at the same quality, as one number."""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from searchinr.space import PSNR, Metric

LEAST_OVERLAP_DB = 1.0
"""If two curves have fewer decibels of PSNR in common than this, no BD-rate is given."""

LEAST_OVERLAP = 0.1
"""The same for other metrics: a part of all that the two curves span on the metric's axis."""

_OVER = {"log": "log {}", "near_one": "log (1 - {})"}


def method(metric: Metric) -> str:
    """The interpolation of curves, as tables name it: with another one, figures differ by about a per cent."""
    return f"PCHIP of log rate over {_OVER.get(metric.axis, '{}').format(metric.title)}"


@dataclass(frozen=True)
class BdRate:
    """The difference of two rate-distortion curves.

    Attributes:
        percent: How many more bits the second curve needs, in per cent of the first's bits; negative if it needs fewer.
        low: Poorest quality that both curves reach.
        high: Best quality that both curves reach.
        metric: The metric of the quality.
    """

    percent: float
    low: float
    high: float
    metric: Metric

    def text(self) -> str:
        """The difference in words, e.g. ``"-12.3 % from 24.1 to 30.9 dB"``."""
        return f"{self.percent:+.1f} % from {self.metric.in_words(self.metric.span(self.low, self.high, ' to '))}"


class _Spot(NamedTuple):
    """A point of a curve; `merit` is the place of its quality on the metric's axis, where more is better."""

    merit: float
    quality: float
    log_rate: float


def bd_rate(
    anchor: Iterable[tuple[float, float]], tested: Iterable[tuple[float, float]], metric: Metric = PSNR
) -> BdRate | None:
    """Computes Bjontegaard's difference in rate between two curves.

    Bjontegaard, "Calculation of average PSNR differences between RD-curves" (VCEG-M33, 2001). The logarithm of the rate
    is interpolated by a piecewise cubic Hermite polynomial of the PSNR (Fritsch and Carlson, 1980), as in the common
    test conditions of JVET. It is monotone, so it does not swing between the points as a single cubic does.

    Any other metric takes the place of PSNR, on the axis on which the search compares its values (`Metric.axis`). So an
    error that is compared by its logarithm gives what the PSNR of the same error would give.

    Args:
        anchor: The curve that `tested` is compared with, as `(rate, quality)` in any order. Points that another point
            of the curve dominates are left out, and those that have no place on a logarithmic axis.
        tested: The curve whose rate is judged, in the same form.
        metric: The metric of the quality.

    Returns:
        None if there are not two points on each curve, or less than `LEAST_OVERLAP_DB` of PSNR or `LEAST_OVERLAP` of
        another metric in common.
    """
    from scipy.interpolate import PchipInterpolator  # takes a third of a second to import

    curves = [_rising(points, metric) for points in (anchor, tested)]
    if any(len(curve) < 2 for curve in curves):
        return None
    low, high = max(curve[0] for curve in curves), min(curve[-1] for curve in curves)
    spanned = max(curve[-1].merit for curve in curves) - min(curve[0].merit for curve in curves)
    overlap = high.merit - low.merit
    if overlap < (LEAST_OVERLAP_DB if metric.axis == "db" else LEAST_OVERLAP * spanned):
        return None
    of_anchor, of_tested = (
        PchipInterpolator([spot.merit for spot in curve], [spot.log_rate for spot in curve]).integrate(
            low.merit, high.merit
        )
        for curve in curves
    )
    return BdRate(100 * math.expm1((of_tested - of_anchor) / overlap), low.quality, high.quality, metric)


def _rising(points: Iterable[tuple[float, float]], metric: Metric) -> Sequence[_Spot]:
    """The points of a curve that no other point dominates, by rising rate and quality."""
    curve: list[_Spot] = []
    for rate, quality in sorted(points, key=lambda point: (point[0], -metric.sign * point[1])):
        with suppress(ValueError):  # it has no place on a logarithmic axis
            spot = _Spot(metric.sign * metric.place(quality), quality, math.log(rate))
            if not curve or spot.merit > curve[-1].merit:
                curve.append(spot)
    return curve
