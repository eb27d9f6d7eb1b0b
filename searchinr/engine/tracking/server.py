"""MLflow's pages for one run, for those alone who have their address.

Every user of a machine reaches all ports of its loopback, and whoever reaches MLflow may read and write files by it.
Therefore the pages are below a path that nobody can guess, and nothing is anywhere else. MLflow runs in this process,
so that the path stands in no list of processes and in no environment.
"""

import logging
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchinr.addresses import shown
from searchinr.engine.results.opened import OpenedRun, open_run
from searchinr.engine.tracking.record import fronts_at, import_quietly
from searchinr.engine.tracking.tracker import local_store, tracking_address
from searchinr.errors import UserError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
    from werkzeug.serving import BaseWSGIServer

_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Pages:
    """MLflow's pages for one run.

    Attributes:
        address: Their address, which is a secret.
        fronts: Dataset -> address of the page of its front.
        server: Answers while its `serve_forever` runs, until Ctrl-C.
    """

    address: str
    fronts: Mapping[str, str]
    server: "BaseWSGIServer"


@contextmanager
def mlflow_pages(path: Path, port: int) -> Iterator[Pages]:
    """Prepares MLflow's pages for the store in a run folder. From then on this process has no other use for MLflow.

    Raises:
        UserError: There is no such run, its store is elsewhere or does not exist yet, or the port cannot be used.
        OSError: MLflow cannot read the store.
    """
    run = open_run(path)
    store = _own_store(run)
    try:
        listener = socket.create_server((_HOST, port))  # before the address is told, so that nobody else has the port
    except OSError as error:
        raise UserError(f"port {port} cannot be had ({error.strerror}); choose another with --port") from error
    with closing(listener):
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # it would log every path
        token = secrets.token_urlsafe(32)
        address = f"http://{_HOST}:{port}/{token}/"
        app = _below(token, _mlflow(run, store))
        server = make_server(_HOST, port, app, threaded=True, fd=listener.fileno())
        fronts = {label: f"{address}{page}" for label, page in fronts_at(store, run.space.name).items()}
        yield Pages(address, fronts, server)


def _own_store(run: OpenedRun) -> str:
    """The address of the store in the run folder."""
    folder = run.folder
    address, own = tracking_address(folder, run.space.mlflow.tracking_uri), local_store(folder)
    if address != own:
        raise UserError(f"{folder.path}: is tracked elsewhere, at {shown(address)}; open that with MLflow itself")
    if not folder.mlflow_db.exists():
        raise UserError(f"{folder.path}: has no MLflow store yet; let `searchinr run` go on first")
    return own


def _mlflow(run: OpenedRun, store: str) -> "WSGIApplication":
    """MLflow's application, which reaches this store and no file out of the run folder."""
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    import_quietly()
    from mlflow.exceptions import MlflowException
    from mlflow.server import app, handlers
    from sqlalchemy.exc import SQLAlchemyError

    try:
        handlers.initialize_backend_stores(store, default_artifact_root=run.folder.mlflow_artifacts.resolve().as_uri())
    except (MlflowException, SQLAlchemyError) as error:
        reason = str(error).partition("\n")[0]
        raise OSError(f"MLflow could not be started: {run.folder.mlflow_db}: {reason}") from error
    _confine_artifacts(run.folder.mlflow_artifacts)
    application: WSGIApplication = app
    return application


def _confine_artifacts(folder: Path) -> None:
    """Makes MLflow in this process read and write artifacts in a folder only, wherever its store says that they are.

    The store has absolute paths. Those of a run folder that was moved since are read in its new place.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repository_registry import get_registered_artifact_repositories
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    root = folder.resolve()

    def confined(artifact_uri: str, **elsewhere: str | None) -> "LocalArtifactRepository":
        _, found, below = str(LocalArtifactRepository(artifact_uri).artifact_dir).rpartition(f"/{root.name}/")
        place = (root / below).resolve()
        if not found or not place.is_relative_to(root):
            raise MlflowException.invalid_parameter_value("artifacts out of the run folder are not served")
        return LocalArtifactRepository(place.as_uri(), **elsewhere)

    by_scheme: dict[str, Any] = get_registered_artifact_repositories()
    by_scheme.clear()
    by_scheme |= {"": confined, "file": confined}


def _below(token: str, app: "WSGIApplication") -> "WSGIApplication":
    """An application below the path of this name, which its pages do not tell to other sites; nothing is elsewhere."""
    from werkzeug.exceptions import Forbidden
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    def secretive(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:  # noqa: ANN401  as WSGI has it
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:  # noqa: ANN401
            return start_response(status, [*headers, ("Referrer-Policy", "no-referrer")], *more)

        return app(environ, start)

    return DispatcherMiddleware(
        Forbidden("Open the address that `searchinr ui` has printed."), {f"/{token}": secretive}
    )
