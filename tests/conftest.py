"""A shell that starts the tests in the background makes them ignore SIGINT, and with them every program they start."""

import signal
from collections.abc import Iterator
from itertools import count

import pytest
from object_store import object_store

# Before any test imports Ray, which reads then how it authenticates: once for the whole process.
import searchinr.engine.workers.tune  # noqa: F401
from searchinr.engine.store.place import RemotePath, parse_place

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
