"""BD-rate of a front against every curve that is drawn beside it."""

from collections.abc import Iterable
from dataclasses import dataclass

from searchinr.engine.report.front import FrontReport, Rated
from searchinr.search.bd_rate import BdRate, bd_rate


@dataclass(frozen=True)
class Against:
    """The comparison of a front with one codec.

    Attributes:
        codec: Name of the codec.
        basis: What is compared: measurements on the same files, or published figures and what their rates count.
        result: How many more bits the front needs than the codec; None if they have too little quality in common.
    """

    codec: str
    basis: str
    result: BdRate | None


def bd_rates(report: FrontReport) -> list[Against]:
    """Compares the front with each classical codec, and with each published curve of the very same signals."""

    def against(codec: str, basis: str, curve: Iterable[Rated]) -> Against:
        found = bd_rate(report.places(curve), report.places(report.front_line), report.quality)
        return Against(codec, basis, found)

    rows = [against(codec, "measured on the same files", curve) for codec, curve in report.curves.items()]
    if report.published.same_signals:
        rows += [
            against(curve.name, f"published ({curve.source}); rate: {curve.counts}", curve.points)
            for curve in report.published_curves
        ]
    return rows
