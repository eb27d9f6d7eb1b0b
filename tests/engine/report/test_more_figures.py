"""Importance and single signals, as PNG, in the page and as tables."""

import io
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor

from searchinr.engine.report import style
from searchinr.engine.report.baselines import BaselinePoint, Baselines
from searchinr.engine.report.front import collect_front
from searchinr.engine.report.more_figures import importance_png, labels, signal_curves, signals_png
from searchinr.engine.report.page import DatasetReport, report_html
from searchinr.engine.report.tables import bd_rate_tsv, importance_tsv
from searchinr.search.figures import SignalTable
from searchinr.search.importance import FRONT, Importance
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives

IMPORTANCE = Importance(
    200,
    48,
    {
        FRONT: {"mlp.width": 0.7, "mlp.lr": 0.2, "mlp.siren.omega": 0.1},
        "psnr_db": {"mlp.width": 0.5, "mlp.lr": 0.5, "mlp.siren.omega": 0.0},
        "rate": {"mlp.width": 1.0, "mlp.lr": 0.0, "mlp.siren.omega": 0.0},
    },
)


def pixels(png: bytes, colour: str) -> int:
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    assert picture.shape == (960, 1400, 3)
    return int((picture == ImageColor.getrgb(colour)).all(axis=-1).sum())


def test_bars_are_as_long_as_the_shares(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    png = importance_png(report, IMPORTANCE)
    in_all = [pixels(png, colour) for colour in style.COLOURS[:3]]
    assert in_all[0] == pytest.approx(in_all[1], rel=0.05)
    assert in_all[0] == pytest.approx(in_all[2], rel=0.05)
    assert min(in_all) > 10_000
    many = dict.fromkeys((f"mlp.parameter_{i}" for i in range(30)), 1 / 30)
    assert importance_png(report, Importance(1, 20, {FRONT: many})).startswith(b"\x89PNG")


def test_the_codecs_name_is_said_where_there_are_several() -> None:
    assert labels(["mlp.width", "mlp.siren.omega"]) == ["width", "siren.omega"]
    assert labels(["codec", "mlp.width"]) == ["codec", "mlp.width"]


def test_the_page_says_what_the_importance_was_computed_on(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    page = report_html("runs/a", "a", [DatasetReport(report, IMPORTANCE)])
    assert "PED-ANOVA over 48 trials at 200 steps" in page
    assert "Which parameters matter" not in report_html("runs/a", "a", [DatasetReport(report)])


def test_importance_as_a_table() -> None:
    header, first, *rest = importance_tsv(IMPORTANCE).splitlines()
    assert header.split("\t") == ["parameter", "front", "psnr_db", "rate"]
    assert first.split("\t") == ["mlp.width", "0.7", "0.5", "1.0"]
    assert len(rest) == 2


def test_a_line_for_each_signal(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    curves = signal_curves(report)
    assert list(curves) == ["astronaut", "coffee"]
    assert [row.psnr_db for row in curves["coffee"]] == [25.0, 27.0, 28.5]
    png = signals_png(report)
    assert min(pixels(png, colour) for colour in style.COLOURS[:2]) > 100


@pytest.mark.parametrize("name", ["A$$AP", "a$x_{1$", "_first", "写真"])
def test_whatever_a_signal_is_called_is_in_the_legend(
    make_point: Callable[..., Line], objectives: Objectives, name: str
) -> None:
    def drawn(*names: str) -> NDArray[np.bool_]:
        point = make_point("a", 100, 1.0, 24.0)
        point = replace(point, signals=SignalTable.of([replace(point.signals[0], name=each) for each in names]))
        png = signals_png(collect_front([point], "photos", objectives))
        dark = np.asarray(Image.open(io.BytesIO(png)).convert("L")) < 100
        return dark[480:760, 900:1260]  # the corner of the legend

    with_name, without = drawn("Z", name), drawn("Z", " ")
    assert with_name.sum() > without.sum() + 100


@pytest.mark.parametrize(("count", "named"), [(3, True), (40, False)])
def test_few_signals_are_named_and_many_are_not(
    make_point: Callable[..., Line], objectives: Objectives, count: int, named: bool
) -> None:
    point = make_point("a", 100, 1.0, 24.0)
    rows = [replace(point.signals[0], name=f"s{i:02}") for i in range(count)]
    point = replace(point, signals=SignalTable.of(rows))
    page = report_html("runs/a", "a", [DatasetReport(collect_front([point], "photos", objectives))])
    source = page[page.index('data-of="dataset-0-signals">') :]
    figure, _ = json.JSONDecoder().raw_decode(source[source.index("{") :])
    assert len(figure["data"]) == count
    assert {trace["showlegend"] for trace in figure["data"]} == {named}


def test_bd_rates_as_a_table(ledger: list[Line], objectives: Objectives) -> None:
    points = [
        BaselinePoint("twice", i, {"rate": 2 * rate, "psnr_db": psnr})
        for i, (rate, psnr) in enumerate(((0.5, 24.0), (1.01, 27.5)))
    ]
    points += [BaselinePoint("far", i, {"rate": 1.0 + i, "psnr_db": 60.0 + i}) for i in range(3)]
    table = bd_rate_tsv(collect_front(ledger, "photos", objectives, Baselines(tuple(points))))
    header, twice, far = (row.split("\t") for row in table.splitlines())
    assert header == ["codec", "basis", "bd_rate_percent", "psnr_db_low", "psnr_db_high"]
    assert -60 < float(twice[2]) < -30
    assert (float(twice[3]), float(twice[4])) == (24.0, 27.5)
    assert far[2:] == ["", "", ""]
