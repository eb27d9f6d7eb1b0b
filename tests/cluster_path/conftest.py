"""These tests kill what they start as the tests of faults do."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder for Ray, whose sockets' names must be short."""
    folder = Path(tempfile.mkdtemp(prefix="sr-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
