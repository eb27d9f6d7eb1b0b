"""Writes the files of a report."""

import json
from pathlib import Path

from searchinr.engine.report.anytime_figure import hypervolume_png
from searchinr.engine.report.figure import front_png
from searchinr.engine.report.front import FrontReport, front_json
from searchinr.engine.report.page import report_html
from searchinr.engine.report.tables import anytime_tsv, front_tsv, signals_tsv
from searchinr.engine.run_folder import safe_name
from searchinr.files import write_atomic


def write_report(out_dir: Path, report: FrontReport) -> list[Path]:
    """Writes the front and the hypervolume by fitting work, each file at once or not at all.

    These are `front-<dataset>.png`, `.html` (both figures), `.json`, `.tsv`, `-signals.tsv`, and
    `hypervolume-<dataset>.png`, `.tsv`.

    Args:
        out_dir: Created when needed.
        report: What to show.

    Returns:
        The files in that order.

    Raises:
        OSError: The folder cannot be written.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    label = safe_name(report.dataset)
    stem = f"front-{label}"
    contents = {
        f"{stem}.png": front_png(report),
        f"{stem}.html": report_html(report).encode(),
        f"{stem}.json": (json.dumps(front_json(report), indent=1, ensure_ascii=False) + "\n").encode(),
        f"{stem}.tsv": front_tsv(report).encode(),
        f"{stem}-signals.tsv": signals_tsv(report).encode(),
        f"hypervolume-{label}.png": hypervolume_png(report),
        f"hypervolume-{label}.tsv": anytime_tsv(report).encode(),
    }
    for name, content in contents.items():
        write_atomic(out_dir / name, content)
    return [out_dir / name for name in contents]
