"""These tests kill what they start as the tests of faults do."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder for Ray, whose sockets' names must be short; Ray opens it to everybody, the one around it is closed."""
    around = Path(tempfile.mkdtemp(prefix="sr-"))
    (folder := around / "r").mkdir()
    yield folder
    shutil.rmtree(around, ignore_errors=True)
