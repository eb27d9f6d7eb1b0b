import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from searchinr.engine.report.baselines import BaselinePoint, Baselines
from searchinr.engine.report.front import collect_front, front_json, mean_bytes
from searchinr.engine.search.objectives import Objectives
from searchinr.errors import UserError

Line = dict[str, Any]


def test_a_front_is_gathered_from_its_own_dataset_only(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    assert [(p["trial"], p["steps"]) for p in report.front] == [("bbb", 100), ("aaa", 100), ("aaa", 300)]
    assert (report.trials, len(report.points), report.signals) == (3, 4, 2)
    assert (report.modality, report.rate_unit) == ("image", "bpp")
    # by hand: boxes from the reference (20 dB, 4 bpp), rate in octaves
    octaves = {rate: 2 - math.log2(rate) for rate in (0.5, 1.0, 1.01)}
    by_hand = 4.0 * octaves[0.5] + 2.0 * octaves[1.0] + 1.5 * octaves[1.01]
    assert report.hypervolume == pytest.approx(by_hand)


def test_no_point_no_front(ledger: list[Line], objectives: Objectives) -> None:
    with pytest.raises(UserError, match=r"^dataset kodak: no operating point yet"):
        collect_front(ledger, "kodak", objectives)


def test_the_line_of_a_front_of_three_objectives_leaves_out_what_is_below_it(make_point: Callable[..., Line]) -> None:
    three = Objectives({"psnr_db": "max", "rate": "min", "ssim": "max"}, {"psnr_db": 20, "rate": 4, "ssim": 0.1})
    points = [
        make_point("a", 100, 1.0, 27.0, ssim=0.7),
        make_point("b", 100, 1.5, 26.0, ssim=0.9),  # on the front for its SSIM alone
        make_point("c", 100, 2.0, 29.0, ssim=0.8),
    ]
    report = collect_front(points, "photos", three)
    assert [p["trial"] for p in report.front] == ["a", "b", "c"]
    assert [p["trial"] for p in report.front_line] == ["a", "c"]


def test_front_json_is_complete_and_plain(ledger: list[Line], objectives: Objectives) -> None:
    baselines = Baselines((BaselinePoint("JPEG", 50, 0.9, 27.0, 0.8),), {"AVIF": "cannot hold it"})
    report = collect_front(ledger, "photos", objectives, baselines)
    data = json.loads(json.dumps(front_json(report), allow_nan=False))
    assert data["reference_point"] == {"psnr_db": 20, "rate": 4}
    assert data["hypervolume"] == report.hypervolume
    first = data["points"][0]
    assert (first["trial"], first["steps"], first["rate"], first["psnr_db"], first["ssim"]) == (
        "bbb",
        100,
        0.5,
        24,
        0.8,
    )
    assert first["params"]["mfn.filter"] == "gabor"
    assert first["mean_bytes"] == mean_bytes(report.front[0]) == 864.5
    assert Baselines.from_json(data["baselines"]) == baselines


def test_audio_has_no_ssim(make_point: Callable[..., Line], objectives: Objectives) -> None:
    line = make_point("a", 100, 12.0, 40.0, modality="audio", rate_unit="kbit/s")
    del line["ssim"]
    (point,) = front_json(collect_front([line], "photos", objectives))["points"]
    assert "ssim" not in point
