import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from searchinr.engine.store import lease
from searchinr.engine.store.lease import Lease, progress_at
from searchinr.engine.store.place import LocalPlace
from searchinr.errors import UserError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lease, "BEAT_S", 0.05)
    monkeypatch.setattr(lease, "PATIENCE_S", 0.5)
    yield


def make(place: Path, folder: str, said: list[str] | None = None) -> Lease:
    return Lease(LocalPlace(place), Path(folder), (said if said is not None else []).append)


def test_one_driver_at_a_time(tmp_path: Path) -> None:
    said: list[str] = []
    with make(tmp_path, "a").held():
        with pytest.raises(UserError, match="another searchinr is running there"), make(tmp_path, "b", said).held():
            pass
        assert said and "listening" in said[0]
    with make(tmp_path, "b").held():
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_words_of_a_dead_driver_are_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".driver").write_text(json.dumps({"id": "x", "from": "elsewhere:/a", "beat": 7}))
    with make(tmp_path, "b").held():
        pass
    (tmp_path / ".driver").write_text("rubbish")
    with make(tmp_path, "b").held():
        pass


def test_who_drove_from_the_same_locked_folder_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "PATIENCE_S", 1e9)
    first = make(tmp_path, "a")
    first._say(3)
    with make(tmp_path, "a").held():
        pass


def test_a_driver_that_was_cut_off_finds_the_newcomer_and_writes_nothing_any_more(tmp_path: Path) -> None:
    cut_off = make(tmp_path, "a")
    with cut_off.held():
        cut_off.check()
        (tmp_path / ".driver").write_text(json.dumps({"id": "newcomer"}))
        with pytest.raises(OSError, match="another searchinr, started later, has taken over"):
            for _ in range(200):
                cut_off.check()
                time.sleep(0.05)
    assert json.loads((tmp_path / ".driver").read_text())["id"] == "newcomer"


def test_a_driver_says_how_far_it_is(tmp_path: Path) -> None:
    assert progress_at(LocalPlace(tmp_path)) is None
    mine = make(tmp_path, "run")
    mine.tell(lambda: {"done": 3})
    with mine.held():
        assert progress_at(LocalPlace(tmp_path)) == {"done": 3}
    assert progress_at(LocalPlace(tmp_path)) is None
