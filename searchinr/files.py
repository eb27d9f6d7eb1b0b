"""Writing files so that a reader never sees half of one: write, fsync, rename."""

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

_PREFIX, _SUFFIX = ".searchinr-", ".tmp"


def write_atomic(path: Path, data: bytes | memoryview) -> None:
    """Writes a file completely or not at all, even through a crash."""
    temporary = path.with_name(f"{_PREFIX}{uuid.uuid4().hex}{_SUFFIX}")  # short, whatever the length of the name
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_temporaries(folder: Path, *, older_than_s: float = 0.0) -> None:
    """Removes what `write_atomic` has left in a folder when it was killed.

    Files younger than `older_than_s` are left alone: where others write as well, they may be about to be renamed.
    """
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(FileNotFoundError):
            if older_than_s == 0.0 or time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()


def sync_folder(folder: Path) -> None:
    """Makes renames and new names in a folder survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
