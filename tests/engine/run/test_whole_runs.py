"""Whole runs through the command line, with Ray and without: kills, signals, failures, continuation.

What holds with Ray and without is tested both ways, but most of it with Ray only among the slow tests: they are the
same driver. What is killed is a session of its own, of which nothing is left in the end.
"""

import contextlib
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import Forked
from processes import searchinr, wait_until

from benchmarks.fault_run import RunProcess
from searchinr.cli.app import execute
from searchinr.engine.catalog import read_space
from searchinr.engine.store.ledger import read_ledger
from searchinr.search.figures import SignalTable
from searchinr.search.lines import Line, Measured
from searchinr.signals.datasets import load_dataset
from searchinr.trial import Measurement, run_trial

SPACE = """
name: tiny
datasets: [{{name: photos, downscale: [{height}, 24], limit: 2}}]
reference_point: {{psnr_db: 5, rate: 64}}
fidelity: {{min_steps: {min_steps}, max_steps: {max_steps}, reduction: 2}}
search: {{trials: {trials}, sampler: {sampler}, scheduler: {scheduler}, seed: 3}}
codecs:
  mlp:
    backbone: {{choice: [siren, diner]}}
    width: {{choice: [6, 8, 10, 12]}}
    depth: 2
{more}
"""
HERE, ON_RAY = "--debug", "--workers=1"
BOTH = [HERE, pytest.param(ON_RAY, marks=pytest.mark.slow)]

Start = Callable[..., RunProcess]
RunToItsEnd = Callable[..., tuple[int, str]]


@contextlib.contextmanager
def starting(folder: Path) -> Iterator[Start]:
    """Starts `searchinr run` in a session of its own, of which nothing is left in the end."""
    with contextlib.ExitStack() as started:

        def run(space: Path, *options: str) -> RunProcess:
            how = {"start": Forked} if HERE in options else {}
            command = searchinr("run", str(space), "--out", str(folder), *options)
            return started.enter_context(RunProcess(*command, **how))

        yield run


@pytest.fixture
def folder(tmp_path: Path, new_run_folder: Callable[[Path], Path]) -> Path:
    return new_run_folder(tmp_path / "run")


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    with starting(folder) as start:
        yield start


@pytest.fixture
def run_to_its_end(folder: Path, start: Start, capsys: pytest.CaptureFixture[str]) -> RunToItsEnd:
    """Runs a search, without Ray in this process: its exit code, and what it has said on standard error."""

    def run(space: Path, *options: str) -> tuple[int, str]:
        if HERE not in options:
            code, _, err = start(space, *options).finish()
            return code, err
        capsys.readouterr()
        return execute(["run", str(space), "--out", str(folder), *options]), capsys.readouterr().err

    return run


def write_space(path: Path, more: str = "", **changes: object) -> Path:
    settings = {
        "height": 16, "trials": 6, "min_steps": 20, "max_steps": 80, "sampler": "random", "scheduler": "mo-asha",
    }  # fmt: skip
    (path / "tiny.yaml").write_text(SPACE.format(**settings | changes, more=more))
    return path / "tiny.yaml"


def points(run: Path) -> list[dict[str, Any]]:
    return [line for line in read_ledger(run / "ledger.jsonl") if line.kind == "point"]


def wait_for_points(folder: Path, count: int, run: RunProcess) -> None:
    wait_until(lambda: len(points(folder)) >= count, run)


@pytest.fixture(scope="module")
def finished_here(tmp_path_factory: pytest.TempPathFactory, new_run_folder: Callable[[Path], Path]) -> Path:
    """A finished run that has been in this process all the time. Look, do not touch; its space lies beside it."""
    path = tmp_path_factory.mktemp("here")
    folder = new_run_folder(path / "run")
    assert execute(["run", str(write_space(path, sampler="tpe")), "--out", str(folder), HERE]) == 0
    return path / "run"


@pytest.fixture(scope="module")
def finished_on_ray(tmp_path_factory: pytest.TempPathFactory, new_run_folder: Callable[[Path], Path]) -> Path:
    """The same on Ray, with one worker. Look, do not touch."""
    path = tmp_path_factory.mktemp("ray")
    with starting(new_run_folder(path / "run")) as start:
        code, out, err = start(write_space(path, sampler="tpe"), ON_RAY).finish()
    assert (code, err) == (0, "")
    assert "ray" not in out.lower().replace(str(path).lower(), "")
    return path / "run"


@pytest.fixture(params=["finished_here", pytest.param("finished_on_ray", marks=pytest.mark.slow)])
def finished(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


def test_a_finished_run_is_tidy_and_verifies(finished: Path) -> None:
    lines = read_ledger(finished / "ledger.jsonl")
    assert len({line.trial for line in lines if line.kind == "trial"}) == 6
    assert not list((finished / "inbox").iterdir())
    assert not (finished / "trials").exists()
    assert execute(["verify", str(finished)]) == 0
    assert len((finished / "log.txt").read_text().splitlines()) >= len(lines)


@pytest.mark.slow
def test_both_executors_make_the_same_decisions_and_the_same_files(finished_here: Path, finished_on_ray: Path) -> None:
    def without_times(line: Line) -> Line:
        changes: dict[str, Any] = {"time": 0.0}
        if isinstance(line, Measured):
            seconds = {"encode_s": 0.0, "decode_s": 0.0}
            rows = [replace(row, **seconds) for row in line.signals]
            changes |= seconds | {"signals": SignalTable.of(rows), "cost": replace(line.cost, train_s=0.0)}
        return replace(line, **changes)

    here, on_ray = (
        [without_times(line) for line in read_ledger(run / "ledger.jsonl")] for run in (finished_here, finished_on_ray)
    )
    assert here == on_ray
    files = [
        {path.relative_to(run): path.read_bytes() for path in (run / "front").rglob("*.inr")}
        for run in (finished_here, finished_on_ray)
    ]
    assert files[0] == files[1] != {}
    kept = [
        {str(path.relative_to(run)).split("/")[0] for path in run.rglob("*")}
        for run in (finished_here, finished_on_ray)
    ]
    assert kept[0] == kept[1] > {"space.yaml", "ledger.jsonl", "mlflow.db", "report"}


def test_fits_by_themselves_give_the_files_that_reused_workers_gave_at_every_rung(finished: Path) -> None:
    (entry,) = read_space(finished / "space.yaml").datasets
    signals = load_dataset(entry).signals
    torch.set_num_threads(1)
    for point in points(finished):
        (measured,) = [
            state
            for state in run_trial(
                point.config,
                signals,
                [point.steps],
                seed=point.seed,
                device=torch.device("cpu"),
            )
            if isinstance(state, Measurement)
        ]
        assert [row.sha256 for row in measured.figures.signals] == [row.sha256 for row in point.signals]


@pytest.mark.parametrize("option", [HERE, pytest.param("--workers=2", marks=pytest.mark.slow)])
def test_the_same_command_has_nothing_to_do_and_a_larger_budget_goes_on_with_either_executor(
    finished: Path, folder: Path, run_to_its_end: RunToItsEnd, option: str
) -> None:
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    space = finished.with_name("tiny.yaml")
    before = (folder / "ledger.jsonl").read_bytes()
    assert execute(["run", str(space), "--out", str(folder), option]) == 0  # Ray is not started where nothing is left
    assert (folder / "ledger.jsonl").read_bytes() == before
    assert run_to_its_end(space, option, "--trials", "8") == (0, "")
    after = (folder / "ledger.jsonl").read_bytes()
    assert after.startswith(before)
    assert len({line.trial for line in read_ledger(folder / "ledger.jsonl")}) == 8


@pytest.mark.parametrize("option", [HERE, pytest.param("--workers=2", marks=pytest.mark.slow)])
def test_kill_9_of_everything_loses_nothing_and_repeats_nothing(
    tmp_path: Path, folder: Path, start: Start, run_to_its_end: RunToItsEnd, option: str
) -> None:
    space = write_space(tmp_path, trials=8, min_steps=60, max_steps=240)
    for wanted in (2, 5):
        run = start(space, option)
        wait_for_points(folder, wanted, run)
        run.kill_all()
        run.process.wait()
        recorded = points(folder)
    assert run_to_its_end(space, option) == (0, "")
    final = points(folder)
    assert final[: len(recorded)] == recorded
    keys = [(point.trial, point.rung) for point in final]
    assert len(set(keys)) == len(keys)
    assert len({trial for trial, _ in keys}) == 8
    assert execute(["verify", str(folder)]) == 0


@pytest.mark.parametrize(
    ("number", "option"),
    [
        (signal.SIGINT, HERE),
        (signal.SIGTERM, HERE),
        pytest.param(signal.SIGINT, ON_RAY, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, ON_RAY, marks=pytest.mark.slow),
    ],
)
def test_a_signal_stops_cleanly_and_keeps_the_training_so_far(
    tmp_path: Path,
    folder: Path,
    start: Start,
    number: signal.Signals,
    option: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    space = write_space(tmp_path, trials=2, min_steps=50, max_steps=40_000, scheduler="fifo")
    run = start(space, option)
    wait_for_points(folder, 4, run)
    time.sleep(0.5)  # into the long rung
    recorded = points(folder)
    run.kill(number)
    code, _, err = run.finish()
    assert code == 130
    assert err == f"searchinr: interrupted; the same command again continues {folder}\n"
    assert points(folder)[: len(recorded)] == recorded
    assert list((folder / "trials").glob("*.safetensors"))
    assert list((folder / "report").glob("front-*.png"))
    capsys.readouterr()
    assert execute(["status", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"].startswith("interrupted")
    assert execute(["verify", str(folder)]) == 0


@pytest.mark.parametrize("option", BOTH)
def test_a_run_in_which_every_trial_fails_says_why(
    tmp_path: Path, folder: Path, run_to_its_end: RunToItsEnd, option: str
) -> None:
    space = write_space(tmp_path, trials=4, more="resources: {cpu: 1, timeout_s: 0.0001}")
    code, err = run_to_its_end(space, option)
    assert code == 1
    assert "all 4 trials failed: over the time limit" in err
    assert err.count("\n") == 1
    failed = [line for line in read_ledger(folder / "ledger.jsonl") if line.kind == "failed"]
    assert len(failed) == 4


@pytest.mark.parametrize("option", BOTH)
def test_another_space_or_a_second_driver_in_the_folder_is_refused(
    tmp_path: Path, folder: Path, start: Start, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    space = write_space(tmp_path, trials=2, min_steps=50, max_steps=50)
    run = start(space, option)
    wait_for_points(folder, 1, run)
    run.kill(signal.SIGSTOP)  # or it may have finished before the other one gets there
    command = ["run", str(space), "--out", str(folder), option]
    assert execute(command) == 2
    run.kill(signal.SIGCONT)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "another searchinr is running in this folder" in err
    assert run.finish()[0] == 0
    write_space(tmp_path, trials=2, min_steps=40, max_steps=50)
    assert execute(command) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "holds a run of another space" in err
