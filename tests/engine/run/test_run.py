"""Whole runs through the command line, with the real Ray: kills, signals, failures, continuation.

Each run is a process group of its own, and whatever is left of it is killed by that group.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from searchinr.engine.catalog import read_space
from searchinr.engine.store.ledger import read_ledger
from searchinr.signals.datasets import load_dataset
from searchinr.trial import Measurement, run_trial

SPACE = """
name: tiny
datasets: [{{name: photos, downscale: [24, 36], limit: 2}}]
reference_point: {{psnr_db: 10, rate: 32}}
fidelity: {{min_steps: {min_steps}, max_steps: {max_steps}, reduction: 2}}
search: {{trials: {trials}, sampler: random, scheduler: {scheduler}, seed: 3}}
codecs:
  mlp:
    backbone: {{choice: [siren, diner]}}
    width: {{choice: [6, 8, 10, 12]}}
    depth: 2
{more}
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `searchinr run` in a process group of its own."""
    started: list[subprocess.Popen[str]] = []

    def run(space: Path, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "searchinr", "run", str(space), "--out", str(tmp_path / "run"), *options]
        process = subprocess.Popen(
            command,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        kill_group(process)


def kill_group(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def write_space(
    tmp_path: Path,
    trials: int = 6,
    min_steps: int = 20,
    max_steps: int = 80,
    scheduler: str = "mo-asha",
    more: str = "",
) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(
        SPACE.format(trials=trials, min_steps=min_steps, max_steps=max_steps, scheduler=scheduler, more=more)
    )
    return path


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def points(run: Path) -> list[dict[str, Any]]:
    return [line for line in read_ledger(run / "ledger.jsonl") if line["kind"] == "point"]


def wait_for_points(run: Path, count: int, process: "subprocess.Popen[str]") -> None:
    while len(points(run)) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def searchinr(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "searchinr", *arguments], text=True, capture_output=True, timeout=300, check=False
    )


def test_a_run_finishes_verifies_and_is_reproduced_without_ray(tmp_path: Path, start: Start) -> None:
    space = write_space(tmp_path)
    code, out, err = finish(start(space, "--workers", "2"))
    assert (code, err) == (0, "")
    assert "ray" not in out.lower().replace(str(tmp_path).lower(), "")
    run = tmp_path / "run"
    lines = read_ledger(run / "ledger.jsonl")
    assert len({line["trial"] for line in lines if line["kind"] == "trial"}) == 6
    assert not list((run / "inbox").iterdir())
    assert not (run / "trials").exists()
    assert searchinr("verify", str(run)).returncode == 0
    assert len((run / "log.txt").read_text().splitlines()) >= len(lines)

    # A fresh process that has fitted nothing before gives the same files as the reused workers did, at every rung.
    (entry,) = read_space(run / "space.yaml").datasets
    signals = load_dataset(entry).signals
    torch.set_num_threads(1)
    for point in points(run):
        (measured,) = [
            state
            for state in run_trial(
                point["codec"],
                point["params"],
                signals,
                [point["steps"]],
                seed=point["seed"],
                device=torch.device("cpu"),
            )
            if isinstance(state, Measurement)
        ]
        assert [row["sha256"] for row in measured.figures["signals"]] == [row["sha256"] for row in point["signals"]]

    # The same command again has nothing to do; a larger budget goes on.
    before = (run / "ledger.jsonl").read_bytes()
    assert finish(start(space, "--workers", "2"))[0] == 0
    assert (run / "ledger.jsonl").read_bytes() == before
    assert finish(start(space, "--workers", "2", "--trials", "8"))[0] == 0
    after = (run / "ledger.jsonl").read_bytes()
    assert after.startswith(before)
    assert len({line["trial"] for line in read_ledger(run / "ledger.jsonl")}) == 8


def test_kill_9_of_everything_loses_nothing_and_repeats_nothing(tmp_path: Path, start: Start) -> None:
    space = write_space(tmp_path, trials=8, min_steps=60, max_steps=240)
    run = tmp_path / "run"
    for wanted in (2, 5):
        process = start(space, "--workers", "2")
        wait_for_points(run, wanted, process)
        kill_group(process)
        recorded = points(run)
    code, _, err = finish(start(space, "--workers", "2"))
    assert (code, err) == (0, "")
    final = points(run)
    assert final[: len(recorded)] == recorded
    keys = [(point["trial"], point["rung"]) for point in final]
    assert len(set(keys)) == len(keys)
    assert len({trial for trial, _ in keys}) == 8
    assert searchinr("verify", str(run)).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_and_keeps_the_training_so_far(
    tmp_path: Path, start: Start, number: signal.Signals
) -> None:
    space = write_space(tmp_path, trials=2, min_steps=50, max_steps=40_000, scheduler="fifo")
    run = tmp_path / "run"
    process = start(space, "--workers", "1")
    wait_for_points(run, 4, process)
    time.sleep(1)  # into the long rung
    recorded = points(run)
    os.kill(process.pid, number)
    code, _, err = finish(process)
    assert code == 130
    assert err == f"searchinr: interrupted; the same command again continues {run}\n"
    assert points(run)[: len(recorded)] == recorded
    assert list((run / "trials").glob("*.safetensors"))
    assert list((run / "report").glob("front-*.png"))
    state = json.loads(searchinr("status", str(run), "--json").stdout)
    assert state["state"].startswith("interrupted")
    assert searchinr("verify", str(run)).returncode == 0


def test_a_run_in_which_every_trial_fails_says_why(tmp_path: Path, start: Start) -> None:
    space = write_space(tmp_path, trials=4, more="resources: {cpu: 1, timeout_s: 0.0001}")
    code, _, err = finish(start(space, "--workers", "1"))
    assert code == 1
    assert "all 4 trials failed: over the time limit" in err
    assert err.count("\n") == 1
    failed = [line for line in read_ledger(tmp_path / "run" / "ledger.jsonl") if line["kind"] == "failed"]
    assert len(failed) == 4


def test_another_space_or_a_second_driver_in_the_folder_is_refused(tmp_path: Path, start: Start) -> None:
    space = write_space(tmp_path, trials=2, min_steps=50, max_steps=50)
    process = start(space, "--workers", "1")
    wait_for_points(tmp_path / "run", 1, process)
    os.kill(process.pid, signal.SIGSTOP)  # or it may have finished before the other one gets there
    code, _, err = finish(start(space, "--workers", "1"))
    os.kill(process.pid, signal.SIGCONT)
    assert (code, err.count("\n")) == (2, 1)
    assert "another searchinr is running in this folder" in err
    assert finish(process)[0] == 0
    other = write_space(tmp_path, trials=2, min_steps=40, max_steps=50)
    code, _, err = finish(start(other, "--workers", "1"))
    assert (code, err.count("\n")) == (2, 1)
    assert "holds a run of another space" in err
