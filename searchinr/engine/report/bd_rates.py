"""BD-rate of a front against everything it is drawn beside."""

from dataclasses import dataclass

from searchinr.engine.report.front import FrontReport
from searchinr.search.bd_rate import BdRate, bd_rate


@dataclass(frozen=True)
class Against:
    """The front against one codec.

    Attributes:
        codec: Its name.
        basis: On what: the same files, or what the literature says and its rates count.
        result: Bits that the front needs more than the codec; None where they share too little PSNR to say.
    """

    codec: str
    basis: str
    result: BdRate | None


def bd_rates(report: FrontReport) -> list[Against]:
    """The front against each classical codec and each published curve that is of the very same signals."""
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
