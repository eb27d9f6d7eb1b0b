"""Kills while a supernet is being built: it is built again, what was finished stays, and nothing starts without it."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from benchmarks.fault_run import Recorded, RunProcess, lost, repeated, running, searchinr, wait_until
from searchinr.engine.results.opened import open_run
from searchinr.engine.results.verify import verify

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
    supernet.steps: 2000
"""


class Case:
    """A space in which one supernet takes seconds, and the folder of a run."""

    def __init__(self, path: Path) -> None:
        self.space, self.folder = path / "tiny.yaml", path / "run"
        self.space.write_text(SPACE)

    def command(self, option: str = "--workers=2") -> tuple[str, ...]:
        return searchinr("run", str(self.space), "--out", str(self.folder), option)

    def buildings(self) -> int:
        """How often the building of a supernet was handed out."""
        log = self.folder / "log.txt"
        return log.read_text().count(" building supernet-") if log.is_file() else 0

    def wait_for_building(self, run: RunProcess) -> None:
        """Until a supernet is being built, by a worker that has measured a trial which needs none."""
        wait_until(lambda: self.buildings() > 0, run)
        time.sleep(0.3)
        assert not list((self.folder / "assets").glob("*.safetensors")), "too late"

    def check(self, before: Recorded) -> None:
        assert lost(before, self.folder) == []
        assert repeated(self.folder) == []
        opened = open_run(self.folder)
        (asset,) = (line for line in opened.lines if line["kind"] == "asset")
        labels = {"scratch": "scratch", "supernet": f"supernet@{asset['sha256'][:12]}"}
        points = [line for line in opened.lines if line["kind"] == "point"]
        assert len({point["trial"] for point in points}) == 4
        assert all(point["init"] == labels[point["params"]["init"]] for point in points)
        assert not any(verdict.problems for verdict in verify(opened, None))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.mark.parametrize("option", ["--debug", pytest.param("--workers=2", marks=pytest.mark.slow)])
def test_kill_9_of_everything_while_a_supernet_is_built(case: Case, option: str) -> None:
    with running(*case.command(option)) as run:
        case.wait_for_building(run)
        run.kill_all()
    before = Recorded.of(case.folder)
    assert {line["params"]["init"] for line in before.lines if line["kind"] == "trial"} == {"scratch"}
    with running(*case.command(option)) as run:
        code, _, err = run.finish()
    assert (code, err) == (0, "")
    assert case.buildings() == 2
    case.check(before)


@pytest.mark.slow
def test_killed_workers_while_a_supernet_is_built(case: Case) -> None:
    with running(*case.command()) as run:
        case.wait_for_building(run)
        for worker in run.workers():  # who of them builds cannot be told
            os.kill(worker, signal.SIGKILL)
        before = Recorded.of(case.folder)
        code, _, err = run.finish()
    assert (code, err) == (0, "")
    assert 2 <= case.buildings() <= 3  # the second may have been given to the other worker before its death was noticed
    case.check(before)


@pytest.mark.slow
def test_a_signal_ends_the_building_of_a_supernet_within_seconds(case: Case) -> None:
    with running(*case.command()) as run:
        case.wait_for_building(run)
        run.kill(signal.SIGINT)
        code, _, err = run.finish()
    assert code == 130
    assert err == f"searchinr: interrupted; the same command again continues {case.folder}\n"
    before = Recorded.of(case.folder)
    assert all(line["kind"] != "asset" for line in before.lines + before.delivered)
    with running(*case.command()) as run:
        code, _, err = run.finish()
    assert (code, err) == (0, "")
    case.check(before)
