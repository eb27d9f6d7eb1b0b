"""The front as tables: TSV for spreadsheets and scripts, rich for the terminal."""

import csv
import io
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from searchinr.engine.report.front import FrontReport, mean_bytes
from searchinr.engine.report.names import describe


def front_tsv(report: FrontReport) -> str:
    """One row per point of the front, by rising rate; a column for every parameter that any of them has."""
    params = list(dict.fromkeys(key for point in report.front for key in point["params"]))
    header = ["rate", "psnr_db", "ssim", "mean_bytes", "trial", "steps", "seed", "codec", *params]
    rows = (
        [
            point["rate"],
            point["psnr_db"],
            point.get("ssim"),
            mean_bytes(point),
            point["trial"],
            point["steps"],
            point["seed"],
            point["codec"],
            *(point["params"].get(key) for key in params),
        ]
        for point in report.front
    )
    return _tsv(header, rows)


def signals_tsv(report: FrontReport) -> str:
    """One row per point of the front and signal: what each single file costs and gives."""
    columns = ["name", "bytes", "rate", "psnr_db", "ssim", "encode_s", "decode_s", "sha256"]
    rows = (
        [point["trial"], point["steps"], *(signal.get(column) for column in columns)]
        for point in report.front
        for signal in point["signals"]
    )
    return _tsv(["trial", "steps", *columns], rows)


def _tsv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, dialect="excel-tab", lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)  # None becomes an empty cell, floats keep every digit
    return out.getvalue()


def front_table(report: FrontReport) -> RenderableType:
    """The whole front for the terminal."""
    with_ssim = any(point.get("ssim") is not None for point in report.front)
    # Not the table's own title, which would be wrapped to the table's width.
    title = f"{report.dataset}: {len(report.front)} of {len(report.points)} operating points are on the front"
    table = Table(box=None, pad_edge=False)
    for name in (report.rate_unit, "PSNR dB", *(["SSIM"] if with_ssim else []), "bytes", "steps"):
        table.add_column(name, justify="right")
    table.add_column("config")
    table.add_column("trial")
    for point in report.front:
        table.add_row(
            f"{point['rate']:.3f}",
            f"{point['psnr_db']:.2f}",
            *([f"{point['ssim']:.4f}"] if with_ssim else []),
            f"{mean_bytes(point):.0f}",
            str(point["steps"]),
            describe(point["codec"], point["params"]),
            point["trial"],
        )
    return Group(Text(title), table)
