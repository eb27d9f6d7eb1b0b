"""Reading and writing the user's files: whole or not at all, every failure one clear line."""

import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from searchinr.errors import UserError
from searchinr.files import write_atomic


def read_file(path: Path) -> bytes:
    """The content of a file.

    Raises:
        UserError: See `check_readable`.
    """
    check_readable(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def user_path(text: str | Path) -> Path:
    """A path as the user writes it: `~` stands for the home folder, `~NAME` for that of another user.

    Raises:
        UserError: There is no such folder.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"{text}: no home folder is known for the ~ in it; write the path out") from None


def check_readable(path: Path) -> None:
    """Makes sure that a file can be read, before anything is concluded from its name.

    Raises:
        UserError: There is no such file, it cannot be read, or it is a device or a pipe, which may never end.
    """
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file; check the path")
        if not path.is_file():
            found = "a folder" if path.is_dir() else "a device or a pipe"
            raise UserError(f"{path}: {found} found where one file is expected")
        with path.open("rb"):
            pass
    except OSError as error:
        raise _unreadable(path, error) from None


def check_writable(path: Path) -> None:
    """Makes sure that a file can be written, before the work that will fill it. Nothing is left behind.

    Raises:
        UserError: The folder does not exist or is not writable, or `path` is no ordinary file.
    """
    try:
        if path.is_dir():
            raise UserError(f"{path}: a folder found where a file is to be written; add a file name")
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: a device or a pipe found where a file is to be written; choose another name")
        if not path.parent.exists():
            raise UserError(f"{path}: there is no folder {path.parent}; make it first")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from None


def check_output(path: Path, suffixes: Collection[str], *, force: bool) -> None:
    """Makes sure that a command may write a file, before the work that will fill it. Called again right before that.

    Args:
        path: The file.
        suffixes: What its name may end with, in lower case.
        force: Whether a file that is there already may be replaced.

    Raises:
        UserError: It has another suffix, or is there already, or see `check_writable`.
    """
    if path.suffix.lower() not in suffixes:
        allowed = f"{'is' if len(suffixes) == 1 else 'are'} {' '.join(suffixes)}"
        raise UserError(f"{path}: suffix {path.suffix!r} found; allowed {allowed}")
    check_new(path, force=force)


def check_new(path: Path, *, force: bool) -> None:
    """Makes sure that writing a file replaces none, unless the user has asked for that; `UserError` if it would."""
    check_writable(path)
    if not force and os.path.lexists(path):
        raise UserError(f"{path}: is there already; choose another name with -o, or replace it with --force")


def write_file(path: Path, data: bytes | memoryview) -> None:
    """Writes a file completely or not at all.

    Raises:
        UserError: See `check_writable`; or the disk is full.
    """
    check_writable(path)
    try:
        write_atomic(path, data)
    except OSError as error:
        raise _unwritable(path, error) from None


def make_folder(path: Path) -> None:
    """Makes a folder, with those above it, where there is none.

    Raises:
        UserError: It cannot be made, or nothing can be written there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except FileExistsError:
        raise UserError(f"{path}: a file found where a folder is expected; choose another name") from None
    except OSError as error:
        raise _unwritable(path, error) from None


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be read ({error.strerror})")


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be written ({error.strerror}); choose another place")
