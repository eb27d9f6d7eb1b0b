import json
import re
from typing import Any

from searchinr.engine.report.baselines import BaselinePoint, Baselines
from searchinr.engine.report.front import collect_front
from searchinr.engine.report.page import front_html
from searchinr.engine.search.objectives import Objectives

Line = dict[str, Any]


def traces(page: str) -> list[dict[str, Any]]:
    """The data that the page hands to plotly."""
    call = page[page.rindex("Plotly.newPlot(") :]
    data, _ = json.JSONDecoder().raw_decode(call[call.index("[") :])
    return list(data)


def test_the_page_loads_nothing(ledger: list[Line], objectives: Objectives) -> None:
    page = front_html(collect_front(ledger, "photos", objectives))
    assert len(page) > 1_000_000  # plotly.js is in it
    assert not re.search(r"<(script|link|img)[^>]+(src|href)\s*=", page)


def test_every_point_can_be_hovered_over(ledger: list[Line], objectives: Objectives) -> None:
    curve = (BaselinePoint("JPEG (x)", 50, 0.8, 26.0, 0.8), BaselinePoint("JPEG (x)", 90, 1.6, 29.0, 0.9))
    report = collect_front(ledger, "photos", objectives, Baselines(curve))
    named = {trace["name"]: trace for trace in traces(front_html(report)) if "name" in trace}
    assert set(named) == {"JPEG (x)", "mfn", "siren", "siren, dominated"}
    shown = [text for name, trace in named.items() if name != "JPEG (x)" for text in trace["text"]]
    assert len(shown) == len(report.points)
    (mfn,) = named["mfn"]["text"]
    for part in ("trial bbb", "100 steps", "0.5 bpp, 24.00 dB, SSIM 0.8", "864 bytes", "mfn.filter: gabor"):
        assert part in mfn
    assert "quality 90" in named["JPEG (x)"]["text"][1]


def test_names_from_the_users_files_cannot_inject_html(ledger: list[Line], objectives: Objectives) -> None:
    label = "</script><script>alert(1)</script>"
    lines = [line | {"dataset": label} for line in ledger if line["dataset"] == "other"]
    assert "<script>alert" not in front_html(collect_front(lines, label, objectives))


def test_the_same_report_gives_the_same_page(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    assert front_html(report) == front_html(report)
