"""A run on a storage of its own: what is kept there beside the run folder, and how the two are brought together.

    space.yaml, run.json, front/, report/, log.txt      as in the run folder
    ledger.jsonl                              the ledger up to some moment
    ledger/<number>.jsonl                     each line since, by its number: no object store can append to an object
    inbox/, trials/, assets/                  between the driver and the workers, see `run_folder.py`
    .driver                                   who is the driver, see `lease.py`

A line is on the storage before it is in the run folder's ledger, so all of it is always there: the run folder may be
lost.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from searchinr.engine.store.confine import inside
from searchinr.engine.store.ledger import whole_rows
from searchinr.engine.store.place import Place
from searchinr.errors import UserError
from searchinr.files import write_atomic
from searchinr.space import Space, space_hash

IDENTITY = "# identity: "
"""Begins the line of a space as run that says which runs may be continued with it; `short_hash` comes next."""

_MIN_SINGLE = 100


def short_hash(space: Space) -> str:
    """The beginning of the space's hash: enough to tell spaces apart."""
    return space_hash(space)[:16]


class StoredLedger:
    """The ledger on the storage. One writer: the driver."""

    def __init__(self, place: Place) -> None:
        """The ledger of the run that is kept there."""
        self._whole, self._lines = place / "ledger.jsonl", place / "ledger"
        self._single = 0  # lines that are a file of their own

    def rows(self) -> list[bytes]:
        """All lines as they are written, each with its line break; `UserError` if one is missing."""
        try:
            rows = whole_rows(self._whole.read_bytes())
        except FileNotFoundError:
            rows = []
        singles: list[Place] = sorted(self._lines.glob("*.jsonl"), key=str)
        for path in singles:
            number = int(path.name.partition(".")[0])
            if number > len(rows):
                raise UserError(f"{path}: line {len(rows)} of the ledger, before it, is missing; restore the storage")
            if number == len(rows):  # else it is in the whole file already
                rows.append(path.read_bytes())
        self._single = len(singles)
        return rows

    def append(self, number: int, row: bytes, before: Path) -> None:
        """Adds a line with its line break; when this returns it is on the storage, else it raises an `OSError`.

        Lines are numbered from 0, and the file `before` holds all lines before this one.
        """
        if self._single > max(_MIN_SINGLE, number // 10):  # so that few files are to be read, and little is written
            self.replace(before.read_bytes())
        _write(self._lines / f"{number:08}.jsonl", row)
        self._single += 1

    def replace(self, data: bytes) -> None:
        """Writes all lines as one file."""
        _write(self._whole, data)
        self._lines.remove_tree()
        self._single = 0


class StoredRun:
    """A run on a storage: its place, its ledger, and its space as run."""

    def __init__(self, place: Place) -> None:
        """The run that is kept there, or will be."""
        self.place = place
        self.ledger = StoredLedger(place)
        self.space = place / "space.yaml"
        self.identity = place / "run.json"
        self._log = place / "log.txt"

    def check(self) -> None:
        """Makes sure that there is a run; `UserError` if not."""
        try:
            found = self.space.exists()
        except (OSError, ValueError, ImportError) as error:
            raise UserError(f"{self.place}: cannot be read ({' '.join(str(error).split())}); check its name") from error
        if not found:
            raise UserError(f"{self.place}: no run is kept there (it has no space.yaml); check its name")

    def refuse_other(self, space: Space) -> None:
        """Makes sure that no run of another space is kept there; `UserError` if one is."""
        if self.space.exists() and f"{IDENTITY}{short_hash(space)}" not in self.space.read_bytes().decode():
            raise UserError(
                f"{self.place}: a run of another space is kept there; choose another name with --out, or restore the "
                "space"
            )

    def bring_together(self, folder: Path) -> None:
        """Gives the run folder and the storage the same ledger and front: called by the driver before it starts.

        The storage's ledger stands, unless the run folder's begins with all of it and goes on: then the run was
        continued without the storage. What has gone apart in the run folder is set aside.
        """
        there, path = self.ledger.rows(), folder / "ledger.jsonl"
        here = whole_rows(path.read_bytes()) if path.exists() else []
        if here[: len(there)] == there:
            there = here
        elif there[: len(here)] != here:
            path.replace(path.with_suffix(".damaged"))
        write_atomic(path, b"".join(there))
        self.ledger.replace(b"".join(there))
        self._pull("front", folder)
        stored = {path.below(self.place) for path in (self.place / "front").files()}
        for name, file in _local(folder, "front"):
            if name not in stored:
                _write(self.place / name, file.read_bytes())
        for part in ("inbox", "trials", "assets"):  # of a run that went on without the storage
            for name, file in _local(folder, part):
                _write(self.place / name, file.read_bytes())
                file.unlink()

    def fetch(self, folder: Path) -> None:
        """Copies what is on record into a run folder, also while the run goes on; `UserError` if it holds another."""
        space = self.space.read_bytes()
        mine = folder / "space.yaml"
        if mine.exists() and _heading(mine.read_bytes()) != _heading(space):
            raise UserError(f"{folder}: holds another run; choose another folder with -o")
        there, path = self.ledger.rows(), folder / "ledger.jsonl"
        here = whole_rows(path.read_bytes()) if path.exists() else []
        if here != there[: len(here)]:
            raise UserError(f"{folder}: its ledger has lines that the storage has not; choose another folder with -o")
        for part in ("front", "report"):
            self._pull(part, folder)
        for name, stored in (("log.txt", self._log), ("run.json", self.identity)):
            if stored.exists():
                write_atomic(folder / name, stored.read_bytes())
        write_atomic(path, b"".join(there))
        write_atomic(mine, space)

    def push(self, folder: Path) -> None:
        """Copies the report and the log to the storage."""
        for name, path in (*_local(folder, "report"), ("log.txt", folder / "log.txt")):
            if path.exists():
                _write(self.place / name, path.read_bytes())

    def keep_files(self, name: str, files: Mapping[str, bytes]) -> None:
        """Puts files on the storage, by name, into a folder that is called so from the run folder on."""
        for file, data in files.items():
            _write(self.place / name / file, data)

    def _pull(self, part: str, folder: Path) -> None:
        """Copies those files of a part that the run folder lacks; files never change."""
        for place in (self.place / part).files():
            path = inside(folder, place.below(self.place))
            if not path.exists() or part == "report":
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, place.read_bytes())


def _write(place: Place, data: bytes) -> None:
    place.parent.make_folder()
    place.write_whole(data)


def _local(folder: Path, part: str) -> Iterator[tuple[str, Path]]:
    """Files of a part of a run folder and their names from there on; none that is half-written."""
    for path in (folder / part).rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not any(parent.startswith(".") for parent in name.parts):
            yield name.as_posix(), path


def _heading(space: bytes) -> list[bytes]:
    """What says whether two spaces as run are of one run."""
    return space.splitlines()[:2]
