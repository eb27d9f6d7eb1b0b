"""The ledger: the append-only file that holds every operating point of a run, one JSON object a line.

`search/lines.py` says what kinds of lines there are. Everything else in a run folder can be rebuilt from it.
"""

import json
import os
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


def read_ledger(path: Path) -> list[Line]:
    """All whole lines. A last line torn by a crash is not one; it was never acknowledged.

    The file is read line by line, since it may be as large as the memory that one wants to spend on it.

    Raises:
        UserError: A whole line is not one of a ledger: somebody edited the file, or a newer searchinr wrote it.
    """
    lines: list[Line] = []
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return lines
    with file:
        for number, row in enumerate(file, start=1):
            if row == b"\n":
                continue
            try:
                lines.append(parse_line(row))
            except LineError as error:
                raise UserError(
                    f"{path}:{number}: not a line of this searchinr's ledgers ({error}); "
                    "update searchinr if a newer one wrote it, else restore it or remove it"
                ) from error
            except ValueError as error:
                if not row.endswith(b"\n"):  # torn
                    break
                raise UserError(
                    f"{path}:{number}: not a line of a ledger ({error}); restore it or remove it"
                ) from error
    return lines


def whole_rows(data: bytes) -> list[bytes]:
    """The lines of a ledger as they are written, each with its line break; a torn last one is left out."""
    return [row + b"\n" for row in data.split(b"\n")[:-1] if row]


_BLOCK = 2**20  # bytes that are read at a time in the search for the last line's beginning


class Ledger:
    """The ledger, open for appending. One writer: the driver."""

    def __init__(self, path: Path, store: Callable[[int, bytes], None] | None = None) -> None:
        """The ledger in a file. `store` is called with each new line's number and the line, before the file has it."""
        self._store = store
        self.lines = read_ledger(path)
        self._recorded = set(map(_identity, self.lines))
        self._file = path.open("ab+", buffering=0)  # what could not be written is not tried again behind our back
        sync_folder(path.parent)
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        tail = b""
        while len(tail) < end and b"\n" not in tail:  # from the end, since the file may be large
            self._file.seek(max(0, end - len(tail) - _BLOCK))
            tail = self._file.read(end - self._file.tell())
        torn = tail[tail.rfind(b"\n") + 1 :]
        if not torn:
            return
        try:
            json.loads(torn)
        except ValueError:
            self._file.truncate(end - len(torn))
        else:  # only the newline is missing
            self._write(b"\n")

    def append(self, line: Line) -> None:
        """Appends one line; when this returns it is on the disk.

        Raises:
            OSError: The disk is full or gone. Nothing of the line stays behind.
        """
        row = dump_line(line) + b"\n"
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
