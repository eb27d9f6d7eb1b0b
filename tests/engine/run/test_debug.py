"""`searchinr run --debug`: the same search in one process, without Ray, under a debugger if need be."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from searchinr.cli.app import execute
from searchinr.engine.store.ledger import read_ledger
from searchinr.engine.workers import worker

SPACE = """\
name: tiny
datasets: [{name: photos, downscale: [12, 18], limit: 1}]
reference_point: {psnr_db: 5, rate: 64}
fidelity: {min_steps: 5, max_steps: 10, reduction: 2}
search: {trials: 3, sampler: random, scheduler: fifo, seed: 3}
codecs:
  mlp: {width: {choice: [4, 5, 6, 7, 8]}, depth: 2}
"""
PROGRAM = """\
import sys
from searchinr.cli.app import execute
code = execute(sys.argv[1:])
print("RAY", sorted(name for name in sys.modules if name.partition(".")[0] == "ray"))
sys.exit(code)
"""
BREAKPOINT = """\
import pdb, sys
from searchinr.cli.app import execute
from searchinr.engine.workers import worker
fit = worker.run_trial
def stopping(*arguments, **more):
    breakpoint()
    return fit(*arguments, **more)
worker.run_trial = stopping
sys.exit(execute(sys.argv[1:]))
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(SPACE)
    return path


@pytest.fixture
def folder(tmp_path: Path, new_run_folder: Callable[[Path], Path]) -> Path:
    return new_run_folder(tmp_path / "run")


def test_ray_is_not_imported_and_one_worker_is_what_there_is_anyway(space: Path, folder: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "run", str(space), "--out", str(folder), "--debug", "--workers", "1"]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "RAY []"
    assert execute(["verify", str(folder)]) == 0


def test_a_bug_is_raised_with_its_traceback_and_the_fit_is_tried_again(
    space: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fits: list[object] = []
    fit = worker.run_trial

    def broken(*arguments: object, **more: object) -> object:
        fits.append(arguments)
        if len(fits) == 3:
            raise ZeroDivisionError("a bug of the codec's")
        return fit(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "run_trial", broken)
    command = ["run", str(space), "--out", str(folder), "--debug"]
    assert execute(command) == 1
    err = capsys.readouterr().err
    assert "in broken" in err and "ZeroDivisionError: a bug of the codec's" in err
    before = read_ledger(folder / "ledger.jsonl")
    assert [line.kind for line in before].count("point") == 2
    assert execute(command) == 0
    after = read_ledger(folder / "ledger.jsonl")
    assert after[: len(before)] == before
    assert [line.kind for line in after].count("point") == 6
    assert all(line.kind != "failed" for line in after)


def test_a_breakpoint_in_a_fit_has_the_terminal_and_leaving_the_debugger_interrupts(space: Path, folder: Path) -> None:
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-c", BREAKPOINT, "run", str(space), "--out", str(folder), "--debug"]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}, start_new_session=True
    )
    os.close(theirs)
    shown = b"".join(until(terminal, b"(Pdb) "))
    os.write(terminal, b"p arguments[0].codec + '-' + 'codec'\n")
    shown += b"".join(until(terminal, b"(Pdb) "))
    assert b"'mlp-codec'" in shown
    os.write(terminal, b"q\n")
    shown += b"".join(until(terminal, None))
    os.close(terminal)
    assert process.wait() == 130
    assert b"\x1b[?25l" not in shown  # no view that hides the cursor and draws itself again and again
    assert b"Traceback" not in shown
    assert shown.decode().rstrip().endswith("searchinr: interrupted")


def until(terminal: int, end: bytes | None) -> Iterator[bytes]:
    """What a terminal shows until it shows this, or until its other end is closed."""
    shown = b""
    with suppress(OSError):  # how a terminal says that its other end is closed
        while chunk := os.read(terminal, 4096):
            shown += chunk
            yield chunk
            if end is not None and shown.endswith(end):
                return


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--workers", "2"], "--workers: 2 found with --debug"),
        (["--address", "auto"], "--address: auto found with --debug"),
        (["--cluster", "clusters/aws.yaml"], "--debug: found with --cluster"),
    ],
)
def test_what_one_process_cannot_do_is_refused(
    space: Path, folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], found: str
) -> None:
    assert execute(["run", str(space), "--out", str(folder), "--debug", *options]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"searchinr: {found}")
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "mlflow.db"]  # as it was
