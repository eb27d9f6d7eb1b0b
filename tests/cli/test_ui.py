"""The real MLflow server on a free port."""

import os
import re
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

LABEL = "photos-downscale16x24-first2"


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes_of(folder: Path) -> list[int]:
    """Processes that have a run's database in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in environment:
                found.append(int(entry.name))
    return found


def test_it_answers_on_loopback_and_ends_with_ctrl_c(start: Callable, run_copy: Path, port: int) -> None:
    process = start("ui", run_copy, "--port", port)
    try:
        assert process.stdout.readline() == f"MLflow: http://127.0.0.1:{port} (Ctrl-C ends it)\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60) as answer:
            assert answer.status == 200
        assert processes_of(run_copy)
        label, address = process.stdout.readline().removeprefix("front of ").rstrip().split(": ")
        assert label == LABEL
        assert re.fullmatch(rf"http://127.0.0.1:{port}/#/experiments/\d+/runs/\w+/artifacts/front.html\?\S+", address)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0
        assert processes_of(run_copy) == []
    finally:
        if process.poll() is None:
            process.kill()
        for left in processes_of(run_copy):
            os.kill(left, signal.SIGKILL)


def test_a_port_in_use(refused: Callable, finished_run: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "--port" in refused("ui", finished_run, "--port", taken.getsockname()[1])


def test_a_port_that_needs_privileges(refused: Callable, finished_run: Path) -> None:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 1))
        except PermissionError:
            pass
        else:
            pytest.skip("this user may bind every port")
    assert "Permission denied" in refused("ui", finished_run, "--port", 1)


def test_a_run_that_is_tracked_elsewhere(
    refused: Callable, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    assert "http://mlflow.example:5000" in refused("ui", finished_run)


def test_a_run_without_a_store(refused: Callable, run_copy: Path) -> None:
    (run_copy / "mlflow.db").unlink()
    assert "no MLflow store yet" in refused("ui", run_copy)


def test_a_damaged_store_is_one_line(searchinr: Callable, run_copy: Path, port: int) -> None:
    (run_copy / "mlflow.db").write_bytes(b"not a database" * 100)
    result = searchinr("ui", run_copy, "--port", port)
    assert result.code == 1
    assert result.err.startswith("searchinr: MLflow could not be started")
    assert result.err.count("\n") == 1
