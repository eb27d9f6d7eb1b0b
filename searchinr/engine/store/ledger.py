"""The ledger: the append-only file that holds every operating point of a run, one JSON object a line.

Kinds of lines: `trial` (a trial was started), `point` (an operating point was measured), `confirmation` (a point on the
front was fitted again with another seed), `failed` (a trial failed, or with `confirms` a confirmation),
`out_of_memory` (a fit ran out of memory beside others and is tried again alone; if it fails then, `failed` follows),
`asset` (what fits share was built), `asset_failed` (it could not be built).
Everything else in a run folder can be rebuilt from it.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from searchinr.errors import UserError
from searchinr.files import sync_folder

Line = dict[str, Any]

_POINT = ("trial", "rung", "steps", "dataset", "modality", "codec", "params", "psnr_db", "rate", "signals", "cost")
_ASSET = ("asset", "name", "dataset", "codec", "params", "seed")
_KEYS = {
    "trial": ("trial", "number", "dataset", "codec", "params", "seed"),
    "point": _POINT,
    "confirmation": (*_POINT, "seed"),
    "failed": ("trial", "dataset", "reason"),
    "out_of_memory": ("trial", "rung", "dataset", "seed"),
    "asset": (*_ASSET, "sha256", "bytes", "cost"),
    "asset_failed": (*_ASSET, "reason"),
}
"""What every line of a kind has."""


def read_ledger(path: Path) -> list[Line]:
    """All whole lines. A last line torn by a crash is not one; it was never acknowledged.

    Raises:
        UserError: A whole line is not one of a ledger: somebody edited the file, or a newer searchinr wrote it.
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
            line = json.loads(row)
        except ValueError as error:
            if number == len(rows):  # no newline behind it: torn
                break
            raise UserError(f"{path}:{number}: not a line of a ledger ({error}); restore it or remove it") from error
        try:
            lines.append(checked_line(line))
        except ValueError as error:
            raise UserError(
                f"{path}:{number}: not a line of this searchinr's ledgers ({error}); "
                "update searchinr if a newer one wrote it, else restore it or remove it"
            ) from error
    return lines


def whole_rows(data: bytes) -> list[bytes]:
    """The lines of a ledger as they are written, each with its line break; a torn last one is left out."""
    return [row + b"\n" for row in data.split(b"\n")[:-1] if row]


def checked_line(line: object) -> Line:
    """The line, if it has what its kind needs; `ValueError` if not."""
    if not isinstance(line, dict) or line.get("kind") not in list(_KEYS):  # a list, since a kind may be unhashable
        kind = line.get("kind") if isinstance(line, dict) else None
        raise ValueError(f"its kind is {kind!r}, none of {', '.join(_KEYS)}")
    missing = [key for key in _KEYS[line["kind"]] if key not in line]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    return line


def asset_label(line: Mapping[str, Any]) -> str:
    """What an asset on record is called where others name it, by `Asset.label`."""
    return f"{line['name']}@{line['sha256'][:12]}"


class Ledger:
    """The ledger, open for appending. One writer: the driver."""

    def __init__(self, path: Path, store: Callable[[int, bytes], None] | None = None) -> None:
        """The ledger in a file.

        Args:
            path: The file.
            store: Called with each new line's number and the line, before the file has it.
        """
        self._store = store
        self.lines = read_ledger(path)
        self._recorded = {_identity(line) for line in self.lines}
        self._file = path.open("ab+", buffering=0)  # what could not be written is not tried again behind our back
        sync_folder(path.parent)
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
        row = json.dumps(line, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        if self._store is not None:
            self._store(len(self.lines), row)
        end = self._file.seek(0, os.SEEK_END)
        try:
            self._write(row)
        except OSError:
            self._file.truncate(end)
            raise
        self.lines.append(dict(line))
        self._recorded.add(_identity(line))

    def has(self, line: Mapping[str, Any]) -> bool:
        """Whether there is a line about the same as this one.

        Whether the trial was started; whether the fit ran out of memory on its way to that rung; whether the asset
        with this content was built, or could not be built; for any other kind of line, whether that fit has a result at
        that rung.
        """
        return _identity(line) in self._recorded

    def _write(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]
        os.fsync(self._file.fileno())

    def points(self) -> list[Line]:
        """The operating points."""
        return [line for line in self.lines if line["kind"] == "point"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _identity(line: Mapping[str, Any]) -> tuple[object, ...]:
    """What a line is about; there is one of each. A success and a failure of one fit at one rung are the same thing."""
    if line["kind"] == "trial":
        return "trial", line["trial"]
    if line["kind"] in ("asset", "asset_failed"):
        return "asset", line["asset"], line.get("sha256")
    kind = "out_of_memory" if line["kind"] == "out_of_memory" else "result"
    return kind, line["trial"], line.get("rung"), line["seed"] if line.get("confirms") else None
