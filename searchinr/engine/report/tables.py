"""The front as tables: TSV for spreadsheets and scripts, rich for the terminal."""

import csv
import io
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from searchinr.engine.report.bd_rates import bd_rates
from searchinr.engine.report.confirmation import Confirmed
from searchinr.engine.report.front import FrontReport, beside
from searchinr.engine.report.names import describe, figure_texts
from searchinr.search.importance import FRONT, Importance


def front_tsv(report: FrontReport) -> str:
    """Makes a row for each point of the front, by rising rate, and a column for every parameter that any point has."""
    params = list(dict.fromkeys(key for point in report.front for key in point.config.params))
    names = [metric.name for metric in report.metrics]
    measured = ["rate", *names, "mean_bytes", "decode_macs_per_sample"]
    not_confirmed = dict.fromkeys(Confirmed(report.quality, 0, None, None, 0).flat())
    confirmations = [f"confirmed_{key.replace('.', '_')}" for key in not_confirmed]
    header = [*measured, *confirmations, "trial", "steps", "seed", "codec", *params]
    rows = (
        [
            point.rate,
            *map(point.figure, names),
            point.mean_bytes,
            point.decode_macs_per_sample,
            *(not_confirmed if confirmed is None else confirmed.flat()).values(),
            point.trial,
            point.steps,
            point.seed,
            point.config.codec,
            *(point.config.params.get(key) for key in params),
        ]
        for point, confirmed in zip(report.front, report.confirmed, strict=True)
    )
    return _tsv(header, rows)


def anytime_tsv(report: FrontReport) -> str:
    """Makes a row for the state after the first point, after each point that improved the front, and after the last."""
    rows = ((now.points, now.macs, now.hypervolume, now.front_points) for now in report.milestones)
    return _tsv(["points", "training_macs", "hypervolume", "front_points"], rows)


def signals_tsv(report: FrontReport) -> str:
    """Makes a row for every signal at each point of the front, with the figures of its file."""
    metrics = [metric.name for metric in report.metrics]
    columns = ["name", "bytes", "rate", *metrics, "encode_s", "decode_s", "sha256"]
    rows = (
        [point.trial, point.steps, *(figures.get(column) for column in columns)]
        for point in report.front
        for figures in (signal.as_json() for signal in point.signals)
    )
    return _tsv(["trial", "steps", *columns], rows)


def bd_rate_tsv(report: FrontReport) -> str:
    """Makes a row for each codec that the front is compared with; cells are empty if the curves overlap too little."""
    rows = (
        [
            row.codec,
            row.basis,
            *([None] * 3 if (found := row.result) is None else (found.percent, found.low, found.high)),
        ]
        for row in bd_rates(report)
    )
    ends = [f"{report.quality.name}_{end}" for end in ("low", "high")]
    return _tsv(["codec", "basis", "bd_rate_percent", *ends], rows)


def importance_tsv(found: Importance) -> str:
    """Makes a row for each open parameter, with its share for the front and for each objective."""
    rows = ([name, *(shares[name] for shares in found.shares.values())] for name in found.shares[FRONT])
    return _tsv(["parameter", *found.shares], rows)


def _tsv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, dialect="excel-tab", lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)  # None becomes an empty cell, floats keep every digit
    return out.getvalue()


def front_table(report: FrontReport) -> RenderableType:
    """The whole front as a table for the terminal."""
    # The title is not the table's own, since that would be wrapped to the table's width.
    title = f"{report.dataset}: {len(report.front)} of {len(report.points)} operating points are on the front"
    table = Table(box=None, pad_edge=False)
    for name in (report.rate_unit, *(metric.heading for metric in report.metrics), "bytes", "steps"):
        table.add_column(name, justify="right")
    table.add_column("config")
    table.add_column("trial")
    with_confirmed = any(report.confirmed)
    if with_confirmed:
        table.add_column("further seeds, mean ± std")
    for point, confirmed in zip(report.front, report.confirmed, strict=True):
        table.add_row(
            f"{point.rate:.3f}",
            *figure_texts(report.metrics, point),
            f"{point.mean_bytes:.0f}",
            str(point.steps),
            describe(point.config),
            point.trial,
            *([confirmed.text(report.rate_unit) if confirmed else "-"] if with_confirmed else []),
        )
    return Group(Text(title), table, *([Text(beside(report).strip())] if report.assets else []))
