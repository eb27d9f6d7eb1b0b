from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import searchinr.codecs.combiner.codec as combiner_codec
import searchinr.codecs.mlp.codec as mlp_codec
from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.engine.catalog import canonicalise
from searchinr.engine.run.assets import Assets
from searchinr.engine.store.asset_cache import AssetCache
from searchinr.engine.store.asset_keys import asset_id
from searchinr.engine.store.ledger import Ledger
from searchinr.engine.store.run_folder import RunFolder, open_delivery
from searchinr.engine.store.tensors import write_tensors
from searchinr.engine.store.training import training_name
from searchinr.engine.workers import worker
from searchinr.engine.workers.jobs import AssetJob
from searchinr.search.configs import Config
from searchinr.search.lines import AssetFailed, Line
from searchinr.search.search import Job
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Resources
from searchinr.trial import asset_spec

KEYS = {"tiny": "0" * 64, "other": "1" * 64, training_name("tiny"): "2" * 64}
SIGNAL = Signal("one", np.arange(288, dtype=np.uint8).reshape(8, 12, 3), Layout("image", (8, 12), 3, 8))
CONTENT = {"0.weight": torch.arange(6.0)}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


@pytest.fixture
def warnings() -> list[str]:
    return []


def new_assets(
    folder: RunFolder, keys: Mapping[str, str] = KEYS, warn: Callable[[str], None] = lambda text: None
) -> Assets:
    """The assets of a run without a cache, nothing of them on record."""
    return Assets(folder, keys, AssetCache(None, folder.path, warn), warn=warn)


@pytest.fixture
def assets(folder: RunFolder, warnings: list[str]) -> Assets:
    return new_assets(folder, KEYS, warn=warnings.append)


def make_job(trial: str, init: str = "supernet", **changes: object) -> Job:
    shared = {"init": init, "depth": 2, "supernet.steps": 3, "supernet.depths": "1 2", "supernet.widths": "6 8"}
    params = canonicalise("mlp", {"width": 8, **shared, **changes.pop("params", {})})  # type: ignore[dict-item]
    return replace(_job(trial, Config("mlp", params)), **changes)  # type: ignore[arg-type]


def make_prior_job(trial: str, beta: float) -> Job:
    """A fit whose prior starts from those of the larger betas."""
    shared = {"width": 4, "depth": 1, "features": 2, "prior_steps": 20}
    chain = {"init": "neighbour", "neighbour.betas": "0.03 0.01 0.003", "neighbour.steps": 10}
    params = canonicalise("combiner", {"beta": beta, **shared, **chain})
    return _job(trial, Config("combiner", params))


def _job(trial: str, config: Config) -> Job:
    return Job(trial=trial, number=0, dataset="tiny", config=config, seed=0, rung=0, steps=10)


def build(folder: RunFolder, job: AssetJob, base: Asset | None = None) -> Line:
    """What a worker delivers of an asset."""
    worker.run_job(job, Resources(cpu=1), folder.path, {job.built_from: [SIGNAL]}, base)
    (path,) = folder.delivered()
    line, files = open_delivery(path)
    path.unlink()
    assert files == {}
    return line


def handed_out(assets: Assets, *jobs: Job) -> list[Any]:
    """Everything that there is to do while the search has these jobs: trials by name, assets as they are."""
    waiting = list(jobs)
    tasks = []
    while (task := assets.next_task(lambda: waiting.pop(0) if waiting else None, room=2)) is not None:
        tasks.append(task if isinstance(task, AssetJob) else task.trial)
    return tasks


def test_jobs_wait_for_what_is_being_built_and_others_go_on(folder: RunFolder, assets: Assets) -> None:
    jobs = [make_job("a"), make_job("b", "scratch"), make_job("c", params={"width": 6}), make_job("d", "scratch")]
    building, *others = handed_out(assets, *jobs[:3])
    assert others == ["b"]
    assert assets.building == [building] and assets.parked == 2
    assert handed_out(assets, jobs[3]) == []  # not even asked for: there is no room for another that would wait
    assets.tell(build(folder, building))
    assert handed_out(assets) == []  # the worker has delivered, but is not done
    assert assets.ended(building)
    assert handed_out(assets, jobs[3], make_job("e")) == ["a", "c", "d", "e"]
    assert assets.building == [] and assets.parked == 0
    asset = assets.asset(jobs[0])
    assert asset is not None and asset.label == f"supernet@{asset.sha256[:12]}"
    assert assets.asset(jobs[1]) is None and assets.failure(jobs[0]) is None


def test_an_asset_belongs_to_a_dataset_and_a_seed_and_to_trials_of_every_size(assets: Assets) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"params": {"width": 6, "quantizer": "lsq"}},
        {"dataset": "other"},
        {"seed": 1, "confirms": True},
        {"params": {"siren.omega": 10}},
    ]
    names, confirms = [], []
    for change in changes:
        (asset,) = handed_out(new_assets(RunFolder(Path())), make_job("a", **change))
        names.append(asset.asset)
        confirms.append(asset.confirms)
    assert names[0] == names[1]
    assert len(set(names)) == 4
    assert confirms == [False, False, False, True, False]


def test_what_does_not_depend_on_the_seed_is_shared_by_fits_of_all_seeds() -> None:
    job = make_prior_job("a", 0.03)
    confirming = [replace(job, seed=seed, confirms=True) for seed in (1, 2, 3)]
    first, *others = (handed_out(new_assets(RunFolder(Path())), each)[0] for each in (job, *confirming))
    assert all(other.confirms for other in others)
    assert all(replace(other, confirms=False) == first for other in others)
    (of_others,) = handed_out(new_assets(RunFolder(Path()), {**KEYS, training_name("tiny"): "3" * 64}), job)
    assert of_others.asset != first.asset and of_others.seed != first.seed


def test_an_algorithm_of_another_version_builds_another_asset(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so does one whose base is built by another."""
    jobs = make_job("a"), make_prior_job("b", 0.003)

    def keys() -> list[str]:
        return [asset_id(job.config.codec, wanted(job), "0" * 64, 0) for job in jobs]

    def wanted(job: Job) -> AssetSpec:
        spec = asset_spec(job.config)
        assert spec is not None
        return spec

    def newer(old: Callable[[Any], AssetSpec | None], given: object) -> AssetSpec | None:
        spec = old(given)
        return None if spec is None else replace(spec, version=spec.version + 1)

    before = keys()
    assert before == keys()
    for module, name in ((mlp_codec, "supernet_spec"), (combiner_codec, "neighbour_spec")):
        monkeypatch.setattr(module, name, partial(newer, getattr(module, name)))
    assert not set(before) & set(keys())


def test_a_building_without_a_result_is_handed_out_again(folder: RunFolder, assets: Assets) -> None:
    (first,) = handed_out(assets, make_job("a"))
    assert not assets.ended(first)
    (second,) = handed_out(assets)
    assert second == first
    assets.tell(build(folder, second))
    assert assets.ended(second)
    assert handed_out(assets) == ["a"]


def test_what_could_not_be_built_is_told_to_all_that_need_it_and_not_tried_again(
    folder: RunFolder, assets: Assets
) -> None:
    (building,) = handed_out(assets, make_job("a"))
    wrong = replace(building, config=Config("mlp", {**building.config.params, "backbone": "none"}))
    line = build(folder, wrong)
    assert line.kind == "asset_failed"
    assets.tell(line)
    assert assets.ended(building)
    again = new_assets(folder)
    again.replay([line])
    for one in (assets, again):
        assert handed_out(one, make_job("b")) == (["a", "b"] if one is assets else ["b"])
        reason = one.failure(make_job("b"))
        assert reason is not None
        assert reason.startswith("its supernet could not be built: UserError: backbone: found 'none'")
        assert one.failure(make_job("c", "scratch")) is None


def recorded(folder: RunFolder, assets: Assets, ledger: Ledger) -> AssetJob:
    """An asset that was built, and is on record."""
    (building,) = handed_out(assets, make_job("a"))
    ledger.append(build(folder, building))
    return building


def test_what_an_asset_starts_from_is_built_first(folder: RunFolder, assets: Assets) -> None:
    jobs = [make_prior_job("a", 0.003), make_prior_job("b", 0.01)]
    (building,) = handed_out(assets, *jobs)
    assert building.config.params["beta"] == 0.03 and assets.asset(building) is None
    for beta, released in ((0.01, []), (0.003, ["b"])):
        base = building
        assets.tell(build(folder, base, assets.asset(base)))
        assert assets.ended(base)
        *others, building = sorted(handed_out(assets), key=lambda task: isinstance(task, AssetJob))
        assert others == released
        assert building.config.params["beta"] == beta
        started_from = assets.asset(building)
        assert started_from is not None and started_from.spec == base.spec
    assets.tell(build(folder, building, assets.asset(building)))
    assert assets.ended(building)
    assert handed_out(assets) == ["a"]
    assert assets.asset(jobs[0]) != assets.asset(jobs[1])


def test_what_the_failed_one_was_to_start_fails_with_its_reason(assets: Assets) -> None:
    job = make_prior_job("a", 0.01)
    (building,) = handed_out(assets, job)
    assets.tell(AssetFailed(**building.shared(AssetFailed), reason="NaN"))
    assert assets.ended(building)
    assert handed_out(assets) == ["a"]
    assert assets.failure(job) == "its prior could not be built: its prior could not be built: NaN"


def test_a_continued_run_uses_what_is_there(folder: RunFolder, assets: Assets) -> None:
    with Ledger(folder.ledger) as ledger:
        recorded(folder, assets, ledger)
        again = new_assets(folder)
        again.replay(ledger.lines)
        assert handed_out(again, make_job("b")) == ["b"]
        asset = again.asset(make_job("b"))
        assert asset is not None and asset.sha256 == ledger.lines[0].sha256


@pytest.mark.parametrize("damage", ["torn", "one bit", "other content", "gone"])
def test_what_is_damaged_or_gone_is_built_again_and_on_record_once(
    folder: RunFolder, assets: Assets, warnings: list[str], damage: str
) -> None:
    with Ledger(folder.ledger) as ledger:
        built = recorded(folder, assets, ledger)
        path = folder.asset(built.asset)
        good = path.read_bytes()
        bad: Mapping[str, bytes] = {"torn": good[:-100], "one bit": good[:-1] + bytes([good[-1] ^ 1])}
        if damage == "other content":
            write_tensors(path, CONTENT)
        elif damage == "gone":
            path.unlink()
        else:
            path.write_bytes(bad[damage])
        again = new_assets(folder, KEYS, warn=warnings.append)
        again.replay(ledger.lines)
        assert handed_out(again, make_job("b")) == [built]
        if damage == "gone":
            assert warnings == []
        else:
            (warning,) = warnings
            assert warning.startswith(f"{path}: ")
            assert warning.endswith("it is set aside, and the supernet is built again")
            assert path.with_suffix(".damaged").is_file()
        line = build(folder, built)
        assert ledger.has(line)
        assert not ledger.has(replace(line, sha256="0" * 64))
        again.tell(line)
        assert again.ended(built)
        assert handed_out(again) == ["b"]


def test_what_is_built_differently_the_second_time_counts_from_then_on(folder: RunFolder, assets: Assets) -> None:
    with Ledger(folder.ledger) as ledger:
        built = recorded(folder, assets, ledger)
        folder.asset(built.asset).unlink()
        ledger.lines[0] = replace(ledger.lines[0], sha256="0" * 64)  # as another machine would have built it
        again = new_assets(folder)
        again.replay(ledger.lines)
        (building,) = handed_out(again, make_job("b"))
        line = build(folder, building)
        assert handed_out(again) == []  # its file lies there, but nobody has told yet what it is
        again.tell(line)
        assert again.ended(building)
        asset = again.asset(make_job("b"))
        assert asset is not None and asset.sha256 == line.sha256
