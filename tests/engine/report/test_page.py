import html
import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest

from searchinr.engine.report.baselines import BaselinePoint, Baselines
from searchinr.engine.report.front import FrontReport, collect_front
from searchinr.engine.report.page import DatasetReport, report_html
from searchinr.engine.report.published import published
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives
from searchinr.space import DatasetEntry


def report_page(*reports: FrontReport | DatasetReport) -> str:
    """A page about these."""
    rows = [report if isinstance(report, DatasetReport) else DatasetReport(report) for report in reports]
    return report_html("runs/toy", "toy", rows)


def traces(page: str, figure: str = "front") -> list[dict[str, Any]]:
    """The data that the page hands to plotly for one of its figures."""
    source = page[page.index(f'data-of="dataset-0-{figure}">') :]
    figure_json, _ = json.JSONDecoder().raw_decode(source[source.index("{") :])
    return list(figure_json["data"])


def test_the_page_loads_nothing(ledger: list[Line], objectives: Objectives) -> None:
    page = report_page(collect_front(ledger, "photos", objectives))
    assert len(page) > 1_000_000  # plotly.js is in it
    assert not re.search(r"<(script|link|img|audio)[^>]+(src|href)\s*=\s*[\"'](?!data:)", page)


def test_every_point_can_be_hovered_over(ledger: list[Line], objectives: Objectives) -> None:
    settings = {50: {"rate": 0.8, "psnr_db": 26.0, "ssim": 0.8}, 90: {"rate": 1.6, "psnr_db": 29.0, "ssim": 0.9}}
    curve = tuple(BaselinePoint("JPEG (x)", quality, figures) for quality, figures in settings.items())
    report = collect_front(ledger, "photos", objectives, Baselines(curve))
    named = {trace["name"]: trace for trace in traces(report_page(report)) if "name" in trace}
    assert set(named) == {"JPEG (x)", "mfn", "siren", "siren, not on the front"}
    shown = [text for name, trace in named.items() if name != "JPEG (x)" for text in trace["text"]]
    assert len(shown) == len(report.points)
    (mfn,) = named["mfn"]["text"]
    for part in ("trial bbb", "100 steps", "0.5 bpp, 24.00 dB, SSIM 0.8", "864 bytes", "mfn.filter: gabor"):
        assert part in mfn
    assert "quality 90" in named["JPEG (x)"]["text"][1]


def test_names_from_the_users_files_cannot_inject_html(ledger: list[Line], objectives: Objectives) -> None:
    label = "</script><script>alert(1)</script>"
    lines = [replace(line, dataset=label) for line in ledger if line.dataset == "other"]
    assert "<script>alert" not in report_page(collect_front(lines, label, objectives))


def test_the_same_report_gives_the_same_page(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    assert report_page(report) == report_page(report)


def test_crosses_are_at_the_means_over_further_seeds(confirmed_ledger: list[Line], objectives: Objectives) -> None:
    page = report_page(collect_front(confirmed_ledger, "photos", objectives))
    (crosses,) = (trace for trace in traces(page) if trace.get("name") == "mean ± std, further seeds")
    assert (crosses["x"], crosses["y"]) == (pytest.approx([0.51, 1.03]), pytest.approx([23.6, 27.0]))
    assert crosses["error_y"]["array"] == pytest.approx([0.2 / math.sqrt(2), 0.0])
    assert "23.60 ± 0.14 dB at 0.510 ± 0.014 bpp, 2 seeds, 1 failed" in crosses["text"][0]
    assert "3 on the front, 2 of them confirmed" in page


def test_the_page_has_the_hypervolume_by_work_below_the_front(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    page = report_page(report)
    (curve,) = traces(page, "hypervolume")
    assert curve["y"][-1] == report.hypervolume
    assert curve["x"] == [now.macs for now in report.milestones]
    assert page.index('id="dataset-0-front"') < page.index('id="dataset-0-hypervolume"')


def test_constraints_are_in_the_small_print(ledger: list[Line], small_decoders: Objectives) -> None:
    ledger[3] = replace(ledger[3], decode_macs_per_sample=500.0)
    page = report_page(collect_front(ledger, "photos", small_decoders))
    assert "Constraints: decode_macs_per_sample &lt;= 2000." in page


def test_a_page_of_several_datasets_leads_to_each(ledger: list[Line], objectives: Objectives) -> None:
    reports = [DatasetReport(collect_front(ledger, label, objectives)) for label in ("photos", "other")]
    page = report_html("runs/a b", "toy", reports, several=True)
    for i, label in enumerate(("photos", "other")):
        assert f'<a href="#dataset-{i}">{label}</a>' in page
        assert f'<h2 id="dataset-{i}">{label}</h2>' in page
    command = "searchinr export 'runs/a b' --trial zzz --steps 100 --dataset other -o best.yaml"
    assert command in html.unescape(page)
    assert "--dataset" not in report_html("runs/a", "toy", reports[:1])


def test_published_curves_say_what_they_are(ledger: list[Line], objectives: Objectives) -> None:
    known = published(DatasetEntry(name="kodak"))
    page = report_page(collect_front(ledger, "photos", objectives, published=known))
    named = {trace["name"]: trace for trace in traces(page) if "name" in trace}
    assert named["COIN"]["x"] == [point.rate for point in known.curves[0].points]
    assert "raw fp16 weights" in named["COIN"]["text"][0]
    assert "as published, on the same 24 pictures" in page
    assert "github.com/EmilienDupont/coin" in page
