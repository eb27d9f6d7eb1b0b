import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from report_signals import decoded

from searchinr.engine.report.front import collect_front
from searchinr.engine.report.page import DatasetReport
from searchinr.engine.report.write import write_figures
from searchinr.search.importance import FRONT, Importance
from searchinr.search.objectives import Objectives


def test_a_report_is_these_files_and_nothing_else(
    ledger: list[dict[str, Any]], objectives: Objectives, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "report"
    report = DatasetReport(
        collect_front(ledger, "photos", objectives), Importance(100, 20, {FRONT: {"mlp.width": 1.0}}), decoded("photos")
    )
    written = write_figures(folder, report)
    names = [path.name.replace("-photos", "") for path in written]
    assert names == [
        "front.png", "front.json", "front.tsv", "bd-rate.tsv", "hypervolume.png", "hypervolume.tsv", "signals.png",
        "signals.tsv", "importance.png", "importance.tsv", "decoded.png",
    ]  # fmt: skip
    assert sorted(folder.iterdir()) == sorted(written)
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.verify()
    assert json.loads(written[1].read_text())["dataset"] == "photos"


def test_what_there_is_nothing_of_is_left_out(
    ledger: list[dict[str, Any]], objectives: Objectives, tmp_path: Path
) -> None:
    written = write_figures(tmp_path, DatasetReport(collect_front(ledger, "photos", objectives)))
    assert not [path for path in written if path.name.startswith(("importance", "decoded"))]


def test_a_label_that_is_a_path_stays_in_the_folder(
    ledger: list[dict[str, Any]], objectives: Objectives, tmp_path: Path
) -> None:
    label = "../../escape/*.png"
    lines = [replace(line, dataset=label) for line in ledger if line.dataset == "other"]
    for path in write_figures(tmp_path, DatasetReport(collect_front(lines, label, objectives))):
        assert path.resolve().parent == tmp_path.resolve()
        assert path.is_file()
