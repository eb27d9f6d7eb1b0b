"""The run folder: where things are, who may write, and how results come in from the workers.

    space.yaml      the space as run
    ledger.jsonl    the truth
    front/          <dataset>/<trial>-<steps>/<signal>.inr of the points now on the front
    inbox/          <trial>-<rung>.zip: a worker's results that the driver has not folded into the ledger yet
    trials/         <trial>.safetensors: checkpoints of unfinished trials
    report/         figures and tables
    mlflow.db, mlartifacts/
    log.txt

Everything but the ledger, the front and the checkpoints can be rebuilt from the ledger.
"""

import fcntl
import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from searchinr.engine.ledger import Line, read_ledger
from searchinr.errors import UserError
from searchinr.files import sync_folder, write_atomic

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


class RunFolder:
    """Paths of a run folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.space = path / "space.yaml"
        self.ledger = path / "ledger.jsonl"
        self.front = path / "front"
        self.inbox = path / "inbox"
        self.trials = path / "trials"
        self.report = path / "report"
        self.mlflow_db = path / "mlflow.db"
        self.mlflow_artifacts = path / "mlartifacts"
        self.log = path / "log.txt"
        self.stop = path / ".stop"  # while it is there, workers write their checkpoints and end

    @classmethod
    def existing(cls, path: Path) -> "RunFolder":
        """The folder of a run that was started; `UserError` where there is none."""
        folder = cls(path)
        if not folder.space.is_file():
            raise UserError(f"{path}: not a run folder (it has no space.yaml); start one with `searchinr run SPACE`")
        return folder

    def create(self) -> None:
        """Makes the folder and its rooms; `UserError` where that is not possible."""
        try:
            for room in (self.path, self.front, self.inbox, self.trials):
                room.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"{self.path}: cannot write there ({reason}); name another folder with --out") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for one driver; `UserError` if another one has it."""
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(
                    f"{self.path}: another searchinr is running in this folder; wait for it, or choose another --out"
                ) from error
            yield

    def lines(self) -> list[Line]:
        """The ledger's lines."""
        return read_ledger(self.ledger)

    def checkpoint(self, trial: str) -> Path:
        """Where a trial's checkpoint is."""
        return self.trials / f"{trial}.safetensors"

    def point_folder(self, point: Mapping[str, Any]) -> Path:
        """Where the `.inr` files of an operating point are while it is on the front."""
        return self.front / safe_name(point["dataset"]) / f"{point['trial']}-{point['steps']}"

    def deliver(self, line: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Called by a worker: leaves one result for the driver, as one file that is there whole or not at all."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("line.json", _ZIP_DATE), json.dumps(line, allow_nan=False))
            for name, data in files.items():
                archive.writestr(zipfile.ZipInfo(f"files/{safe_name(name)}.inr", _ZIP_DATE), data)
        write_atomic(self.inbox / f"{line['trial']}-{line['rung']}.zip", buffer.getvalue())

    def delivered(self) -> list[Path]:
        """Results that wait to be folded in, oldest first."""
        return sorted(self.inbox.glob("*.zip"), key=lambda path: (path.stat().st_mtime_ns, path.name))

    def keep_files(self, point: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Puts a point's files on the front: the whole folder at once."""
        target = self.point_folder(point)
        if target.exists():
            return
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, data in files.items():
            write_atomic(temporary / name, data)
        temporary.rename(target)
        sync_folder(target.parent)

    def drop_others(self, front: Iterable[Mapping[str, Any]]) -> None:
        """Removes the files of points that are not on the front any more."""
        keep = {self.point_folder(point) for point in front}
        for folder in self.front.glob("*/*"):
            if folder not in keep:
                shutil.rmtree(folder, ignore_errors=True)


def open_delivery(path: Path) -> tuple[Line, dict[str, bytes]]:
    """The line and the files (by file name) of a result that a worker delivered."""
    with zipfile.ZipFile(path) as archive:
        line = json.loads(archive.read("line.json"))
        files = {
            name.removeprefix("files/"): archive.read(name) for name in archive.namelist() if name.startswith("files/")
        }
    return line, files


def safe_name(name: str) -> str:
    """A name as a file name: letters, digits, dots, dashes and underscores.

    A name that had to be changed gets a few digits of its hash, so that two names never become one.
    """
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:100]
    return safe if safe and safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
