import csv
import io
from dataclasses import replace

import pytest
from rich.console import Console

from searchinr.engine.report.front import collect_front
from searchinr.engine.report.tables import anytime_tsv, front_table, front_tsv, signals_tsv
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives


def rows(tsv: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tsv), dialect="excel-tab"))


def test_front_tsv_keeps_every_digit_and_every_parameter(ledger: list[Line], objectives: Objectives) -> None:
    ledger[3] = replace(ledger[3], rate=0.1 + 0.2)
    report = collect_front(ledger, "photos", objectives)
    table = rows(front_tsv(report))
    assert [float(row["rate"]) for row in table] == [point.rate for point in report.front]
    by_trial = {row["trial"]: row for row in table}
    assert by_trial["bbb"]["mfn.filter"] == "gabor"
    assert by_trial["aaa"]["mfn.filter"] == ""  # not a parameter of that one
    assert by_trial["aaa"]["lr"] == "0.0025"


def test_signals_tsv_has_each_file_of_the_front(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    table = rows(signals_tsv(report))
    assert len(table) == 2 * len(report.front)
    expected = report.front[-1].signals[-1]
    assert {key: table[-1][key] for key in ("name", "bytes", "sha256")} == {
        "name": "coffee",
        "bytes": str(expected.bytes),
        "sha256": expected.sha256,
    }


def test_the_terminal_table_fits_and_is_complete(ledger: list[Line], objectives: Objectives) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(front_table(collect_front(ledger, "photos", objectives)))
    lines = console.export_text().splitlines()
    assert lines[0].startswith("photos: 3 of 4 operating points are on the front")
    assert lines[1].split() == ["bpp", "PSNR", "dB", "SSIM", "bytes", "steps", "config", "trial"]
    assert lines[2].split() == ["0.500", "24.00", "0.8000", "864", "100", "mfn", "2x16", "fp16", "bbb"]
    assert len(lines) == 5


def test_further_seeds_are_columns_of_the_front(confirmed_ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(confirmed_ledger, "photos", objectives)
    keys = ("seeds", "failed", "psnr_db_mean", "psnr_db_std", "rate_mean", "rate_std")
    found = [[row[f"confirmed_{key}"] for key in keys] for row in rows(front_tsv(report))]
    assert [float(cell) for cell in found[0]] == pytest.approx([2, 1, 23.6, 0.02**0.5, 0.51, 0.0002**0.5])
    assert found[1] == [""] * 6  # not confirmed
    assert found[2] == ["1", "0", "27.0", "", "1.03", ""]  # of one seed there is no deviation


def test_the_terminal_table_says_what_is_confirmed(confirmed_ledger: list[Line], objectives: Objectives) -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(front_table(collect_front(confirmed_ledger, "photos", objectives)))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines[1].endswith("further seeds, mean ± std")
    assert lines[2].endswith("23.60 ± 0.14 dB at 0.510 ± 0.014 bpp, 2 seeds, 1 failed")
    assert lines[3].endswith("aaa    -")
    assert lines[4].endswith("27.00 dB at 1.030 bpp, 1 seed")


def test_the_hypervolume_by_work_as_a_table(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    table = rows(anytime_tsv(report))
    assert [int(row["points"]) for row in table] == [1, 2, 3, 4]
    assert [float(row["hypervolume"]) for row in table] == [now.hypervolume for now in report.anytime]
