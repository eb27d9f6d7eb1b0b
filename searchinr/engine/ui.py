"""MLflow's pages for one run."""

import os
import socket
import sys
from pathlib import Path

from searchinr.engine.opened import open_run
from searchinr.engine.tracking import tracking_address
from searchinr.errors import UserError


def mlflow_command(path: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """The command and the environment that serve a run's MLflow store on loopback.

    Raises:
        UserError: No such run, its store is elsewhere or not there yet, or the port is in use.
    """
    run = open_run(path)
    address = tracking_address(run.folder, run.space.mlflow.tracking_uri)
    if address.startswith("http"):
        raise UserError(f"{path}: is tracked on a server; open {address} instead")
    if address.startswith("sqlite") and not run.folder.mlflow_db.exists():
        raise UserError(f"{path}: has no MLflow store yet; let `searchinr run` go on first")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"port {port} is in use ({error.strerror}); choose another with --port") from error
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", address]
    command += ["--default-artifact-root", run.folder.mlflow_artifacts.resolve().as_uri()]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return command, {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
