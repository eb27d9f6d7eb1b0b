"""What every executor has to do, with one worker: the same tests for Ray Tune and for this process."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scripted_run
import torch
from scripted_run import ASSET, JOBS, RESOURCES, fit, name_of, play

from searchinr.engine.workers.in_process import run_in_process


def play_on_ray(folder: Path) -> dict[str, Any]:
    """The script in a process of its own, of which nothing is left in the end."""
    tests = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, scripted_run.__file__, str(folder)],
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])},
    )
    try:
        assert process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return dict(json.loads((folder / scripted_run.NOTES).read_text()))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return play(run_in_process, tmp_path_factory.mktemp("here"), JOBS)


@pytest.fixture(scope="module")
def on_ray(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return play_on_ray(tmp_path_factory.mktemp("ray"))


@pytest.fixture(params=["here", "on_ray"])
def played(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.getfixturevalue(request.param))


def test_each_job_is_asked_for_when_the_one_before_has_ended(played: dict[str, Any]) -> None:
    expected = [[call, name_of(job)] for job in JOBS for call in ("next", "asset", "ended")]
    assert played["calls"][: len(expected)] == expected


def test_a_job_gets_its_fields_and_what_it_may_take(played: dict[str, Any]) -> None:
    for job in JOBS:
        if name_of(job) != "disk":
            assert played["notes"][name_of(job)]["job"] == asdict(job)
            assert played["notes"][name_of(job)]["resources"] == RESOURCES.model_dump()


def test_a_job_gets_the_signals_of_its_dataset_and_a_building_those_that_it_is_built_from(
    played: dict[str, Any],
) -> None:
    got = {name: note["signals"] for name, note in played["notes"].items()}
    assert got["plain"] == {"a": 10, "b": 20}
    assert got["other dataset"] == got["base"] == {"c": 30}


def test_a_job_gets_the_asset_that_it_starts_from_bit_by_bit(played: dict[str, Any]) -> None:
    got = {name: note["asset"] for name, note in played["notes"].items()}
    assert got.pop("with asset") == [ASSET.sha256, ASSET.tensors["weight"].tolist()]
    assert set(got.values()) == {None}


def test_the_fault_of_a_disk_is_told_and_the_others_go_on(played: dict[str, Any]) -> None:
    assert played["errors"]["disk"].startswith("OSError: [Errno 28] No space left on device")
    assert "disk" not in played["notes"]
    assert "last" in played["notes"]


def test_no_job_runs_beside_another(played: dict[str, Any]) -> None:
    spans = sorted((note["start"], note["end"]) for note in played["notes"].values())
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_the_run_is_looked_after_between_jobs(played: dict[str, Any]) -> None:
    assert played["ticks"] >= len(JOBS)


def test_here_jobs_run_in_the_main_thread_of_the_run(here: dict[str, Any]) -> None:
    assert {note["process"] for note in here["notes"].values()} == {here["process"]}
    assert all(note["main_thread"] for note in here["notes"].values())


def test_on_ray_workers_are_used_again_until_a_job_fails(on_ray: dict[str, Any]) -> None:
    process = {name: note["process"] for name, note in on_ray["notes"].items()}
    assert process["plain"] == process["other dataset"] == process["with asset"]
    assert on_ray["process"] not in process.values()


def test_on_ray_the_death_of_a_worker_is_told_and_is_no_disk_s_fault(on_ray: dict[str, Any]) -> None:
    assert on_ray["calls"][-1] == ["ended", "deadly"]
    assert on_ray["errors"]["deadly"].startswith("another: ")


def test_on_ray_all_that_listens_is_on_loopback_and_asks_for_the_token(on_ray: dict[str, Any]) -> None:
    assert len(on_ray["doors"]) >= 8
    assert {door.rpartition(":")[0] for door in on_ray["doors"]} == {"127.0.0.1"}
    for door, answers in on_ray["doors"].items():
        assert set(answers) <= {"401", "UNAUTHENTICATED", "UNIMPLEMENTED"}, door
        assert set(answers) & {"401", "UNAUTHENTICATED"}, door


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_on_ray_another_user_gets_nowhere(on_ray: dict[str, Any]) -> None:
    assert len(on_ray["stranger"].splitlines()) >= 4
    assert set(on_ray["stranger"].splitlines()) == {"refused"}


def test_nothing_is_asked_for_where_the_run_has_finished(tmp_path: Path) -> None:
    assert play(run_in_process, tmp_path, [])["calls"] == []


def test_a_bug_is_raised_where_it_happened(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError, match="a bug of the codec's") as caught:
        play(run_in_process, tmp_path, [fit("bug", does="bug"), fit("after")])
    assert caught.traceback[-1].path == Path(scripted_run.__file__)
    assert not (tmp_path / "after.json").exists()


def test_what_a_job_does_to_its_process_is_undone(tmp_path: Path) -> None:
    def state() -> list[Any]:
        return [torch.get_num_threads(), torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()]  # noqa: NPY002

    before = [*state(), random.getstate()]
    play(run_in_process, tmp_path, [fit("disorder", does="disorder")])
    assert [*state(), random.getstate()] == before
    with pytest.raises(ZeroDivisionError):
        play(run_in_process, tmp_path, [fit("disorder", does="disorder"), fit("bug", does="bug")])
    assert [*state(), random.getstate()] == before


def test_a_run_without_a_job_and_without_an_end_is_an_error_and_no_standstill(tmp_path: Path) -> None:
    class Stuck(scripted_run.Script):
        def finished(self) -> bool:
            return False

    with pytest.raises(RuntimeError, match="no job although none is under way"):
        run_in_process(Stuck([]), scripted_run.run_job, RESOURCES, tmp_path, {})
