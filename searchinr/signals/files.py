"""Reading and writing the user's files: whole or not at all, every failure one clear line."""

import os
import uuid
from contextlib import suppress
from pathlib import Path

from searchinr.errors import UserError


def read_file(path: Path) -> bytes:
    """The content of a file.

    Raises:
        UserError: There is no such file, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder found where one file is expected") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def write_file(path: Path, data: bytes) -> None:
    """Writes a file completely or not at all: temporary file in the same folder, fsync, rename.

    Raises:
        UserError: The folder does not exist or is not writable, the disk is full, or `path` is no ordinary file.
    """
    temporary = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.tmp")
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: not an ordinary file; give the output another name")
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # or a crash may forget the new name
        finally:
            os.close(folder)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); choose a writable folder") from None
    finally:
        with suppress(OSError):  # usually renamed, or never made
            temporary.unlink()
