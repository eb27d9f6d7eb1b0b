import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.engine.store.run_folder import RunFolder, SharedFolder, open_delivery
from searchinr.engine.store.tensors import read_tensors
from searchinr.engine.workers import last_words, worker
from searchinr.errors import OutOfMemoryError
from searchinr.signals.signal import Layout, Signal


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


def make_job(**changes: object) -> dict[str, Any]:
    params = {"width": 8, "depth": 2, **changes.pop("params", {})}  # type: ignore[dict-item]
    fields: dict[str, Any] = {
        "trial": "abc", "number": 0, "dataset": "tiny", "codec": "mlp", "params": params, "seed": 0, "rung": 0,
        "steps": 10, "confirms": False, "alone": False, "cpu": 1.0, "gpu": 0.0, "timeout_s": None,
    }  # fmt: skip
    return {**fields, **changes}


def delivery(folder: RunFolder) -> tuple[dict[str, Any], dict[str, bytes]]:
    (path,) = folder.delivered()
    return open_delivery(path)


def test_a_job_delivers_a_whole_ledger_line_and_a_checkpoint(folder: RunFolder, signals: list[Signal]) -> None:
    worker.run_job(make_job(), folder.path, signals, None)
    line, files = delivery(folder)
    assert line.keys() >= {
        "kind", "trial", "rung", "steps", "dataset", "modality", "codec", "params", "seed", "init", "psnr_db",
        "psnr_of_mean_mse_db", "ssim", "rate", "rate_unit", "resumed_at", "signals", "cost", "time",
    }  # fmt: skip
    assert [row["bytes"] for row in line["signals"]] == [len(data) for data in files.values()]
    assert line["rate"] == pytest.approx(np.mean([8 * len(data) / 96 for data in files.values()]))
    assert line["cost"].keys() == {"macs", "train_s", "device"}
    assert read_tensors(folder.checkpoint("abc", 0)) is not None


def test_the_checkpoint_is_there_before_the_delivery(
    folder: RunFolder, signals: list[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SharedFolder, "deliver", lambda self, *_: seen.append(self.checkpoint("abc", 0).is_file()))
    seen: list[bool] = []
    worker.run_job(make_job(), folder.path, signals, None)
    assert seen == [True]


def test_the_next_rung_goes_on_from_the_checkpoint(folder: RunFolder, signals: list[Signal]) -> None:
    worker.run_job(make_job(), folder.path, signals, None)
    first, _ = delivery(folder)
    folder.delivered()[0].unlink()
    worker.run_job(make_job(rung=1, steps=30), folder.path, signals, None)
    second, resumed = delivery(folder)
    assert second["cost"]["train_s"] > first["cost"]["train_s"]
    # 10 steps of the first branch, and 30 in all of the trunk and the second one
    assert second["cost"]["macs"] == pytest.approx(first["cost"]["macs"] * (5 + 30) / 10)
    assert (first["resumed_at"], second["resumed_at"]) == (0, 10)
    folder.delivered()[0].unlink()
    folder.checkpoint("abc", 0).unlink()
    worker.run_job(make_job(rung=1, steps=30), folder.path, signals, None)
    assert delivery(folder)[1] == resumed


@pytest.mark.parametrize("damage", ["torn", "one bit"])
def test_a_damaged_checkpoint_is_set_aside_for_the_one_below(
    folder: RunFolder, signals: list[Signal], damage: str
) -> None:
    worker.run_job(make_job(), folder.path, signals, None)
    folder.delivered()[0].unlink()
    good = folder.checkpoint("abc", 0).read_bytes()
    bad = good[:-100] if damage == "torn" else good[:-1] + bytes([good[-1] ^ 1])
    folder.checkpoint_under_way("abc", 1).write_bytes(bad)
    worker.run_job(make_job(rung=1, steps=30), folder.path, signals, None)
    line, whole = delivery(folder)
    assert line["resumed_at"] == 10
    assert [path.read_bytes() for path in folder.damaged_checkpoints()] == [bad]
    folder.delivered()[0].unlink()
    folder.checkpoint("abc", 0).write_bytes(bad)
    worker.run_job(make_job(rung=1, steps=30), folder.path, signals, None)
    line, from_the_start = delivery(folder)
    assert line["resumed_at"] == 0
    assert from_the_start == whole


def test_a_confirmation_is_a_fit_of_its_own(folder: RunFolder, signals: list[Signal]) -> None:
    worker.run_job(make_job(), folder.path, signals, None)
    folder.delivered()[0].unlink()
    worker.run_job(make_job(rung=1, steps=30, seed=5, confirms=True), folder.path, signals, None)
    line, _ = delivery(folder)
    assert (line["kind"], line["confirms"], line["resumed_at"]) == ("confirmation", True, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"params": {"backbone": "mfn", "depth": 16, "width": 256, "lr": 1.0}, "steps": 60},
            "diverged: the loss is NaN",
        ),
        ({"timeout_s": 0.0}, "over the time limit"),
        ({"params": {"width": 5000}}, "UserError: width: found 5000"),
    ],
)
def test_what_goes_wrong_in_a_trial_is_a_recorded_failure(
    folder: RunFolder, signals: list[Signal], changes: dict[str, Any], reason: str
) -> None:
    worker.run_job(make_job(**changes), folder.path, signals, None)
    line, files = delivery(folder)
    assert line["kind"] == "failed"
    assert reason in line["reason"]
    assert "\n" not in line["reason"]
    assert files == {}


def test_a_failing_disk_is_no_failure_of_the_trial(
    folder: RunFolder, signals: list[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SharedFolder, "deliver", full)
    with pytest.raises(OSError, match="No space left"):
        worker.run_job(make_job(), folder.path, signals, None)


def test_asked_to_stop_it_writes_its_checkpoint_and_delivers_nothing(folder: RunFolder, signals: list[Signal]) -> None:
    folder.stop.touch()
    worker.run_job(make_job(steps=1000), folder.path, signals, None)
    assert folder.delivered() == []
    checkpoint = read_tensors(folder.checkpoint_under_way("abc", 0))
    assert checkpoint is not None
    assert 0 < int(checkpoint["fit.0.steps"]) < 1000
    folder.stop.unlink()
    worker.run_job(make_job(steps=1000), folder.path, signals, None)
    assert delivery(folder)[0]["resumed_at"] == int(checkpoint["steps"])


def make_asset_job(**changes: object) -> dict[str, Any]:
    params = {"supernet.steps": 500, "supernet.depths": "1 2", "supernet.widths": "6 8", "backbone": "siren"}
    fields: dict[str, Any] = {
        "asset": "supernet-012", "name": "supernet", "dataset": "tiny", "built_from": "tiny", "codec": "mlp",
        "params": params, "needed_to_decode": False, "per_seed": True, "version": 1, "seed": 0, "confirms": False,
        "cpu": 1.0, "gpu": 0.0, "timeout_s": None,
    }  # fmt: skip
    return {**fields, **changes}


def built(folder: RunFolder, signals: list[Signal], **changes: object) -> Asset:
    job = make_asset_job(**changes)
    worker.run_job(job, folder.path, signals, None)
    line, _ = delivery(folder)
    folder.delivered()[0].unlink()
    tensors = read_tensors(folder.asset(job["asset"]))
    assert tensors is not None
    asset = Asset.of(AssetSpec(job["name"], job["params"], job["needed_to_decode"]), tensors)
    assert line["sha256"] == asset.sha256
    return asset


def test_an_asset_is_delivered_with_its_cost_and_lies_in_the_run_folder(
    folder: RunFolder, signals: list[Signal]
) -> None:
    worker.run_job(make_asset_job(), folder.path, signals, None)
    line, files = delivery(folder)
    assert files == {}
    assert line.keys() >= {"kind", "asset", "dataset", "codec", "params", "seed", "sha256", "bytes", "cost", "time"}
    assert (line["kind"], line["asset"]) == ("asset", "supernet-012")
    assert line["bytes"] == folder.asset("supernet-012").stat().st_size
    assert line["cost"]["macs"] > 0 and line["cost"]["train_s"] > 0 and line["cost"]["device"] == "cpu"
    folder.delivered()[0].unlink()
    assert built(folder, signals).sha256 == line["sha256"]


def test_asked_to_stop_a_building_writes_its_checkpoint_and_goes_on_from_there(
    folder: RunFolder, signals: list[Signal]
) -> None:
    worker.run_job(make_asset_job(), folder.path, signals, None)
    whole, _ = delivery(folder)
    folder.delivered()[0].unlink()
    folder.asset("supernet-012").unlink()
    folder.stop.touch()
    worker.run_job(make_asset_job(), folder.path, signals, None)
    assert folder.delivered() == [] and list(folder.assets.iterdir()) == []
    checkpoint = read_tensors(folder.checkpoint_under_way("supernet-012", 0))
    assert checkpoint is not None and int(checkpoint["steps"]) == 1
    folder.stop.unlink()
    worker.run_job(make_asset_job(), folder.path, signals, None)
    line, _ = delivery(folder)
    assert (whole["resumed_at"], line["resumed_at"]) == (0, 1)
    assert line["sha256"] == whole["sha256"]
    assert line["cost"]["macs"] == whole["cost"]["macs"], "every step was taken once"
    assert line["cost"]["train_s"] > float(checkpoint["train_s"])


def test_a_building_writes_checkpoints_on_the_way(
    folder: RunFolder, signals: list[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def write(path: object, tensors: dict[str, Any], *_: object) -> int:
        written.append(int(tensors["steps"]))
        return 0

    monkeypatch.setattr(worker, "write_tensors", write)
    monkeypatch.setattr(worker, "CHECKPOINT_EVERY_S", 0.0)
    worker.run_job(make_asset_job(), folder.path, signals, None)
    assert written == list(range(1, 501))


def test_a_damaged_checkpoint_of_a_building_is_set_aside(folder: RunFolder, signals: list[Signal]) -> None:
    folder.checkpoint_under_way("supernet-012", 0).write_bytes(b"half a checkpoint")
    worker.run_job(make_asset_job(), folder.path, signals, None)
    assert delivery(folder)[0]["resumed_at"] == 0
    assert [path.read_bytes() for path in folder.damaged_checkpoints()] == [b"half a checkpoint"]


def test_an_asset_that_cannot_be_built_is_a_recorded_failure(folder: RunFolder, signals: list[Signal]) -> None:
    worker.run_job(make_asset_job(params={"supernet.widths": "-1"}, confirms=True), folder.path, signals, None)
    line, _ = delivery(folder)
    assert (line["kind"], line["asset"], line["confirms"]) == ("asset_failed", "supernet-012", True)
    assert line["reason"].startswith("UserError: supernet.widths: found '-1'")


def test_a_fit_tells_of_the_asset_that_it_began_with(folder: RunFolder, signals: list[Signal]) -> None:
    first, second = (built(folder, signals, seed=seed, asset=f"supernet-{seed}") for seed in (0, 1))
    params = {"init": "supernet", "supernet.depths": "1 2", "supernet.widths": "6 8"}
    worker.run_job(make_job(params=params), folder.path, signals, first)
    assert delivery(folder)[0]["init"] == f"supernet@{first.sha256[:12]}"
    folder.delivered()[0].unlink()
    # The asset was built anew meanwhile: what the fit goes on from is its own checkpoint.
    worker.run_job(make_job(rung=1, steps=30, params=params), folder.path, signals, second)
    assert delivery(folder)[0]["init"] == f"supernet@{first.sha256[:12]}"
    folder.delivered()[0].unlink()
    worker.run_job(make_job(), folder.path, signals, None)
    assert delivery(folder)[0]["init"] == "scratch"


def test_a_fit_that_runs_out_of_memory_has_failed_for_good_only_alone(
    folder: RunFolder, signals: list[Signal], monkeypatch: pytest.MonkeyPatch
) -> None:
    def starve(*_: object, **__: object) -> None:
        raise OutOfMemoryError("out of memory")

    monkeypatch.setattr(worker, "run_trial", starve)
    worker.run_job(make_job(), folder.path, signals, None)
    first, _ = delivery(folder)
    assert (first["kind"], first["reason"], first["seed"]) == ("out_of_memory", "out of memory", 0)
    folder.delivered()[0].unlink()
    worker.run_job(make_job(alone=True), folder.path, signals, None)
    last, _ = delivery(folder)
    assert (last["kind"], last["reason"]) == ("failed", "out of memory, though it ran alone")


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
        worker.run_job(make_job(steps=200), folder.path, signals, None)  # a false alarm: it goes on
    finally:
        signal.signal(signal.SIGTERM, before)
    assert waits == [True]
    assert delivery(folder)[0]["kind"] == "point"
