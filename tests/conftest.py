"""What all tests need of their surroundings.

A shell that starts the tests in the background makes them ignore SIGINT, and with them every program they start. No
test may read or write the assets that the user has in a cache.
"""

import os
import signal
from collections.abc import Iterator
from itertools import count

import pytest
from object_store import object_store

from searchinr.engine.store.place import RemotePath, parse_place
from searchinr.engine.workers.ray_environment import ray_environment

os.environ.update(ray_environment())  # before a test imports Ray, which reads then how it authenticates

signal.signal(signal.SIGINT, signal.default_int_handler)
_numbers = count()


@pytest.fixture(scope="session", autouse=True)
def _no_user_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """For fixtures that several tests share."""
    os.environ["SEARCHINR_ASSETS"] = str(tmp_path_factory.mktemp("assets"))


@pytest.fixture(autouse=True)
def _own_asset_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a cache of assets of its own, and so have the commands that it starts."""
    monkeypatch.setenv("SEARCHINR_ASSETS", str(tmp_path_factory.mktemp("assets")))


@pytest.fixture(scope="session")
def bucket() -> Iterator[RemotePath]:
    """A bucket of an S3 on loopback."""
    with object_store() as url:
        place = parse_place(url)
        assert isinstance(place, RemotePath)
        yield place


@pytest.fixture
def remote(bucket: RemotePath) -> RemotePath:
    """A folder in the bucket that no other test uses."""
    return bucket / f"test-{next(_numbers)}"
