"""Which operating point is exported, against a search by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from searchinr.engine.coding.config_file import EncodeConfig
from searchinr.engine.results.export import Criterion, best_config, best_config_per_signal
from searchinr.engine.results.opened import OpenedRun
from searchinr.engine.store.ledger import Line
from searchinr.engine.store.run_folder import RunFolder
from searchinr.errors import UserError
from searchinr.search.figures import SignalTable
from searchinr.search.objectives import Objectives
from searchinr.space import STANDARD, Metric, Space


@pytest.fixture
def opened(toy_space: Space, ledger: list[Line], objectives: Objectives) -> OpenedRun:
    return OpenedRun(RunFolder(Path("runs/toy")), toy_space, ledger, objectives)


def export(opened: OpenedRun, **criteria: Any) -> EncodeConfig:  # noqa: ANN401
    chosen = {"dataset": "photos", "max_rate": None, "min_psnr": None, "trial": None, **criteria}
    dataset = chosen.pop("dataset")
    return best_config(opened, dataset, Criterion(**chosen))


def test_the_highest_psnr_within_a_rate(opened: OpenedRun) -> None:
    assert export(opened, max_rate=1.01).provenance["psnr_db"] == 27.5
    assert export(opened, max_rate=1.005).provenance["psnr_db"] == 26.0
    assert export(opened, max_rate=0.5).provenance["psnr_db"] == 24.0


def test_the_lowest_rate_with_a_psnr(opened: OpenedRun) -> None:
    assert export(opened, min_psnr=24).provenance["rate"] == 0.5
    assert export(opened, min_psnr=24.01).provenance["rate"] == 1.0
    assert export(opened, min_psnr=27.5).provenance["rate"] == 1.01


def test_a_run_by_another_metric_is_exported_by_that_metric(opened: OpenedRun, ledger: list[Line]) -> None:
    worst = Metric("worst", "worst error", "min", unit="K", digits=1)
    errors = iter((5.0, 9.0, 6.0, 8.0, 4.0))  # aaa at 100 steps, bbb, aaa at 300, zzz of the other dataset, aaa at 900
    for place, line in enumerate(ledger):
        if line.kind == "point":
            error = next(errors)
            rows = [replace(row, metrics={"worst": error + i}) for i, row in enumerate(line.signals)]
            ledger[place] = replace(line, metrics={"worst": error}, signals=SignalTable.of(rows))
    metrics = {"worst": worst, **STANDARD}
    by_error = Objectives({"worst": "min", "rate": "min"}, {"worst": 10, "rate": 4}, metrics=metrics)
    run = replace(opened, objectives=by_error)
    assert export(run, max_rate=1.015).provenance["worst"] == 5.0  # although 6.0 has the higher PSNR
    assert export(run, quality=9).provenance["rate"] == 0.5
    assert export(run, quality=4.5).provenance["rate"] == 1.02
    assert export(run, min_psnr=25).provenance["rate"] == 1.0
    assert {config.steps for config in per_signal(run, trial="aaa").values()} == {900}
    with pytest.raises(UserError, match=r"--quality 3: no point is that good; the lowest worst error found is 4.0 K"):
        export(run, quality=3)
    with pytest.raises(UserError, match=r"coffee: --quality 4: .* found is 5.0 K"):
        per_signal(run, quality=4)


def test_a_trial_at_its_longest_training(opened: OpenedRun) -> None:
    config = export(opened, trial="aa")
    assert (config.provenance["trial"], config.steps) == ("aaa", 900)


def test_a_trial_at_one_of_its_trainings(opened: OpenedRun) -> None:
    config = export(opened, trial="aaa", steps=300)
    assert (config.steps, config.provenance["psnr_db"]) == (300, 27.5)


def test_the_config_is_the_points(opened: OpenedRun, ledger: list[Line]) -> None:
    config = export(opened, max_rate=0.5)
    (point,) = (line for line in ledger if line.kind == "point" and line.trial == "bbb")
    assert (config.codec, config.params, config.steps, config.seed) == ("mlp", point.config.params, 100, 0)
    assert config.provenance == {
        "run": "runs/toy",
        "dataset": "photos",
        "trial": "bbb",
        "rate": 0.5,
        "rate_unit": "bpp",
        "psnr_db": 24.0,
        "ssim": 0.8,
        "signals": 2,
    }


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ({}, "exactly one"),
        ({"max_rate": 1.0, "trial": "aaa"}, "exactly one"),
        ({"max_rate": 0.49}, "lowest rate found is 0.500 bpp"),
        ({"min_psnr": 27.6}, "highest PSNR found is 27.50 dB"),
        ({"quality": 27.6}, "--quality 27.6: no point is that good; the highest PSNR found is 27.50 dB"),
        ({"quality": 27, "min_psnr": 27}, "exactly one"),
        ({"trial": "ccc"}, "no trial with an operating point"),
        ({"trial": ""}, "2 trials begin with it"),
        ({"max_rate": 1.0, "steps": 300}, "--steps goes with --trial"),
        ({"trial": "aaa", "steps": 200}, "--steps 200: trial aaa was measured at 100, 300, 900 steps"),
        ({"dataset": None, "max_rate": 1.0}, "several datasets"),
        ({"dataset": "kodak", "max_rate": 1.0}, "no dataset 'kodak'"),
    ],
)
def test_criteria_that_no_point_meets(opened: OpenedRun, criteria: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        export(opened, **criteria)


def test_what_breaks_a_constraint_is_not_exported(
    opened: OpenedRun, ledger: list[Line], small_decoders: Objectives
) -> None:
    for place, line in enumerate(ledger):
        if line.kind == "point" and line.trial == "aaa" and line.steps < 900:
            ledger[place] = replace(line, decode_macs_per_sample=1000.0)
    constrained = replace(opened, objectives=small_decoders)
    assert export(constrained, trial="aaa").steps == 300  # at 900 steps it breaks them
    assert export(constrained, max_rate=4.0).steps == 300
    with pytest.raises(UserError, match=r"lowest rate found is 1\.000"):
        export(constrained, max_rate=0.5)
    with pytest.raises(UserError, match=r"--trial bbb: breaks .*: decode_macs_per_sample is 2304, allowed <= 2000"):
        export(constrained, trial="bbb")


def test_where_nothing_meets_the_constraints_there_is_nothing_to_export(
    opened: OpenedRun, small_decoders: Objectives
) -> None:
    constrained = replace(opened, objectives=small_decoders)
    for criteria in ({"max_rate": 4.0}, {"trial": "aaa"}):
        with pytest.raises(UserError, match="none of 4 operating points meets the constraints"):
            export(constrained, **criteria)


def per_signal(opened: OpenedRun, **criteria: Any) -> dict[str, EncodeConfig]:  # noqa: ANN401
    return best_config_per_signal(opened, "photos", Criterion(**criteria))


@pytest.fixture
def uneven(opened: OpenedRun, ledger: list[Line]) -> OpenedRun:
    """bbb is worse than aaa on average, and so not on the front at its rate, but better for coffee."""
    ((place, point),) = (
        (place, line) for place, line in enumerate(ledger) if line.kind == "point" and line.trial == "bbb"
    )
    rows = [replace(row, rate=1.0, psnr_db=psnr_db) for row, psnr_db in zip(point.signals, (10.0, 33.0), strict=True)]
    ledger[place] = replace(point, rate=1.0, psnr_db=21.5, signals=SignalTable.of(rows))
    return opened


def test_each_signal_has_the_config_that_is_best_for_it(uneven: OpenedRun) -> None:
    configs = per_signal(uneven, max_rate=1.01)
    assert list(configs) == ["astronaut", "coffee"]
    astronaut, coffee = (config.provenance for config in configs.values())
    assert (astronaut["trial"], astronaut["psnr_db"], astronaut["signal"]) == ("aaa", 26.5, "astronaut")
    assert (coffee["trial"], coffee["psnr_db"], coffee["signal"]) == ("bbb", 33.0, "coffee")
    assert configs["astronaut"].steps == 300
    assert per_signal(uneven, min_psnr=20)["coffee"].provenance["trial"] == "bbb"  # at the same rate the better one
    assert "bbb" not in [point.trial for point in uneven.front("photos").front]


def test_of_a_trial_each_signal_has_its_best_training(opened: OpenedRun) -> None:
    assert {config.steps for config in per_signal(opened, trial="aaa").values()} == {300}  # not the longest
    assert {config.steps for config in per_signal(opened, trial="aaa", steps=900).values()} == {900}


def test_a_signal_for_which_nothing_is_good_enough_is_named(opened: OpenedRun) -> None:
    with pytest.raises(UserError, match=r"astronaut: --min-psnr 27: no point is that good; .* 26.50 dB"):
        per_signal(opened, min_psnr=27)
