"""Kills while an asset is being built: its building goes on from its checkpoint, and what was finished stays.

What was killed before its first checkpoint is begun again. Nothing starts without the asset that it needs.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from executors import BOTH, HERE, ON_RAY, finish, starting
from processes import searchinr, wait_until

from benchmarks.fault_run import Recorded, RunProcess, lost, repeated
from searchinr.codecs.contract import AssetSpec
from searchinr.engine.results.opened import OpenedRun, open_run
from searchinr.engine.results.verify import verify
from searchinr.engine.store.tensors import read_tensors
from searchinr.search.lines import AssetBuilt
from searchinr.signals.datasets import load_dataset, load_training
from searchinr.trial import Building, base_spec, build_asset

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")

SPACE = """\
name: tiny
datasets: [{name: photos, downscale: [16, 24], limit: 2}]
reference_point: {psnr_db: 5, rate: 64}
fidelity: {min_steps: 20, max_steps: 60, reduction: 3}
search: {trials: 4, sampler: grid, scheduler: mo-asha, seed: 3}
codecs:
  mlp:
    init: {choice: [scratch, supernet]}
    width: {choice: [6, 8]}
    depth: 2
    supernet.steps: 800
"""

NEIGHBOURS = """\
name: tiny
datasets: [{name: photos, downscale: [16, 24], limit: 2, train: {name: photos, downscale: [16, 24], skip: 2}}]
reference_point: {psnr_db: 5, rate: 64}
fidelity: {min_steps: 20, max_steps: 60, reduction: 3}
search: {trials: 2, sampler: grid, scheduler: mo-asha, seed: 3}
codecs:
  combiner:
    beta: {choice: [0.02, 0.006]}
    init: neighbour
    width: 8
    depth: 2
    prior_steps: 800
    neighbour.steps: 800
    refinement_steps: 0
    candidates: 2
"""

OFTEN = """
from searchinr.cli.app import main
from searchinr.engine.workers import worker
worker.CHECKPOINT_EVERY_S = 0.2
main()
"""


class Case:
    """A space in which one supernet takes seconds, and the folder of a run."""

    def __init__(self, folder: Path, space: str = SPACE, asset: str = "supernet") -> None:
        self.space, self.folder, self.asset = folder.with_name("tiny.yaml"), folder, asset
        self.space.write_text(space)

    def command(self, option: str = ON_RAY) -> tuple[str, ...]:
        return searchinr("run", str(self.space), "--out", str(self.folder), option)

    def with_many_checkpoints(self) -> tuple[str, ...]:
        """The command, in one process which writes a checkpoint several times a second instead of once a minute."""
        return "-c", OFTEN, *self.command(HERE)[2:]

    def checkpoints(self) -> list[Path]:
        """Those of the buildings under way."""
        return list((self.folder / "trials").glob(f"{self.asset}-*.partial.safetensors"))

    def buildings(self) -> int:
        """How often the building of an asset was handed out."""
        log = self.folder / "log.txt"
        return log.read_text().count(f" building {self.asset}-") if log.is_file() else 0

    def wait_for_building(self, run: RunProcess) -> None:
        """Until a supernet is being built, by a worker that has measured a trial which needs none."""
        wait_until(lambda: self.buildings() > 0, run)
        time.sleep(0.3)
        assert not list((self.folder / "assets").glob("*.safetensors")), "too late"

    def check(self, before: Recorded) -> None:
        assert lost(before, self.folder) == []
        assert repeated(self.folder) == []
        opened = open_run(self.folder)
        (asset,) = (line for line in opened.lines if line.kind == "asset")
        labels = {"scratch": "scratch", "supernet": f"supernet@{asset.sha256[:12]}"}
        points = [line for line in opened.lines if line.kind == "point"]
        assert len({point.trial for point in points}) == 4
        assert all(point.init == labels[point.config.params["init"]] for point in points)
        assert not any(verdict.problems for verdict in verify(opened, None))


@pytest.fixture
def folder(tmp_path: Path, new_run_folder: Callable[[Path], Path]) -> Path:
    return new_run_folder(tmp_path / "run")


@pytest.fixture
def case(folder: Path) -> Case:
    return Case(folder)


@pytest.mark.parametrize(
    ("space", "name"), [(SPACE, "supernet"), pytest.param(NEIGHBOURS, "prior", marks=pytest.mark.slow)]
)
def test_a_killed_building_goes_on_from_its_checkpoint_to_the_same_bits(folder: Path, space: str, name: str) -> None:
    case = Case(folder, space, name)
    with starting(case.with_many_checkpoints()) as run:
        wait_until(lambda: case.buildings() > 0 and case.checkpoints(), run)
        run.kill_all()
    (checkpoint,) = case.checkpoints()
    tensors = read_tensors(checkpoint)
    assert tensors is not None
    before = Recorded.of(case.folder)
    finish(case.command(HERE))
    assert lost(before, case.folder) == []
    opened = open_run(case.folder)
    built = {line.asset: line for line in opened.lines if isinstance(line, AssetBuilt)}
    killed = built.pop(checkpoint.name.removesuffix("-0.partial.safetensors"))
    assert killed.resumed_at == int(tensors["steps"]) > 0, "it was not begun anew"
    assert all(line.resumed_at == 0 for line in built.values())
    assert not any(verdict.problems for verdict in verify(opened, None))
    uninterrupted = self_built(opened, killed)
    assert uninterrupted.asset is not None
    assert uninterrupted.asset.sha256 == killed.sha256
    assert uninterrupted.cost.macs == killed.cost.macs
    assert not (case.folder / "trials").exists(), "the checkpoint is of no use any more"


def self_built(run: OpenedRun, line: AssetBuilt) -> Building:
    """The same asset, built here without an interruption."""
    (entry,) = run.space.datasets
    measured = load_dataset(entry)
    training = load_training(entry, measured)
    signals = training.signals if line.needed_to_decode and training is not None else measured.signals
    spec = AssetSpec(line.name, line.config.params, line.needed_to_decode)
    assert base_spec(line.config.codec, spec) is None, "the first of a chain is killed"
    torch.set_num_threads(1)
    *_, last = build_asset(line.config.codec, spec, signals, seed=line.seed, device=torch.device("cpu"))
    return last


@pytest.mark.slow
@pytest.mark.parametrize("option", [HERE, ON_RAY])
def test_kill_9_of_everything_while_a_supernet_is_built(case: Case, option: str) -> None:
    with starting(case.command(option)) as run:
        case.wait_for_building(run)
        run.kill_all()
    before = Recorded.of(case.folder)
    assert {line.config.params["init"] for line in before.lines if line.kind == "trial"} == {"scratch"}
    finish(case.command(option))
    assert case.buildings() == 2
    case.check(before)


@pytest.mark.slow
def test_killed_workers_while_a_supernet_is_built(case: Case) -> None:
    with starting(case.command()) as run:
        case.wait_for_building(run)
        for worker in run.workers():  # who of them builds cannot be told
            os.kill(worker, signal.SIGKILL)
        before = Recorded.of(case.folder)
        code, _, err = run.finish()
    assert (code, err) == (0, "")
    assert 2 <= case.buildings() <= 3  # the second may have been given to the other worker before its death was noticed
    case.check(before)


@pytest.mark.parametrize("option", BOTH)
def test_a_signal_ends_the_building_of_a_supernet_with_a_checkpoint(case: Case, option: str) -> None:
    with starting(case.command(option)) as run:
        case.wait_for_building(run)
        run.kill(signal.SIGINT)
        code, _, err = run.finish()
    assert code == 130
    assert err == f"searchinr: interrupted; the same command again continues {case.folder}\n"
    before = Recorded.of(case.folder)
    assert all(line.kind != "asset" for line in before.lines + before.delivered)
    finish(case.command(option))
    (asset,) = (line for line in open_run(case.folder).lines if line.kind == "asset")
    assert asset.resumed_at > 0
    case.check(before)


@pytest.mark.slow
def test_a_worker_that_is_killed_in_a_building_leaves_it_to_another_one(case: Case) -> None:
    with starting(case.command()) as run:
        case.wait_for_building(run)
        run.kill(signal.SIGINT)
        run.finish()
    (checkpoint,) = case.checkpoints()
    tensors = read_tensors(checkpoint)
    assert tensors is not None
    before = Recorded.of(case.folder)
    with starting(case.command()) as run:
        wait_until(lambda: case.buildings() > 1 and run.workers(), run)
        for worker in run.workers():
            os.kill(worker, signal.SIGKILL)
        code, _, err = run.finish()
    assert (code, err) == (0, "")
    (asset,) = (line for line in open_run(case.folder).lines if line.kind == "asset")
    assert asset.resumed_at == int(tensors["steps"]) > 0
    case.check(before)
