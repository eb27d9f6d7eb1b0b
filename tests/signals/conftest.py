import os
from pathlib import Path

import pytest


@pytest.fixture
def data_dir() -> Path:
    """The folder of real data, or the test is skipped."""
    folder = os.environ.get("SEARCHINR_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SEARCHINR_DATA names no data folder")
    return Path(folder)


@pytest.fixture(autouse=True)
def own_download_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test depends on, or leaves, downloads in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
