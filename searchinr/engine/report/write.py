"""Writes the files of a report."""

import json
from pathlib import Path

from searchinr.engine.report.figure import front_png
from searchinr.engine.report.front import front_json
from searchinr.engine.report.more_figures import hypervolume_png, importance_png, signals_png
from searchinr.engine.report.page import DatasetReport
from searchinr.engine.report.sheet import decoded_png
from searchinr.engine.report.tables import anytime_tsv, bd_rate_tsv, front_tsv, importance_tsv, signals_tsv
from searchinr.engine.store.run_folder import safe_name
from searchinr.files import write_atomic


def figure_files(report: DatasetReport) -> dict[str, bytes]:
    """The figures and tables about a dataset: the content of each file, by its name.

    These are `front-<dataset>.png`, `.json`, `.tsv`, `bd-rate-<dataset>.tsv`, and `hypervolume-<dataset>`,
    `importance-<dataset>`, `signals-<dataset>` and `decoded-<dataset>` as `.png`, all but the last as `.tsv` too. A
    file that would be empty is left out.
    """
    front = report.front
    contents = {
        "front.png": front_png(front),
        "front.json": (json.dumps(front_json(front), indent=1, ensure_ascii=False) + "\n").encode(),
        "front.tsv": front_tsv(front).encode(),
        "bd-rate.tsv": bd_rate_tsv(front).encode(),
        "hypervolume.png": hypervolume_png(front),
        "hypervolume.tsv": anytime_tsv(front).encode(),
        "signals.png": signals_png(front),
        "signals.tsv": signals_tsv(front).encode(),
    }
    if report.importance is not None:
        contents["importance.png"] = importance_png(front, report.importance)
        contents["importance.tsv"] = importance_tsv(report.importance).encode()
    if report.decoded:
        contents["decoded.png"] = decoded_png(front, report.decoded)
    return {name.replace(".", f"-{safe_name(front.dataset)}."): content for name, content in contents.items()}


def write_figures(out_dir: Path, report: DatasetReport) -> list[Path]:
    """Writes the figures and tables about a dataset into a folder, which is created if it does not exist.

    Returns:
        The files, in the order of `figure_files`.

    Raises:
        OSError: The folder cannot be written.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    files = {out_dir / name: content for name, content in figure_files(report).items()}
    for path, content in files.items():
        write_atomic(path, content)
    return list(files)
