"""MLflow's pages for one run."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from searchinr.engine.catalog import read_space
from searchinr.engine.results.opened import open_run
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.tracking.moved import bring_artifacts_along
from searchinr.engine.tracking.record import fronts_at, import_quietly
from searchinr.engine.tracking.tracker import local_store, tracking_address
from searchinr.errors import UserError

_HOST = "127.0.0.1"
_GRACE_S = 5.0  # time that the server has to end by itself


@contextmanager
def mlflow_server(path: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serves a run's MLflow store on loopback. The context opens when the server answers and ends all its processes.

    Raises:
        UserError: There is no such run, its store is elsewhere or does not exist yet, or the port cannot be used.
        ChildProcessError: MLflow ended before it answered; the message holds its last error.
    """
    environment = _environment(path)
    _check_port(port)
    command = [sys.executable, "-m", "mlflow", "server", "--host", _HOST, "--port", str(port), "--workers", "1"]
    with tempfile.TemporaryFile() as output:
        # In a process group of its own it does not get Ctrl-C; the end of the context stops it.
        server = subprocess.Popen(command, env=environment, stdout=output, stderr=output, process_group=0)
        try:
            while not _answers(port):
                if server.poll() is not None:
                    output.seek(0)
                    lines = output.read().decode(errors="replace").splitlines()
                    errors = [line for line in lines if "Error" in line]
                    raise ChildProcessError(": ".join(["MLflow could not be started", *errors[-1:]]))
                time.sleep(0.1)
            yield server
        finally:
            _end(server)


def fronts(path: Path, port: int) -> dict[str, str]:
    """The addresses of a run's fronts on the server that `mlflow_server` runs, by dataset."""
    import_quietly()
    return fronts_at(f"http://{_HOST}:{port}", read_space(RunFolder.existing(path).space).name)


def _environment(path: Path) -> dict[str, str]:
    from sqlalchemy.exc import DatabaseError

    run = open_run(path)
    address = tracking_address(run.folder, run.space.mlflow.tracking_uri)
    if address.startswith("http"):
        raise UserError(f"{path}: is tracked on a server; open {address} instead")
    if address.startswith("sqlite") and not run.folder.mlflow_db.exists():
        raise UserError(f"{path}: has no MLflow store yet; let `searchinr run` go on first")
    if address == local_store(run.folder):
        with suppress(DatabaseError):  # the folder can only be read, or MLflow will tell that it is damaged
            bring_artifacts_along(address, run.folder.mlflow_artifacts)
    return {
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": address,  # not as an argument, since everybody on the machine can read those
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": run.folder.mlflow_artifacts.resolve().as_uri(),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # these would be seven processes that a run does not need
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise UserError(f"port {port} cannot be had ({error.strerror}); choose another with --port") from error


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0


def _end(server: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            server.wait(_GRACE_S)
        os.killpg(server.pid, signal.SIGKILL)  # and everything that it has started
    server.wait()
