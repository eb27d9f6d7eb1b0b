import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from searchinr.cli import app
from searchinr.cli.output import printable


def test_usage_errors(refused: Callable) -> None:
    assert "--help" in refused("nothing-like-this")
    assert "--width" in refused("encode", "a.png", "--width", "3")
    assert "--port" in refused("ui", "a", "--port", "99999")
    assert "Missing" in refused("decode")
    assert "searchinr data --help" in refused("data")


def test_a_bug_is_a_short_traceback_and_exit_code_1(
    searchinr: Callable, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("depth")

    monkeypatch.setattr("searchinr.engine.coding.files.encode_file", broken)
    result = searchinr("encode", photo)
    assert result.code == 1
    assert "Traceback" in result.err
    assert "KeyError: 'depth'" in result.err
    assert "codec_commands.py" in result.err
    assert "typer" not in result.err
    assert result.err.splitlines()[-1].startswith("searchinr: ")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device", "a.inr"), "searchinr: a.inr: No space left on device"),
        (ChildProcessError("MLflow ended"), "searchinr: MLflow ended"),
        (MemoryError(), "searchinr: out of memory"),
    ],
)
def test_what_the_machine_lacks_is_one_line_and_exit_code_1(
    searchinr: Callable, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    def fail(_: list[str]) -> int:
        raise error

    monkeypatch.setattr(app, "_run", fail)
    assert searchinr("front", "a") == (1, "", f"{line}\n")


LONG = "x" * 300
PATHS = (LONG, f"{LONG}/x", "/".join(["y" * 200] * 25), "loop", "loop/x", "photo.png/x")


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_a_path_that_cannot_be_is_one_line(
    refused: Callable, photo: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo.parent)
    Path("loop").symlink_to("loop")
    space = "name: a\nreference_point: {psnr_db: 8, rate: 64}\ncodecs: {mlp: {}}\nsearch: {trials: 1}\n"
    space += "fidelity: {min_steps: 1, max_steps: 1, reduction: 3}\ndatasets: [{path: %s}]\n"
    Path("files.yaml").write_text(space % path)
    Path("pattern.yaml").write_text(space % f'"{path}/*.png"')
    Path("space.yaml").write_text(space % "photo.png")
    Path("steps.yaml").write_text("steps: 1\n")
    for command in (
        f"run {path}|run files.yaml|run pattern.yaml|run space.yaml --debug --out {path}|check {path}|status {path}|"
        f"front {path}|export {path} --max-rate 1 -o best.yaml|stop {path} --cluster {path}|ui {path}|"
        f"encode photo.png --config {path}|encode photo.png --config steps.yaml -o {path}/a.inr|decode {path}|"
        f"inspect {path} --original {path}|render space.yaml --target slurm -o {path}/a"
    ).split("|"):
        assert path.split("/")[0] in refused(*command.split()), command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_encode_leaves_nothing(start: Callable, photo: Path, number: int) -> None:
    (photo.parent / "long.yaml").write_text("steps: 10000000\n")
    before = sorted(photo.parent.iterdir())
    terminal, stderr = pty.openpty()
    process = start("encode", photo, "--config", photo.parent / "long.yaml", stderr=stderr)
    os.close(stderr)
    shown = b""
    while b"fitting" not in shown:  # the progress bar of a terminal
        shown += os.read(terminal, 4096)
    os.kill(process.pid, number)
    with suppress(OSError):  # how a terminal says that its other end is closed
        while chunk := os.read(terminal, 4096):
            shown += chunk
    assert process.wait(timeout=60) == 130
    assert shown.endswith(b"searchinr: interrupted\r\n")
    assert b"Traceback" not in shown
    assert sorted(photo.parent.iterdir()) == before


def test_a_reader_that_has_gone_is_no_bug(photo: Path) -> None:
    command = f"{sys.executable} -m searchinr --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.strip() in ("0", "1")
    assert done.stderr == ""


def test_printable_text_fits_one_line_of_any_terminal() -> None:
    assert printable("ä [bold] 3.2") == "ä [bold] 3.2"
    assert printable("a\nb\x1b[0m") == r"a\nb\x1b[0m"
    printable(os.fsdecode(b"\xff")).encode("ascii")
