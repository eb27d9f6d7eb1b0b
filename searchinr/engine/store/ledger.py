"""The ledger: the append-only file that holds every operating point of a run, one JSON object a line.

`search/lines.py` says what kinds of lines there are. Everything else in a run folder can be rebuilt from it. Each line
ends with the key ``crc32``, the check sum of the line without this key; older ledgers do not have it.
"""

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from searchinr.errors import UserError
from searchinr.files import sync_folder
from searchinr.search.lines import (
    AssetBuilt,
    AssetFailed,
    Fit,
    Line,
    LineError,
    OutOfMemory,
    TrialStarted,
    dump_line,
    parse_line,
)

_SUM = b',"crc32":"'


def read_ledger(path: Path) -> list[Line]:
    """All whole lines. A last line broken by a crash is not one; it was never acknowledged.

    The file is read line by line, since it may be as large as the memory that one wants to spend on it.

    Raises:
        UserError: A whole line is not one of a ledger, or a line before the last is broken: somebody edited the file,
            the disk is damaged, or a newer searchinr wrote it.
    """
    return _read(path)[0]


def whole_rows(data: bytes) -> list[bytes]:
    """The lines of a ledger as they are written, each with its line break; a broken last one is left out."""
    rows = [row + b"\n" for row in data.split(b"\n")[:-1] if row]
    try:
        parse_line(_checked(rows[-1] if rows else b"{}"))
    except LineError:  # whole, though it is no line of this searchinr's ledgers
        return rows
    except ValueError:
        return rows[:-1]
    return rows


def _read(path: Path) -> tuple[list[Line], int]:
    """The whole lines of a ledger, and how many bytes of the file they take."""
    lines: list[Line] = []
    size = 0
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return lines, size
    with file:
        for number, row in enumerate(file, start=1):
            try:
                if row != b"\n":
                    lines.append(parse_line(_checked(row)))
            except LineError as error:
                raise UserError(
                    f"{path}:{number}: not a line of this searchinr's ledgers ({error}); "
                    "update searchinr if a newer one wrote it, else restore it or remove it"
                ) from error
            except ValueError as error:
                # After a power cut any page of the last line may be missing, its line break may be there.
                if not file.read(1):
                    break
                raise UserError(
                    f"{path}:{number}: not a line of a ledger ({error}); restore it or remove it"
                ) from error
            size += len(row)
    return lines, size


def _with_sum(row: bytes) -> bytes:
    """A row of JSON with its check sum as the last key."""
    return b'%s%s%08x"}' % (row[:-1], _SUM, zlib.crc32(row))


def _checked(row: bytes) -> bytes:
    """The row, if its check sum is right or it has none; else `ValueError`."""
    start, key, found = row.rpartition(_SUM)
    if key and found.rstrip(b"\n") != b'%08x"}' % zlib.crc32(start + b"}"):
        raise ValueError("its check sum is wrong")
    return row


class Ledger:
    """The ledger, open for appending. One writer: the driver."""

    def __init__(self, path: Path, store: Callable[[int, bytes], None] | None = None) -> None:
        """The ledger in a file. `store` is called with each new line's number and the line, before the file has it."""
        self._store = store
        self.lines, size = _read(path)
        self._recorded = set(map(_identity, self.lines))
        self._file = path.open("ab+", buffering=0)  # what could not be written is not tried again behind our back
        sync_folder(path.parent)
        self._file.truncate(size)  # what a crash has broken
        if size and os.pread(self._file.fileno(), 1, size - 1) != b"\n":
            self._write(b"\n")

    def append(self, line: Line) -> None:
        """Appends one line; when this returns it is on the disk.

        Raises:
            OSError: The disk is full or gone. Nothing of the line stays behind.
        """
        row = _with_sum(dump_line(line)) + b"\n"
        if self._store is not None:
            self._store(len(self.lines), row)
        end = self._file.seek(0, os.SEEK_END)
        try:
            self._write(row)
        except OSError:
            self._file.truncate(end)
            raise
        self.lines.append(line)
        self._recorded.add(_identity(line))

    def has(self, line: Line) -> bool:
        """Whether there is a line about the same as this one.

        Of an asset that is whether it was built with this content, or could not be built. See `has_trial`,
        `ran_out_of_memory` and `has_result` for the others.
        """
        return _identity(line) in self._recorded

    def has_trial(self, trial: str) -> bool:
        """Whether a trial was started."""
        return ("trial", trial) in self._recorded

    def has_result(self, fit: Fit) -> bool:
        """Whether a fit was measured at its rung, or has failed on its way there."""
        return _of_fit("result", fit) in self._recorded

    def ran_out_of_memory(self, fit: Fit) -> bool:
        """Whether a fit has run out of memory on its way to its rung."""
        return _of_fit("out_of_memory", fit) in self._recorded

    def _write(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _identity(line: Line) -> tuple[object, ...]:
    """What a line is about; there is one of each. A success and a failure of one fit at one rung are the same thing."""
    match line:
        case TrialStarted():
            return "trial", line.trial
        case AssetBuilt():
            return "asset", line.asset, line.sha256
        case AssetFailed():
            return "asset", line.asset, None
        case OutOfMemory():
            return _of_fit("out_of_memory", line)
        case _:
            return _of_fit("result", line)


def _of_fit(what: str, fit: Fit) -> tuple[object, ...]:
    return what, fit.trial, fit.rung, fit.seed if fit.confirms else None
