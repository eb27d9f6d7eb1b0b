"""The real MLflow server on a free port."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote

import pytest
from listening import as_stranger, family_of, listening

LABEL = "photos-downscale16x24-first2"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Ui:
    """`searchinr ui` while it runs."""

    process: "subprocess.Popen[str]"
    folder: Path
    port: int
    address: str
    front: str

    def ask(self, path: str, token: bool = True, data: dict[str, object] | None = None) -> bytes:
        """What it answers to a request; an `HTTPError` where it refuses."""
        base = self.address if token else "/".join(self.address.split("/")[:3]) + "/"
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(base + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.headers["Referrer-Policy"] == "no-referrer"  # no other site learns the address
            return bytes(answer.read())

    def call(self, method: str, **data: object) -> dict[str, Any]:
        """A call of MLflow's API that changes something."""
        return dict(json.loads(self.ask(f"api/2.0/mlflow/{method}", data=data)))


@contextmanager
def serving(start: Callable, folder: Path) -> Iterator[Ui]:
    port = free_port()
    process = start("ui", folder, "--port", port)
    try:
        found = re.fullmatch(r"MLflow: (\S+) \(Ctrl-C ends it\)\n", process.stdout.readline())
        assert found, process.stderr.read()
        label, address = process.stdout.readline().removeprefix("front of ").rstrip().split(": ")
        assert label == LABEL
        yield Ui(process, folder, port, found[1], address)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def ui(start: Callable, finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """One for all that only ask it something."""
    with serving(start, shutil.copytree(finished_run, tmp_path_factory.mktemp("ui") / "copy")) as ui:
        yield ui


def test_it_answers_on_loopback_and_ends_with_ctrl_c(start: Callable, run_copy: Path) -> None:
    with serving(start, run_copy) as ui:
        answers_and_ends(ui)


def answers_and_ends(ui: Ui) -> None:
    assert re.fullmatch(rf"http://127\.0\.0\.1:{ui.port}/[\w-]{{43}}/", ui.address)
    assert re.fullmatch(rf"{re.escape(ui.address)}#/experiments/\d+/runs/\w+/artifacts/front.html\?\S+", ui.front)
    assert ui.ask("health") == b"OK"
    assert b"MLflow" in ui.ask("")
    run = ui.front.split("/runs/")[1].split("/")[0]
    assert ui.ask(f"get-artifact?path=front.html&run_uuid={run}").startswith(b"<!doctype html>")
    ui.process.send_signal(signal.SIGINT)
    assert ui.process.communicate(timeout=60) == ("", "")
    assert ui.process.returncode == 0


def test_nobody_gets_in_without_the_address(ui: Ui) -> None:
    assert listening(ui.process.pid) == {("127.0.0.1", ui.port)}
    for path in (
        "",
        "health",
        "version",
        "api/2.0/mlflow/experiments/get?experiment_id=0",
        "static-files/../",
        "metrics",
    ):
        with pytest.raises(HTTPError, match="403"):
            ui.ask(path, token=False)
    token = ui.address.split("/")[3].encode()
    for process in family_of(ui.process.pid):
        for file in ("cmdline", "environ"):
            assert token not in Path(f"/proc/{process}/{file}").read_bytes()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_gets_nowhere(ui: Ui) -> None:
    code = """
pid, port = sys.argv[1:]
try:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id=0")
except urllib.error.HTTPError as error:
    print(error.code)
for attempt in (lambda: os.kill(int(pid), signal.SIGTERM), lambda: Path(f"/proc/{pid}/environ").read_bytes()):
    try:
        print("done", attempt())
    except PermissionError:
        print("refused")
print(Path(f"/proc/{pid}/cmdline").read_text())
"""
    said = as_stranger(code, ui.process.pid, ui.port)
    assert said.splitlines()[:3] == ["403", "refused", "refused"]
    assert ui.address.split("/")[3] not in said
    assert ui.ask("health") == b"OK"


def test_artifacts_out_of_the_run_folder_are_neither_read_nor_written(ui: Ui, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "diary.txt").write_text("hush")
    (ui.folder / "mlartifacts" / "link").symlink_to(tmp_path / "private")
    for number, folder in enumerate(
        (tmp_path / "private", ui.folder / "mlartifacts" / "link", ui.folder / "mlartifacts")
    ):
        experiment = ui.call("experiments/create", name=f"{number}", artifact_location=folder.as_uri())["experiment_id"]
        run = ui.call("runs/create", experiment_id=experiment)["run"]["info"]
        artifacts = Path(unquote(run["artifact_uri"]).removeprefix("file://"))
        artifacts.mkdir(parents=True)
        (artifacts / "diary.txt").write_text("hush")
        address = f"get-artifact?path=diary.txt&run_uuid={run['run_id']}"
        if number == 2:
            assert ui.ask(address) == b"hush"  # so the others are refused for where they are
            continue
        with pytest.raises(HTTPError):
            ui.ask(address)
        with pytest.raises(HTTPError):
            ui.ask(f"ajax-api/2.0/mlflow/upload-artifact?path=new.txt&run_uuid={run['run_id']}", data={"a": 1})
        assert not (artifacts / "new.txt").exists()


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
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:hush@mlflow.example:5000")
    said = refused("ui", finished_run)
    assert "http://mlflow.example:5000" in said and "hush" not in said


def test_a_run_without_a_store(refused: Callable, run_copy: Path) -> None:
    (run_copy / "mlflow.db").unlink()
    assert "no MLflow store yet" in refused("ui", run_copy)


def test_a_damaged_store_is_one_line(searchinr: Callable, run_copy: Path) -> None:
    (run_copy / "mlflow.db").write_bytes(b"not a database" * 100)
    result = searchinr("ui", run_copy, "--port", free_port())
    assert result.code == 1
    assert result.err.startswith("searchinr: MLflow could not be started")
    assert result.err.count("\n") == 1
