import json
from pathlib import Path
from typing import Any

from PIL import Image

from searchinr.engine.report.front import collect_front
from searchinr.engine.report.write import write_report
from searchinr.engine.search.objectives import Objectives


def test_a_report_is_these_files_and_nothing_else(
    ledger: list[dict[str, Any]], objectives: Objectives, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "report"
    written = write_report(folder, collect_front(ledger, "photos", objectives))
    stem = "front-photos"
    assert [path.name for path in written] == [
        f"{stem}.png", f"{stem}.html", f"{stem}.json", f"{stem}.tsv", f"{stem}-signals.tsv",
        "hypervolume-photos.png", "hypervolume-photos.tsv",
    ]  # fmt: skip
    assert sorted(folder.iterdir()) == sorted(written)
    for path in (written[0], written[5]):
        with Image.open(path) as picture:
            picture.verify()
    assert json.loads(written[2].read_text())["dataset"] == "photos"


def test_a_label_that_is_a_path_stays_in_the_folder(
    ledger: list[dict[str, Any]], objectives: Objectives, tmp_path: Path
) -> None:
    label = "../../escape/*.png"
    lines = [line | {"dataset": label} for line in ledger if line["dataset"] == "other"]
    for path in write_report(tmp_path, collect_front(lines, label, objectives)):
        assert path.resolve().parent == tmp_path.resolve()
        assert path.is_file()
