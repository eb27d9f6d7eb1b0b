from pathlib import Path

import pytest

from searchinr.engine.run_folder import RunFolder, open_delivery, safe_name
from searchinr.errors import UserError

POINT = {"kind": "point", "trial": "abc", "rung": 1, "steps": 300, "dataset": "photos"}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


def test_a_delivery_comes_back_whole(folder: RunFolder) -> None:
    folder.deliver(POINT, {"astronaut": b"one", "a b": b"two"})
    (path,) = folder.delivered()
    line, files = open_delivery(path)
    assert line == POINT
    assert files == {"astronaut.inr": b"one", f"{safe_name('a b')}.inr": b"two"}
    assert list(folder.inbox.iterdir()) == [path]  # no temporary file


def test_delivering_again_replaces_the_first(folder: RunFolder) -> None:
    folder.deliver(POINT, {"a": b"1"})
    folder.deliver(POINT, {"a": b"1"})
    assert len(folder.delivered()) == 1


def test_the_front_keeps_files_of_its_points_only(folder: RunFolder) -> None:
    other = {**POINT, "trial": "def"}
    for point in (POINT, other):
        folder.keep_files(point, {"a.inr": b"1"})
    folder.drop_others([other])
    assert not folder.point_folder(POINT).exists()
    assert (folder.point_folder(other) / "a.inr").read_bytes() == b"1"


def test_one_driver_at_a_time(folder: RunFolder) -> None:
    with folder.locked(), pytest.raises(UserError, match="another searchinr is running"), folder.locked():
        pass
    with folder.locked():
        pass


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write there \(.+\); name another folder with --out"):
        RunFolder(tmp_path / "file" / "run").create()


def test_what_is_no_run_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run folder"):
        RunFolder.existing(tmp_path)


def test_safe_names_never_meet() -> None:
    names = ["plain-1.0", "a b", "a-b", "a/b", "..", ".", "", "ä", "x" * 300, "x" * 301, "-"]
    safe = [safe_name(name) for name in names]
    assert safe[0] == "plain-1.0"
    assert len(set(safe)) == len(names)
    for name in safe:
        assert "/" not in name and name not in ("", ".", "..") and len(name) < 120
