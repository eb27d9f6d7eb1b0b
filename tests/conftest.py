"""A shell that starts the tests in the background makes them ignore SIGINT, and with them every program they start."""

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
