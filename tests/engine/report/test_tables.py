import csv
import io
from typing import Any

from rich.console import Console

from searchinr.engine.report.front import collect_front
from searchinr.engine.report.tables import front_table, front_tsv, signals_tsv
from searchinr.engine.search.objectives import Objectives

Line = dict[str, Any]


def rows(tsv: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tsv), dialect="excel-tab"))


def test_front_tsv_keeps_every_digit_and_every_parameter(ledger: list[Line], objectives: Objectives) -> None:
    ledger[3] = ledger[3] | {"rate": 0.1 + 0.2}
    report = collect_front(ledger, "photos", objectives)
    table = rows(front_tsv(report))
    assert [float(row["rate"]) for row in table] == [point["rate"] for point in report.front]
    by_trial = {row["trial"]: row for row in table}
    assert by_trial["bbb"]["mfn.filter"] == "gabor"
    assert by_trial["aaa"]["mfn.filter"] == ""  # not a parameter of that one
    assert by_trial["aaa"]["lr"] == "0.0025"


def test_signals_tsv_has_each_file_of_the_front(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    table = rows(signals_tsv(report))
    assert len(table) == 2 * len(report.front)
    expected = report.front[-1]["signals"][-1]
    assert {key: table[-1][key] for key in ("name", "bytes", "sha256")} == {
        "name": "coffee",
        "bytes": str(expected["bytes"]),
        "sha256": expected["sha256"],
    }


def test_the_terminal_table_fits_and_is_complete(ledger: list[Line], objectives: Objectives) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(front_table(collect_front(ledger, "photos", objectives)))
    lines = console.export_text().splitlines()
    assert lines[0].startswith("photos: 3 of 4 operating points are on the front")
    assert lines[1].split() == ["bpp", "PSNR", "dB", "SSIM", "bytes", "steps", "config", "trial"]
    assert lines[2].split() == ["0.500", "24.00", "0.8000", "864", "100", "mfn", "2x16", "fp16", "bbb"]
    assert len(lines) == 5
