import os
from pathlib import Path

import pytest

from searchinr.errors import UserError
from searchinr.signals.files import check_writable, make_folder, read_file, write_file


def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_file(path, b"first")
    write_file(path, b"second")
    assert read_file(path) == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    write_file(path, b"first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="No space left"):
        write_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["missing/a.bin", ".", "file/a.bin"])
def test_unwritable_places(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError) as error:
        write_file(tmp_path / name, b"data")
    assert "\n" not in str(error.value)


def test_unreadable_places(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_file(tmp_path / "missing")
    with pytest.raises(UserError, match="folder"):
        read_file(tmp_path)


def test_check_writable_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []


def test_names_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 127)
    write_file(path, b"data")
    assert read_file(path) == b"data"
    with pytest.raises(UserError, match="too long"):
        check_writable(tmp_path / ("ü" * 128))


def test_devices_and_pipes_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UserError, match="device or a pipe"):
            read_file(path)
        with pytest.raises(UserError, match="device or a pipe"):
            write_file(path, b"data")


def test_make_folder(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    write_file(tmp_path / "file", b"")
    for place in ("file", "file/a"):
        with pytest.raises(UserError, match="file"):
            make_folder(tmp_path / place)
