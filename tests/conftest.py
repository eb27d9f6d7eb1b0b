"""What all tests need of their surroundings.

A shell that starts the tests in the background makes them ignore SIGINT, and with them every program they start. No
test may read or write the assets that the user has in a cache.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from object_store import object_store

from searchinr.engine.store.place import RemotePlace, parse_place
from searchinr.engine.tracking.record import import_quietly
from searchinr.engine.workers.ray_environment import ray_environment

os.environ.update(ray_environment())  # before a test imports Ray, which reads then how it authenticates

signal.signal(signal.SIGINT, signal.default_int_handler)
_numbers = count()


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all caches are, that of fixtures which several tests share among them."""
    folder = tmp_path_factory.mktemp("assets")
    os.environ["SEARCHINR_ASSETS"] = str(folder / "shared")
    return folder


@pytest.fixture(autouse=True)
def _own_asset_cache(_caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a cache of assets of its own, and so have the commands that it starts."""
    monkeypatch.setenv("SEARCHINR_ASSETS", str(_caches / str(next(_numbers))))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store that has its tables and nothing in them: MLflow takes more than a second to make one."""
    import_quietly()
    import mlflow

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture(scope="session")
def new_run_folder(empty_store: Path) -> Callable[[Path], Path]:
    """Makes a run folder in which there is nothing but an empty MLflow store."""

    def make(path: Path) -> Path:
        path.mkdir()
        shutil.copyfile(empty_store, path / "mlflow.db")
        (path / ".lock").touch()  # by which a run knows a folder as its own
        return path

    return make


@pytest.fixture(scope="session")
def bucket() -> Iterator[RemotePlace]:
    """A bucket of an S3 on loopback."""
    with object_store() as url:
        place = parse_place(url)
        assert isinstance(place, RemotePlace)
        yield place


@pytest.fixture
def remote(bucket: RemotePlace) -> RemotePlace:
    """A folder in the bucket that no other test uses."""
    return bucket / f"test-{next(_numbers)}"
