"""A run that was searched by another metric than PSNR is shown by that metric, with its unit and direction."""

import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from report_signals import decoded
from rich.console import Console

from searchinr.engine.report import style
from searchinr.engine.report.baselines import BaselinePoint, Baselines
from searchinr.engine.report.bd_rates import bd_rates
from searchinr.engine.report.front import FrontReport, collect_front, front_json, summary
from searchinr.engine.report.page import DatasetReport, report_html
from searchinr.engine.report.published import published
from searchinr.engine.report.tables import bd_rate_tsv, front_table, front_tsv
from searchinr.engine.report.write import figure_files
from searchinr.search.figures import SignalTable
from searchinr.search.lines import Line, Point
from searchinr.search.objectives import Objectives
from searchinr.signals.modalities.image import ImageModality
from searchinr.space import PSNR, STANDARD, DatasetEntry, Metric

WORST = Metric("worst", "worst error", "min", unit="K", digits=2, axis="log")


@pytest.fixture
def report(
    make_point: Callable[..., Point], confirm: Callable[..., Line], monkeypatch: pytest.MonkeyPatch
) -> FrontReport:
    """A front whose PSNR falls while its largest error becomes less."""
    monkeypatch.setattr(ImageModality, "metrics", (PSNR, WORST))

    def point(trial: str, rate: float, psnr_db: float, worst: float) -> Point:
        line = make_point(trial, 100, rate, psnr_db, metrics={"worst": worst})
        rows = [replace(row, metrics={"worst": worst + i}) for i, row in enumerate(line.signals)]
        return replace(line, signals=SignalTable.of(rows))

    points = [
        point("a", 0.5, 30.0, 8.0),
        point("b", 1.0, 28.0, 4.0),
        point("c", 1.5, 29.0, 6.0),
        point("d", 2, 27, 2.0),
    ]
    further = [replace(confirm(points[0], seed, 30.0, 0.5), metrics={"worst": 8.0 + seed}) for seed in (1, 3)]
    known = [BaselinePoint("known", i, {"rate": 2.0**i, "psnr_db": 30, "worst": 16 / 2**i}) for i in range(4)]
    unknown = [BaselinePoint("unknown (fast)", i, {"rate": 2.0**i, "psnr_db": 30 + i}) for i in range(4)]
    objectives = Objectives(
        {"worst": "min", "rate": "min"}, {"worst": 16, "rate": 4}, metrics={"worst": WORST, **STANDARD}
    )
    kodak = published(DatasetEntry(name="kodak"))
    return collect_front([*points, *further], "photos", objectives, Baselines((*known, *unknown)), kodak)


def test_the_front_is_that_of_the_metric(report: FrontReport) -> None:
    assert [point.trial for point in report.front_line] == ["a", "b", "d"]
    assert report.qualities == (8.0, 2.0)
    assert summary(report).startswith("3 of 4 operating points, worst error 8.0 to 2.0 K at 0.5 to 2 bpp")
    (first, *_) = json.loads(json.dumps(front_json(report)))["points"]
    assert first["worst"] == 8.0 and first["confirmed"]["worst"]["mean"] == 10.0


def test_tables_begin_with_the_metric(report: FrontReport) -> None:
    header, first, *_ = (row.split("\t") for row in front_tsv(report).splitlines())
    assert header[:3] == ["rate", "worst", "psnr_db"] and first[:3] == ["0.5", "8.0", "30.0"]
    assert first[header.index("confirmed_worst_mean")] == "10.0"
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(front_table(report))
    _, header_line, row, *_ = console.export_text().splitlines()
    assert header_line.index("worst error K (less is better)") < header_line.index("PSNR dB")
    assert row.rstrip().endswith("worst error 10.00 ± 1.41 K at 0.500 ± 0.000 bpp, 2 seeds")


def test_what_is_better_is_higher_up(report: FrontReport) -> None:
    bottom, top = style.limits(report).quality
    assert bottom > 10.0 > 2.0 > top
    page = report_html("runs/a", "a", [DatasetReport(report, decoded=decoded("x"))])
    assert "The Pareto front of worst error against rate." in page
    assert page.count('"text":"worst error (K), less is better"') == 2
    assert page.count('"autorange":"reversed"') == 2  # of the front, which has a range besides, and of the signals
    assert "8.0 – 2.0" in page and "worst error 8.00 K, 30.00 dB" in page
    files = figure_files(DatasetReport(report))
    assert all(files[f"{name}-photos.png"].startswith(b"\x89PNG") for name in ("front", "signals", "hypervolume"))


def test_codecs_of_which_the_metric_is_not_known_are_left_out(report: FrontReport) -> None:
    assert list(report.curves) == ["known"] and report.published_curves == []
    said = style.small_print(report)
    assert said.startswith("Worst error of the decoded samples")
    assert "the reference point (worst error 16 K, 4 bpp)" in said
    assert "Left out, since their worst error is not known: unknown, " in said and "COIN" in said
    assert "Purple" not in said


def test_bd_rates_are_at_equal_metric(report: FrontReport) -> None:
    (row,) = bd_rates(report)
    assert row.result is not None
    assert row.result.percent == pytest.approx(-75)  # a quarter of the rate at each error
    assert bd_rate_tsv(report).splitlines()[0].endswith("worst_low\tworst_high")
    assert row.result.text() == "-75.0 % from worst error 8.0 to 2.0 K"
