"""The ledger: the append-only file that holds every operating point of a run, one JSON object a line.

Kinds of lines: `trial` (a trial was started), `point` (an operating point was measured), `failed` (a trial failed).
Everything else in a run folder can be rebuilt from it.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from searchinr.errors import UserError

Line = dict[str, Any]

_KEYS = {
    "trial": ("trial", "number", "dataset", "codec", "params", "seed"),
    "point": ("trial", "rung", "steps", "dataset", "modality", "codec", "params", "psnr_db", "rate", "signals", "cost"),
    "failed": ("trial", "dataset", "reason"),
}
"""What every line of a kind has."""


def read_ledger(path: Path) -> list[Line]:
    """All whole lines. A last line torn by a crash is not one; it was never acknowledged.

    Raises:
        UserError: A line other than the last is not JSON: somebody edited the file.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    rows = data.split(b"\n")
    lines = []
    for number, row in enumerate(rows, start=1):
        if not row:
            continue
        try:
            lines.append(_checked(json.loads(row)))
        except ValueError as error:
            if number == len(rows):  # no newline behind it: torn
                break
            raise UserError(f"{path}:{number}: not a line of a ledger ({error}); restore it or remove it") from error
    return lines


def _checked(line: object) -> Line:
    """The line, if it has what its kind needs."""
    if not isinstance(line, dict) or line.get("kind") not in _KEYS:
        raise ValueError(f"its kind is none of {', '.join(_KEYS)}")
    missing = [key for key in _KEYS[line["kind"]] if key not in line]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    return line


class Ledger:
    """The ledger, open for appending. One writer: the driver."""

    def __init__(self, path: Path) -> None:
        self.lines = read_ledger(path)
        self._file = path.open("ab+")
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole == len(data):
            return
        try:
            json.loads(data[whole:])
        except ValueError:
            self._file.truncate(whole)
        else:  # only the newline is missing
            self._write(b"\n")

    def append(self, line: Mapping[str, Any]) -> None:
        """Appends one line; when this returns it is on the disk.

        Raises:
            OSError: The disk is full or gone. Nothing of the line stays behind.
        """
        end = self._file.seek(0, os.SEEK_END)
        try:
            self._write(json.dumps(line, allow_nan=False, separators=(",", ":")).encode() + b"\n")
        except OSError:
            self._file.truncate(end)
            raise
        self.lines.append(dict(line))

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def points(self) -> list[Line]:
        """The operating points."""
        return points_of(self.lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def points_of(lines: list[Line]) -> list[Line]:
    """The operating points among ledger lines."""
    return [line for line in lines if line["kind"] == "point"]
