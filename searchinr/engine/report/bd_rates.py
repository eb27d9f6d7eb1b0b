"""BD-rate of a front against every curve that is drawn beside it."""

from dataclasses import dataclass

from searchinr.engine.report.front import FrontReport
from searchinr.search.bd_rate import BdRate, bd_rate


@dataclass(frozen=True)
class Against:
    """The comparison of a front with one codec.

    Attributes:
        codec: Name of the codec.
        basis: What is compared: measurements on the same files, or published figures and what their rates count.
        result: How many more bits the front needs than the codec; None if they have too little PSNR in common.
    """

    codec: str
    basis: str
    result: BdRate | None


def bd_rates(report: FrontReport) -> list[Against]:
    """Compares the front with each classical codec, and with each published curve of the very same signals."""
    front = [(point.rate, point.psnr_db) for point in report.front_line]
    rows = [
        Against(codec, "measured on the same files", bd_rate([(p.rate, p.psnr_db) for p in curve], front))
        for codec, curve in report.baselines.curves().items()
    ]
    if report.published.same_signals:
        rows += [
            Against(curve.name, f"published ({curve.source}); rate: {curve.counts}", bd_rate(curve.points, front))
            for curve in report.published.curves
        ]
    return rows
