"""Writes the files of a report."""

import json
from pathlib import Path

from searchinr.engine.report.figure import front_png
from searchinr.engine.report.front import FrontReport, front_json
from searchinr.engine.report.page import front_html
from searchinr.engine.report.tables import front_tsv, signals_tsv
from searchinr.engine.run_folder import safe_name
from searchinr.files import write_atomic


def write_report(out_dir: Path, report: FrontReport) -> list[Path]:
    """Writes `front-<dataset>.png`, `.html`, `.json`, `.tsv` and `-signals.tsv`, each at once or not at all.

    Args:
        out_dir: Created when needed.
        report: What to show.

    Returns:
        The files in that order.

    Raises:
        OSError: The folder cannot be written.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    stem = f"front-{safe_name(report.dataset)}"
    contents = {
        f"{stem}.png": front_png(report),
        f"{stem}.html": front_html(report).encode(),
        f"{stem}.json": (json.dumps(front_json(report), indent=1, ensure_ascii=False) + "\n").encode(),
        f"{stem}.tsv": front_tsv(report).encode(),
        f"{stem}-signals.tsv": signals_tsv(report).encode(),
    }
    for name, content in contents.items():
        write_atomic(out_dir / name, content)
    return [out_dir / name for name in contents]
