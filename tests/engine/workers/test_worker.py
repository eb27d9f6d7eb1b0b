import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch

from searchinr.codecs.contract import Asset
from searchinr.engine.store.run_folder import RunFolder, SharedFolder, open_delivery
from searchinr.engine.store.tensors import read_tensors, write_tensors
from searchinr.engine.workers import last_words, worker
from searchinr.engine.workers.jobs import AnyJob, AssetJob
from searchinr.errors import OutOfMemoryError
from searchinr.search.configs import Config
from searchinr.search.lines import AssetWork, Fit, FitFailed, Point, dump_line, parse_line
from searchinr.search.search import Job
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Resources, Value


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


@pytest.fixture
def signals() -> list[Signal]:
    y, x = np.mgrid[0:8, 0:12]
    picture = np.stack([20 * y + 5, 15 * x, 10 * (x + y)], axis=-1).astype(np.uint8)
    return [Signal(name, picture, Layout("image", (8, 12), 3, 8)) for name in ("one", "two words")]


def make_job(params: Mapping[str, Value] = MappingProxyType({}), **changes: object) -> Job:
    config = Config("mlp", {"width": 8, "depth": 2, **params})
    job = Job(trial="abc", number=0, dataset="tiny", config=config, seed=0, rung=0, steps=10)
    return replace(job, **changes)  # type: ignore[arg-type]


def run_job(
    job: AnyJob, folder: RunFolder, signals: list[Signal], asset: Asset | None = None, timeout_s: float | None = None
) -> None:
    given = {"tiny": signals, "tiny:train": []} if isinstance(job, Job) else {"tiny": [], "tiny:train": signals}
    worker.run_job(job, Resources(cpu=1, timeout_s=timeout_s), folder.path, given, asset)


def delivery(folder: RunFolder) -> tuple[Any, dict[str, bytes]]:
    (path,) = folder.delivered()
    return open_delivery(path)


def test_a_job_delivers_a_whole_ledger_line_and_a_checkpoint(folder: RunFolder, signals: list[Signal]) -> None:
    run_job(make_job(), folder, signals)
    line, files = delivery(folder)
    assert isinstance(line, Point)
    assert parse_line(dump_line(line)) == line
    assert line.shared(Fit) == make_job().shared(Fit)
    assert line.metrics.keys() == {"ssim"}
    assert line.mean_bytes == np.mean([len(data) for data in files.values()])
    assert [row.bytes for row in line.signals] == [len(data) for data in files.values()]
    assert line.rate == pytest.approx(np.mean([8 * len(data) / 96 for data in files.values()]))
    assert line.cost.device == "cpu"
    assert read_tensors(folder.checkpoint("abc", 0)) is not None


def test_the_checkpoint_is_there_before_the_delivery(
    folder: RunFolder, signals: list[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SharedFolder, "deliver", lambda self, *_: seen.append(self.checkpoint("abc", 0).is_file()))
    seen: list[bool] = []
    run_job(make_job(), folder, signals)
    assert seen == [True]


def test_the_next_rung_goes_on_from_the_checkpoint(folder: RunFolder, signals: list[Signal]) -> None:
    run_job(make_job(), folder, signals)
    first, _ = delivery(folder)
    folder.delivered()[0].unlink()
    run_job(make_job(rung=1, steps=30), folder, signals)
    second, resumed = delivery(folder)
    assert second.cost.train_s > first.cost.train_s
    # 10 steps of the first branch, and 30 in all of the trunk and the second one
    assert second.cost.macs == pytest.approx(first.cost.macs * (5 + 30) / 10)
    assert (first.resumed_at, second.resumed_at) == (0, 10)
    folder.delivered()[0].unlink()
    folder.checkpoint("abc", 0).unlink()
    run_job(make_job(rung=1, steps=30), folder, signals)
    assert delivery(folder)[1] == resumed


@pytest.mark.parametrize("damage", ["torn", "one bit"])
def test_a_damaged_checkpoint_is_set_aside_for_the_one_below(
    folder: RunFolder, signals: list[Signal], damage: str
) -> None:
    run_job(make_job(), folder, signals)
    folder.delivered()[0].unlink()
    good = folder.checkpoint("abc", 0).read_bytes()
    bad = good[:-100] if damage == "torn" else good[:-1] + bytes([good[-1] ^ 1])
    folder.checkpoint_under_way("abc", 1).write_bytes(bad)
    run_job(make_job(rung=1, steps=30), folder, signals)
    line, whole = delivery(folder)
    assert line.resumed_at == 10
    assert [path.read_bytes() for path in folder.damaged_checkpoints()] == [bad]
    folder.delivered()[0].unlink()
    folder.checkpoint("abc", 0).write_bytes(bad)
    run_job(make_job(rung=1, steps=30), folder, signals)
    line, from_the_start = delivery(folder)
    assert line.resumed_at == 0
    assert from_the_start == whole


@pytest.mark.parametrize("strange", ["nothing", "another shape", "another rank", "past the end", "odd steps"])
def test_a_checkpoint_from_which_no_fit_can_go_on_is_set_aside(
    folder: RunFolder, signals: list[Signal], strange: str
) -> None:
    run_job(make_job(), folder, signals)
    folder.delivered()[0].unlink()
    run_job(make_job(rung=1, steps=30), folder, signals)
    _, whole = delivery(folder)
    folder.delivered()[0].unlink()
    tensors = read_tensors(folder.checkpoint("abc", 0))
    assert tensors is not None
    of_the_codec = {name for name, tensor in tensors.items() if tensor.ndim > 1}
    changed = {
        "nothing": {"rubbish": torch.zeros(3)},
        "another shape": tensors | {name: tensors[name][..., :-1] for name in of_the_codec},
        "another rank": tensors | {name: tensors[name][None] for name in of_the_codec},
        "past the end": tensors | {name: torch.tensor(31) for name in tensors if name.split(".")[-1] == "steps"},
        "odd steps": tensors | {"steps": torch.zeros(2, 2)},
    }[strange]
    write_tensors(folder.checkpoint_under_way("abc", 1), changed)
    run_job(make_job(rung=1, steps=30), folder, signals)
    line, again = delivery(folder)
    assert (line.kind, line.resumed_at) == ("point", 10)
    assert again == whole
    assert len(list(folder.damaged_checkpoints())) == 1


def test_a_confirmation_is_a_fit_of_its_own(folder: RunFolder, signals: list[Signal]) -> None:
    run_job(make_job(), folder, signals)
    folder.delivered()[0].unlink()
    run_job(make_job(rung=1, steps=30, seed=5, confirms=True), folder, signals)
    line, _ = delivery(folder)
    assert (line.kind, line.confirms, line.resumed_at) == ("confirmation", True, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"params": {"backbone": "mfn", "depth": 16, "width": 256, "lr": 1.0}, "steps": 60},
            "diverged: the loss is NaN",
        ),
        ({"params": {"width": 5000}}, "UserError: width: found 5000"),
    ],
)
def test_what_goes_wrong_in_a_trial_is_a_recorded_failure(
    folder: RunFolder, signals: list[Signal], changes: dict[str, Any], reason: str
) -> None:
    run_job(make_job(**changes), folder, signals)
    line, files = delivery(folder)
    assert line.kind == "failed"
    assert reason in line.reason
    assert "\n" not in line.reason
    assert files == {}


def test_a_fit_that_takes_too_long_has_failed(folder: RunFolder, signals: list[Signal]) -> None:
    run_job(make_job(), folder, signals, timeout_s=0.001)
    line, _ = delivery(folder)
    assert isinstance(line, FitFailed)
    assert line.reason.startswith("over the time limit")


def test_a_failing_disk_is_no_failure_of_the_trial(
    folder: RunFolder, signals: list[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SharedFolder, "deliver", full)
    with pytest.raises(OSError, match="No space left"):
        run_job(make_job(), folder, signals)


def test_asked_to_stop_it_writes_its_checkpoint_and_delivers_nothing(folder: RunFolder, signals: list[Signal]) -> None:
    folder.stop.touch()
    run_job(make_job(steps=1000), folder, signals)
    assert folder.delivered() == []
    checkpoint = read_tensors(folder.checkpoint_under_way("abc", 0))
    assert checkpoint is not None
    assert 0 < int(checkpoint["fit.0.steps"]) < 1000
    folder.stop.unlink()
    run_job(make_job(steps=1000), folder, signals)
    assert delivery(folder)[0].resumed_at == int(checkpoint["steps"])


def make_asset_job(**changes: object) -> AssetJob:
    params = {"supernet.steps": 500, "supernet.depths": "1 2", "supernet.widths": "6 8", "backbone": "siren"}
    job = AssetJob(
        asset="supernet-012", name="supernet", dataset="tiny", built_from="tiny:train",
        config=Config("mlp", changes.pop("params", params)), seed=0, per_seed=True,
    )  # fmt: skip
    return replace(job, **changes)  # type: ignore[arg-type]


def built(folder: RunFolder, signals: list[Signal], **changes: object) -> Asset:
    job = make_asset_job(**changes)
    run_job(job, folder, signals)
    line, _ = delivery(folder)
    folder.delivered()[0].unlink()
    tensors = read_tensors(folder.asset(job.asset))
    assert tensors is not None
    asset = Asset.of(job.spec, tensors)
    assert line.sha256 == asset.sha256
    return asset


def test_an_asset_is_delivered_with_its_cost_and_lies_in_the_run_folder(
    folder: RunFolder, signals: list[Signal]
) -> None:
    run_job(make_asset_job(), folder, signals)
    line, files = delivery(folder)
    assert files == {}
    assert line.shared(AssetWork) == make_asset_job().shared(AssetWork)
    assert (line.kind, line.asset) == ("asset", "supernet-012")
    assert line.bytes == folder.asset("supernet-012").stat().st_size
    assert line.cost.macs > 0 and line.cost.train_s > 0 and line.cost.device == "cpu"
    folder.delivered()[0].unlink()
    assert built(folder, signals).sha256 == line.sha256


def test_asked_to_stop_a_building_writes_its_checkpoint_and_goes_on_from_there(
    folder: RunFolder, signals: list[Signal]
) -> None:
    run_job(make_asset_job(), folder, signals)
    whole, _ = delivery(folder)
    folder.delivered()[0].unlink()
    folder.asset("supernet-012").unlink()
    folder.stop.touch()
    run_job(make_asset_job(), folder, signals)
    assert folder.delivered() == [] and list(folder.assets.iterdir()) == []
    checkpoint = read_tensors(folder.checkpoint_under_way("supernet-012", 0))
    assert checkpoint is not None and int(checkpoint["steps"]) == 1
    folder.stop.unlink()
    run_job(make_asset_job(), folder, signals)
    line, _ = delivery(folder)
    assert (whole.resumed_at, line.resumed_at) == (0, 1)
    assert line.sha256 == whole.sha256
    assert line.cost.macs == whole.cost.macs, "every step was taken once"
    assert line.cost.train_s > float(checkpoint["train_s"])


def test_a_building_writes_checkpoints_on_the_way(
    folder: RunFolder, signals: list[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def write(path: object, tensors: dict[str, Any], *_: object) -> int:
        written.append(int(tensors["steps"]))
        return 0

    monkeypatch.setattr(worker, "write_tensors", write)
    monkeypatch.setattr(worker, "CHECKPOINT_EVERY_S", 0.0)
    run_job(make_asset_job(), folder, signals)
    assert written == list(range(1, 501))


def test_a_damaged_checkpoint_of_a_building_is_set_aside(folder: RunFolder, signals: list[Signal]) -> None:
    folder.checkpoint_under_way("supernet-012", 0).write_bytes(b"half a checkpoint")
    run_job(make_asset_job(), folder, signals)
    assert delivery(folder)[0].resumed_at == 0
    assert [path.read_bytes() for path in folder.damaged_checkpoints()] == [b"half a checkpoint"]


def test_an_asset_that_cannot_be_built_is_a_recorded_failure(folder: RunFolder, signals: list[Signal]) -> None:
    run_job(make_asset_job(params={"supernet.widths": "-1"}, confirms=True), folder, signals)
    line, _ = delivery(folder)
    assert (line.kind, line.asset, line.confirms) == ("asset_failed", "supernet-012", True)
    assert line.reason.startswith("UserError: supernet.widths: found '-1'")


def test_a_fit_tells_of_the_asset_that_it_began_with(folder: RunFolder, signals: list[Signal]) -> None:
    first, second = (built(folder, signals, seed=seed, asset=f"supernet-{seed}") for seed in (0, 1))
    params = {"init": "supernet", "supernet.depths": "1 2", "supernet.widths": "6 8"}
    run_job(make_job(params=params), folder, signals, first)
    assert delivery(folder)[0].init == f"supernet@{first.sha256[:12]}"
    folder.delivered()[0].unlink()
    # The asset was built anew meanwhile: what the fit goes on from is its own checkpoint.
    run_job(make_job(rung=1, steps=30, params=params), folder, signals, second)
    assert delivery(folder)[0].init == f"supernet@{first.sha256[:12]}"
    folder.delivered()[0].unlink()
    run_job(make_job(), folder, signals)
    assert delivery(folder)[0].init == "scratch"


def test_a_fit_that_runs_out_of_memory_has_failed_for_good_only_alone(
    folder: RunFolder, signals: list[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    def starve(*_: object, **__: object) -> None:
        raise OutOfMemoryError("out of memory")

    monkeypatch.setattr(worker, "run_trial", starve)
    run_job(make_job(), folder, signals)
    first, _ = delivery(folder)
    assert (first.kind, first.reason, first.seed) == ("out_of_memory", "out of memory", 0)
    folder.delivered()[0].unlink()
    run_job(make_job(alone=True), folder, signals)
    last, _ = delivery(folder)
    assert (last.kind, last.reason) == ("failed", "out of memory, though it ran alone")


def test_a_worker_whose_machine_announces_its_end_checkpoints_first(
    folder: RunFolder, signals: list[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[bool] = []

    def end(longest_s: float) -> None:
        waits.append(folder.checkpoint_under_way("abc", 0).is_file())
        last_words._announced.clear()

    monkeypatch.setattr(last_words, "wait_for_it", end)
    before = signal.getsignal(signal.SIGTERM)
    try:
        last_words.listen()
        os.kill(os.getpid(), signal.SIGTERM)
        run_job(make_job(steps=200), folder, signals)  # a false alarm: it goes on
    finally:
        signal.signal(signal.SIGTERM, before)
    assert waits == [True]
    assert delivery(folder)[0].kind == "point"
