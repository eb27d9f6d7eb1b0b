"""The run folder: where things are, who may write, and how results come in from the workers.

    space.yaml      the space as run
    run.json        the run's id, and hashes of its signals: see `identity.py`
    ledger.jsonl    the truth
    front/          <dataset>/<trial>-<steps>/<signal>.inr of the points now on the front;
                    assets/ holds what decoding needs beside them, see `engine/store/asset_files.py`
    inbox/          <fit>-<rung>.zip, <asset>.zip: a worker's results that the driver has not folded into the ledger yet
    trials/         checkpoints of unfinished fits (`Fit.fit_name`), each named by its rung, so that two workers on one
                    fit, of which one was given up for dead, never spoil each other's:
                    <fit>-<rung>.safetensors at the rung, <fit>-<rung>.partial.safetensors on the way to it;
                    <asset>-0.partial.safetensors of an asset that is being built
    assets/         <asset>.safetensors: what fits share, see `engine/run/assets.py`
    report/         figures and tables
    mlflow.db, mlartifacts/
    log.txt
    plan.json       what was estimated before
    cluster.json    the job that the run is, or was last, on a cluster; cluster.log: what Ray's commands have said

What is damaged is set aside as *.damaged.
Everything but the ledger, the front and the checkpoints can be rebuilt from the ledger, assets by training them again.

With a storage of its own a run has inbox/, trials/ and assets/ there, for workers anywhere, and the rest in both
places: see `stored_run.py`.
"""

import fcntl
import hashlib
import io
import os
import re
import shutil
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from searchinr.engine.store.asset_files import KEPT
from searchinr.engine.store.confine import refuse_links_out, refuse_what_no_run_made
from searchinr.engine.store.ledger import read_ledger
from searchinr.engine.store.place import LocalPlace, Place, check_writable
from searchinr.engine.store.stored_run import StoredRun
from searchinr.errors import InvalidFileError, UserError
from searchinr.files import sync_folder, write_atomic
from searchinr.search.lines import AssetBuilt, AssetFailed, Fit, FitLine, Line, Measured, Point, dump_line, parse_line

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_ASK_EVERY_S = 5.0  # whether to stop, where asking is a request over a network


Delivered = FitLine | AssetBuilt | AssetFailed
"""What a worker may say of its job."""


class SharedFolder:
    """What the driver and the workers of a run share: results on their way in, checkpoints, and the wish to stop."""

    def __init__(self, shared: Place) -> None:
        """The shared part of the run that is kept there."""
        self.shared = shared
        self.inbox = shared / "inbox"
        self.trials = shared / "trials"
        self.assets = shared / "assets"
        self.stop = shared / ".stop"  # while it is there, workers write their checkpoints and end
        self._asked = 0.0, False  # when, and the answer

    def asset(self, name: str) -> Place:
        """Where an asset is, once it is built."""
        return self.assets / f"{safe_name(name)}.safetensors"

    def checkpoint(self, fit: str, rung: int) -> Place:
        """Where the checkpoint of a fit at a rung is: what the next rung goes on from."""
        return self.trials / f"{safe_name(fit)}-{rung}.safetensors"

    def checkpoint_under_way(self, fit: str, rung: int) -> Place:
        """Where the checkpoint of a fit on its way to a rung is."""
        return self.trials / f"{safe_name(fit)}-{rung}.partial.safetensors"

    def drop_checkpoints(self, result: Fit, *, over: bool) -> None:
        """Removes the checkpoints that nothing goes on from once this result is on record; all, if its fit is over."""
        fit, rung = result.fit_name, result.rung
        paths = [self.checkpoint_under_way(fit, rung), self.checkpoint(fit, rung - 1)]
        for path in paths + [self.checkpoint(fit, rung)] * over:
            path.unlink(missing_ok=True)

    def drop_building(self, asset: str) -> None:
        """Removes the checkpoint of an asset's building once what came of it is on record."""
        self.checkpoint_under_way(asset, 0).unlink(missing_ok=True)

    def damaged_checkpoints(self) -> list[Place]:
        """Checkpoints that workers have set aside."""
        return sorted(self.trials.glob("*.damaged"), key=str)

    def deliver(self, line: Delivered, files: Mapping[str, bytes]) -> None:
        """Called by a worker: leaves one result for the driver, as one file that is there whole or not at all."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("line.json", _ZIP_DATE), dump_line(line))
            for name, data in files.items():
                archive.writestr(zipfile.ZipInfo(f"files/{safe_name(name)}.inr", _ZIP_DATE), data)
        name = f"{line.fit_name}-{line.rung}" if isinstance(line, Fit) else line.asset
        (self.inbox / f"{safe_name(name)}.zip").write_whole(buffer.getvalue())

    def delivered(self) -> list[Place]:
        """Results that wait to be folded in, in an order that no clock has a part in."""
        return sorted(self.inbox.glob("*.zip"), key=str)

    def ask_to_stop(self) -> None:
        """Called by the driver: workers are to write their checkpoints and end."""
        self.stop.write_whole(b"")

    def asked_to_stop(self) -> bool:
        """Called by a worker as often as it likes: whether it is to end."""
        if not self.stop.is_remote:
            return self.stop.exists()
        at, answer = self._asked
        if time.monotonic() > at + _ASK_EVERY_S:
            answer = self.stop.exists()
            self._asked = time.monotonic(), answer
        return answer


class RunFolder(SharedFolder):
    """Paths of a run folder."""

    def __init__(self, path: Path, storage: Place | None = None) -> None:
        """A run folder.

        Args:
            path: The folder, which the driver alone needs to see if the run has a storage.
            storage: Where the run is kept for workers on other machines; None means in the folder itself.
        """
        self.path = LocalPlace(path)
        super().__init__(self.path if storage is None else storage)
        self.stored = None if storage is None else StoredRun(storage)
        path = self.path
        self.space = path / "space.yaml"
        self.identity = path / "run.json"
        self.ledger = path / "ledger.jsonl"
        self.front = path / "front"
        self.kept_assets = self.front / KEPT
        self.report = path / "report"
        self.mlflow_db = path / "mlflow.db"
        self.mlflow_artifacts = path / "mlartifacts"
        self.log = path / "log.txt"
        self.plan = path / "plan.json"  # what `searchinr plan` has said
        self.cluster = path / "cluster.json"  # see `engine/cluster/remote_run.py`
        self.cluster_log = path / "cluster.log"
        self._lock = path / ".lock"

    @classmethod
    def existing(cls, path: Path) -> "RunFolder":
        """The folder of a run that was started; `UserError` where there is none."""
        folder = cls(path)
        if not folder.space.is_file() and folder.cluster.is_file():
            raise UserError(f"{path}: nothing was fetched yet; `searchinr status {path} --cluster FILE` does")
        if not folder.space.is_file():
            raise UserError(f"{path}: not a run folder (it has no space.yaml); start one with `searchinr run SPACE`")
        refuse_links_out(path)
        return folder

    def create(self) -> None:
        """Makes the folder and its rooms; `UserError` where that cannot be, or the user has other things there."""
        refuse_what_no_run_made(self.path)
        refuse_links_out(self.path)
        try:
            os.fspath(self.path.resolve()).encode()
        except UnicodeEncodeError:
            raise UserError(f"{self.path}: its name is not UTF-8; name another folder with --out") from None
        try:
            for room in (self.path, self.front, self.inbox, self.trials, self.assets):
                room.make_folder()
            (self.path / ".writable").probe()
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"{self.path}: cannot write there ({reason}); name another folder with --out") from error
        if self.stored is not None:
            check_writable(self.stored.place)
            refuse_what_no_run_made(self.stored.place)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for one driver; `UserError` if another one has it."""
        with self._lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"{self.path}: another searchinr is running in this folder; wait for it, or choose another --out"
                ) from error
            yield

    def is_locked(self) -> bool:
        """Whether a driver has the folder. Unlike `locked`, it works where nothing can be written."""
        try:
            with self._lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:  # the folder was fetched or copied
            return False
        except BlockingIOError:
            return True
        except PermissionError:  # another user has made it
            return _is_locked_by_anybody(self._lock)
        return False

    def tidy(self) -> None:
        """Removes what a killed run has left half-written; for the one who holds the lock."""
        self.stop.unlink(missing_ok=True)
        for room in (self.path, self.inbox, self.trials, self.assets, self.report):
            room.tidy()
        for folder in self.front.glob("*/.*.tmp"):
            shutil.rmtree(folder, ignore_errors=True)

    def lines(self) -> list[Line]:
        """The ledger's lines."""
        return read_ledger(self.ledger)

    def point_folder(self, point: Point) -> Path:
        """Where the `.inr` files of an operating point are while it is on the front."""
        return self.front / safe_name(point.dataset) / f"{safe_name(point.trial)}-{point.steps}"

    def keep_files(self, point: Point, files: Mapping[str, bytes]) -> None:
        """Puts a point's files on the front: the whole folder at once."""
        target = self.point_folder(point)
        if self.stored is not None:
            self.stored.keep_files(target.relative_to(self.path).as_posix(), files)
        if target.exists():
            return
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        sync_folder(self.front)
        for name, data in files.items():
            write_atomic(temporary / name, data)
        temporary.rename(target)
        sync_folder(target.parent)

    def keep_asset(self, name: str, data: bytes) -> None:
        """Puts the file of an asset that decoding needs where the front's files find it by its `asset_name`."""
        if self.stored is not None:
            self.stored.keep_files(self.kept_assets.relative_to(self.path).as_posix(), {name: data})
        self.kept_assets.mkdir(exist_ok=True)
        write_atomic(self.kept_assets / name, data)

    def drop_others(self, front: Iterable[Point]) -> None:
        """Removes the files of points that are not on the front any more."""
        keep = {self.point_folder(point) for point in front}
        for folder in self.front.glob("*/*"):
            if folder.is_dir() and folder not in keep:
                if self.stored is not None:
                    (self.stored.place / folder.relative_to(self.path).as_posix()).remove_tree()
                shutil.rmtree(folder, ignore_errors=True)


def _is_locked_by_anybody(path: Path) -> bool:
    """Whether a file that cannot be opened has a lock, as Linux says of all files."""
    found, locks = path.stat(), Path("/proc/locks")
    name = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    return locks.exists() and any(name in line.split() for line in locks.read_text().splitlines())


def open_delivery(path: Place) -> tuple[Delivered, dict[str, bytes]]:
    """The line and the files (by file name) of a result that a worker delivered.

    Raises:
        InvalidFileError: The file is damaged.
    """
    data = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            line = parse_line(archive.read("line.json"))
            names = [name for name in archive.namelist() if name.startswith("files/")]
            files = {name.removeprefix("files/"): archive.read(name) for name in names}
        if not isinstance(line, Delivered):
            raise ValueError(f"a line of kind {line.kind}")
        rows = iter(line.signals if isinstance(line, Measured) else ())
        expected = {f"{safe_name(row.name)}.inr": row.sha256 for row in rows}
        if {name: hashlib.sha256(file).hexdigest() for name, file in files.items()} != expected:
            raise ValueError("its files are not those that its line tells of")
    except Exception as error:  # of many kinds: any byte may be wrong
        raise InvalidFileError(f"{path}: a damaged result ({error})") from error
    return line, files


def safe_name(name: str) -> str:
    """A name as a file name: letters, digits, dots, dashes and underscores.

    A name that had to be changed gets a few digits of its hash, so that two names never become one.
    """
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:100]
    return safe if safe and safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
