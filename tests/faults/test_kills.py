"""Runs that are killed in every way, and go on. What is on record stays, once, and is never fitted again."""

import json
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from executors import BOTH, HERE, ON_RAY, finish, starting
from ledger_lines import failed_line
from processes import searchinr, wait_until

from benchmarks.fault_run import Recorded, RunProcess, lost, repeated, under_way
from searchinr.engine.results.opened import open_run
from searchinr.engine.results.verify import verify
from searchinr.engine.store.run_folder import RunFolder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")

TRIALS = 9
SPACE = """\
name: tiny
datasets: [{{name: photos, downscale: [16, 24], limit: 2}}]
reference_point: {{psnr_db: 10, rate: 64}}
fidelity: {{min_steps: {steps}, max_steps: {max_steps}, reduction: 3}}
search: {{trials: {trials}, sampler: random, scheduler: mo-asha, seed: 3}}
codecs:
  mlp:
    backbone: {{choice: [siren, diner]}}
    width: {{choice: [6, 8, 10, 12]}}
    depth: 2
    weight_bits: {{choice: [4, 8]}}
"""


@dataclass(frozen=True)
class Case:
    """A space and the folder of a run."""

    space: Path
    folder: Path

    def command(self, option: str = ON_RAY) -> tuple[str, ...]:
        return searchinr("run", str(self.space), "--out", str(self.folder), option)

    def log(self) -> str:
        path = self.folder / "log.txt"
        return path.read_text() if path.is_file() else ""

    def points(self) -> int:
        return Recorded.of(self.folder).counts()["point"]


def make_case(path: Path, steps: int = 100) -> Case:
    """A space of three rungs, the first of which has so many steps; 100 take a fraction of a second."""
    (path / "tiny.yaml").write_text(SPACE.format(trials=TRIALS, steps=steps, max_steps=9 * steps))
    return Case(path / "tiny.yaml", path / "run")


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return make_case(tmp_path)


def check(case: Case, *before: Recorded) -> None:
    """Nothing that was finished at an earlier moment is lost or was repeated, and the run is whole."""
    for moment in before:
        assert lost(moment, case.folder) == []
    assert repeated(case.folder) == []
    opened = open_run(case.folder)
    trials = [line.trial for line in opened.lines if line.kind == "trial"]
    assert len(trials) == len(set(trials)) == TRIALS
    assert {line.trial for line in opened.lines if line.kind == "point"} == set(trials)
    assert max(line.rung for line in opened.lines if line.kind == "point") == 2
    verdicts = list(verify(opened, None))
    assert verdicts
    assert not any(verdict.problems for verdict in verdicts)
    assert list((case.folder / "inbox").iterdir()) == []
    assert not (case.folder / "trials").exists()


def kill_a_worker(case: Case, run: RunProcess, put_back: int = 1) -> None:
    """Kills a worker with a job under way, and waits until its death was noticed for the n-th time."""
    while case.log().count(" is put back ") + case.log().count(" failed: ") < put_back:
        if under_way(case.log()) and run.workers():
            os.kill(run.workers()[0], signal.SIGKILL)
        time.sleep(0.3)
        assert run.process.poll() is None


@contextmanager
def killed(path: Path, option: str) -> Iterator[Case]:
    """A run whose worker, if there are any, and then whose driver were killed: a copy of its folder, for good."""
    case = make_case(path)
    with starting(case.command(option)) as run:
        if option == ON_RAY:
            wait_until(lambda: case.points() >= 2, run)
            kill_a_worker(case, run)
        wait_until(lambda: case.points() >= 7, run)
        run.kill(signal.SIGKILL)
        run.process.wait()
        shutil.copytree(case.folder, path / "copy")
        yield Case(case.space, path / "copy")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with killed(tmp_path_factory.mktemp("killed"), HERE) as snapshot:
        yield snapshot


@pytest.fixture
def half(snapshot: Case, tmp_path: Path) -> Case:
    """Half a run, to go on with."""
    shutil.copytree(snapshot.folder, tmp_path / "run")
    return Case(snapshot.space, tmp_path / "run")


def go_on(snapshot: Case, option: str) -> None:
    """Finishes the run of which this is a copy, in whose folder workers without a driver may still be at work."""
    case = Case(snapshot.space, snapshot.folder.with_name("run"))
    before = Recorded.of(snapshot.folder)
    assert 7 <= before.counts()["point"] < TRIALS * 3
    finish(case.command(option))
    check(case, before)


def test_a_killed_driver(snapshot: Case) -> None:
    go_on(snapshot, HERE)


@pytest.mark.slow
@pytest.mark.parametrize("option", [HERE, ON_RAY])
def test_a_killed_worker_and_a_killed_driver(tmp_path: Path, option: str) -> None:
    with killed(tmp_path, ON_RAY) as snapshot:
        assert " is put back (ActorDiedError)" in snapshot.log()
        go_on(snapshot, option)


@pytest.mark.parametrize("option", BOTH)
def test_what_a_crash_can_leave_in_the_folder(half: Case, option: str) -> None:
    before = Recorded.of(half.folder)
    folder = RunFolder(half.folder)
    with folder.ledger.open("a") as ledger:
        ledger.write('{"kind":"point","trial":"' + before.lines[0].trial)
    folder.stop.touch()
    (folder.path / ".lock").write_text("stale")
    (folder.inbox / ".searchinr-0123.tmp").write_bytes(b"half a result")
    (folder.inbox / "0123456789-0.zip").write_bytes(b"rubbish")
    folder.deliver(failed_line("0123456789", 300), {})
    (folder.front / "x").mkdir()
    (folder.front / "x" / ".y.tmp").mkdir()
    finish(half.command(option))
    log = half.log()
    assert "0123456789-0.zip: a damaged result (" in log
    assert "0123456789-1.zip: of trial 0123456789, which the ledger does not know" in log
    assert sorted(path.name for path in folder.inbox.iterdir()) == ["0123456789-0.damaged", "0123456789-1.damaged"]
    assert not list(folder.front.glob("x/*"))
    for path in folder.inbox.iterdir():
        path.unlink()
    check(half, before)


CLOCK = """
import os, time
_flag, _time, _time_ns = os.environ["CLOCK_JUMPS"], time.time, time.time_ns
def _days():  # on Ray's start it is right, since Ray waits by it; then it jumps to and fro, and is never right again
    return (-3, -2, -400, -1)[int(time.monotonic() / 0.7) % 4] if os.path.exists(_flag) else 0
time.time = lambda: _time() + 86400 * _days()
time.time_ns = lambda: _time_ns() + 86400 * 10**9 * _days()
"""


@pytest.mark.parametrize("option", BOTH)
def test_a_clock_that_jumps_by_days(half: Case, tmp_path: Path, option: str) -> None:
    before = Recorded.of(half.folder)
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    flag = tmp_path / "jump"
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    with RunProcess(*half.command(option), environment={"PYTHONPATH": path, "CLOCK_JUMPS": str(flag)}) as run:
        wait_until(lambda: half.points() > before.counts()["point"], run)
        flag.touch()
        code, _, err = run.finish()
    assert (code, err) == (0, "")
    check(half, before)
    times = [line.time for line in Recorded.of(half.folder).lines]
    assert times != sorted(times)


@pytest.mark.parametrize("option", BOTH)
def test_a_full_disk(half: Case, option: str) -> None:
    before = Recorded.of(half.folder)
    with starting(half.command(option)) as run:
        wait_until(lambda: half.points() > before.counts()["point"], run)
        size = (half.folder / "ledger.jsonl").stat().st_size
        resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (size + 50, resource.RLIM_INFINITY))
        code, _, err = run.finish()
    reason = "cannot be written any more (File too large); what is recorded is safe: mend that, and the same command"
    assert code == 1
    assert err.splitlines()[-1] == f"searchinr: {half.folder}: {reason} again continues"
    full = Recorded.of(half.folder)
    assert (half.folder / "ledger.jsonl").read_bytes().endswith(b"}\n")
    finish(half.command(option))
    check(half, before, full)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_full_file_system(case: Case) -> None:
    case.folder.mkdir()
    if os.system(f"mount -t tmpfs -o size=40m none {case.folder}") != 0:
        pytest.skip("nothing can be mounted here")
    try:
        with RunProcess(*case.command()) as run:
            wait_until(lambda: case.points() >= 3, run)
            filler = case.folder / "filler"
            with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
                while True:
                    file.write(bytes(4096))
            code, _, err = run.finish()
        assert code == 1
        assert "cannot be written any more (No space left on device)" in err.splitlines()[-1]
        full = Recorded.of(case.folder)
        filler.unlink()
        finish(case.command())
        check(case, full)
    finally:
        os.system(f"umount {case.folder}")


@pytest.mark.slow
def test_a_fit_that_kills_its_workers_has_failed_and_the_others_go_on(tmp_path: Path) -> None:
    case = make_case(tmp_path, steps=1000)
    with RunProcess(*case.command("--workers=1")) as run:
        wait_until(lambda: " started" in case.log(), run)
        for death in (1, 2, 3):
            kill_a_worker(case, run, put_back=death)
        code, _, err = run.finish()
    assert (code, err) == (0, "")
    lines = Recorded.of(case.folder).lines
    (failed,) = (line for line in lines if line.kind == "failed")
    assert failed.reason.startswith("its worker died 3 times before the next checkpoint")
    assert len({line.trial for line in lines if line.kind == "point"}) == TRIALS - 1
    assert repeated(case.folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", ["raylet", "gcs_server"])
def test_the_death_of_the_local_ray_is_one_clear_line(case: Case, part: str) -> None:
    with RunProcess(*case.command()) as run:
        wait_until(lambda: case.points() >= 3, run)
        (pid,) = (pid for pid, title in run.members().items() if title.split()[0].endswith(f"/{part}"))
        os.kill(pid, signal.SIGKILL)
        code, _, err = run.finish()
    assert code == 1
    reason = f"Ray on this machine has died ({part}); what is recorded is safe"
    assert err == f"searchinr: {reason}: the same command again continues\n"
    before = Recorded.of(case.folder)
    finish(case.command())
    check(case, before)


@pytest.mark.slow
@pytest.mark.parametrize("fitting", [False, True])
def test_sigterm_to_every_process(tmp_path: Path, fitting: bool) -> None:
    case = make_case(tmp_path, steps=1000)
    with RunProcess(*case.command()) as run:
        if fitting:
            wait_until(lambda: case.points() >= 3 and len(under_way(case.log()) or []) == 2, run)
        else:
            wait_until(lambda: "on record" in case.log(), run)
            time.sleep(1)  # into Ray's start
        run.kill_all(signal.SIGTERM)
        code, _, err = run.finish()
    assert (code, err.count("\n")) == (130, 1)
    assert err.startswith("searchinr: interrupted")
    before = Recorded.of(case.folder)
    if fitting:  # Ray's processes have gone on until the workers had written their checkpoints
        assert list((case.folder / "trials").glob("*.partial.safetensors"))
    finish(case.command())
    check(case, before)


@pytest.mark.slow
def test_a_killed_node(tmp_path: Path) -> None:
    case = make_case(tmp_path, steps=1000)
    driver = (
        "import sys; from pathlib import Path; from searchinr.engine.run.start import run_search; "
        "run_search(Path(sys.argv[1]), out=Path(sys.argv[2]), workers=2, address=sys.argv[3])"
    )
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "5" * 64}
    host_file = str(Path(__file__).with_name("cluster_host.py"))
    commands = tmp_path / "commands"
    commands.mkdir()
    with RunProcess(host_file, str(commands), environment=token) as host:
        wait_until(lambda: len(list(commands.glob("node-*.json"))) == 2, host)
        address = json.loads((commands / "node-0.json").read_text())["address"]
        arguments = ("-c", driver, str(case.space), str(case.folder), address)
        with RunProcess(*arguments, environment=token) as run:
            wait_until(lambda: case.points() >= 3 and len(under_way(case.log()) or []) == 2, run)
            raylet = json.loads((commands / "node-0.json").read_text())["raylet"]
            node = [raylet, *children(raylet)]
            for pid in node:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(1)  # a result that its worker has told is known by then, and the worker has another job
            before = Recorded.of(case.folder)
            for pid in node:
                os.kill(pid, signal.SIGKILL)
            (commands / "add").touch()
            code, out, err = run.finish()
        assert (code, err) == (0, ""), out
    assert " is put back (NodeLostError)" in case.log()
    check(case, before)


def children(parent: int) -> list[int]:
    """Processes that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if int((path / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.name))
        except OSError:  # it has just ended
            continue
    return found
