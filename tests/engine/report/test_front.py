import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from searchinr.engine.report.baselines import BaselinePoint, Baselines
from searchinr.engine.report.front import collect_front, front_json
from searchinr.errors import UserError
from searchinr.search.lines import AssetFailed, Line
from searchinr.search.objectives import Objectives


def test_a_front_is_gathered_from_its_own_dataset_only(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    assert [(p.trial, p.steps) for p in report.front] == [("bbb", 100), ("aaa", 100), ("aaa", 300)]
    assert (report.trials, len(report.points), report.signals) == (3, 4, 2)
    assert (report.modality, report.rate_unit) == ("image", "bpp")
    # by hand: boxes from the reference (20 dB, 4 bpp), rate in octaves
    octaves = {rate: 2 - math.log2(rate) for rate in (0.5, 1.0, 1.01)}
    by_hand = 4.0 * octaves[0.5] + 2.0 * octaves[1.0] + 1.5 * octaves[1.01]
    assert report.hypervolume == pytest.approx(by_hand)


def test_what_trials_share_is_work_and_no_trial(
    ledger: list[Line], make_asset: Callable[..., Line], objectives: Objectives
) -> None:
    without = collect_front(ledger, "photos", objectives)
    failed = AssetFailed(**make_asset(asset="supernet-000").shared(AssetFailed), reason="diverged")
    lines = [*ledger[:3], make_asset(), make_asset(dataset="other"), failed, *ledger[3:]]
    report = collect_front(lines, "photos", objectives)
    assert report.trials == without.trials
    assert [now.macs for now in report.anytime] == [
        now.macs + (0 if now.points == 1 else 5e8) for now in without.anytime
    ]


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
    assert [p.trial for p in report.front] == ["a", "b", "c"]
    assert [p.trial for p in report.front_line] == ["a", "c"]


def test_front_json_is_complete_and_plain(ledger: list[Line], objectives: Objectives) -> None:
    baselines = Baselines(
        (BaselinePoint("JPEG", 50, {"rate": 0.9, "psnr_db": 27.0, "ssim": 0.8}),), {"AVIF": "cannot hold it"}
    )
    report = collect_front(ledger, "photos", objectives, baselines)
    data = json.loads(json.dumps(front_json(report), allow_nan=False))
    assert data["reference_point"] == {"psnr_db": 20, "rate": 4}
    assert data["hypervolume"] == report.hypervolume
    first = data["points"][0]
    assert [first[key] for key in ("trial", "steps", "rate", "psnr_db", "ssim")] == ["bbb", 100, 0.5, 24, 0.8]
    assert first["params"]["mfn.filter"] == "gabor"
    assert first["mean_bytes"] == report.front[0].mean_bytes == 864.5
    assert Baselines.from_json(data["baselines"]) == baselines


def test_audio_has_no_ssim(make_point: Callable[..., Line], objectives: Objectives) -> None:
    line = make_point("a", 100, 12.0, 40.0, modality="audio", rate_unit="kbit/s", metrics={})
    (point,) = front_json(collect_front([line], "photos", objectives))["points"]
    assert "ssim" not in point


def test_front_json_says_what_further_seeds_gave(confirmed_ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(confirmed_ledger, "photos", objectives)
    bbb, aaa_100, aaa_300 = json.loads(json.dumps(front_json(report), allow_nan=False))["points"]
    assert bbb["confirmed"] == {
        "seeds": 2,
        "psnr_db": {"mean": pytest.approx(23.6), "std": pytest.approx(math.sqrt(0.02))},
        "rate": {"mean": pytest.approx(0.51), "std": pytest.approx(math.sqrt(0.0002))},
        "failed": 1,
    }
    assert bbb["psnr_db"] == 24.0  # the file's own
    assert aaa_100["confirmed"] is None
    assert aaa_300["confirmed"]["psnr_db"] == {"mean": 27.0, "std": None}
    assert report.trials == 3


def test_a_point_that_breaks_a_constraint_is_not_on_the_front(ledger: list[Line], small_decoders: Objectives) -> None:
    ledger[3] = replace(ledger[3], decode_macs_per_sample=500.0)
    report = collect_front(ledger, "photos", small_decoders)
    assert [p.trial for p in report.front] == ["bbb"]
    assert report.hypervolume == pytest.approx(4.0 * 3)
    assert len(report.points) == 4
    assert front_json(report)["constraints"] == {"decode_macs_per_sample": "<= 2000"}


def test_if_no_point_meets_the_constraints_the_nearest_is_named(ledger: list[Line], small_decoders: Objectives) -> None:
    ledger[3] = replace(ledger[3], decode_macs_per_sample=2100.0)
    with pytest.raises(UserError) as caught:
        collect_front(ledger, "photos", small_decoders)
    assert str(caught.value) == (
        "dataset photos: none of 4 operating points meets the constraints, so there is no front; nearest is trial bbb "
        "at 100 steps: decode_macs_per_sample is 2100, allowed <= 2000; let the run go on, or start another with wider "
        "constraints"
    )


def test_milestones_are_the_ends_and_every_improvement(make_point: Callable[..., Line], objectives: Objectives) -> None:
    psnrs = (18.0, 19.0, 25.0, 24.0, 26.0, 26.0, 25.0)  # the first two are beyond the reference point
    points = [make_point(str(i), 100, 1.0, psnr_db) for i, psnr_db in enumerate(psnrs)]
    report = collect_front(points, "photos", objectives)
    assert [now.points for now in report.milestones] == [1, 3, 5, 7]
