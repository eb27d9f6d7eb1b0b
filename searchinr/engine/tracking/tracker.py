"""Keeps MLflow in step with the ledger. The only writer is a thread of the driver, for which the driver never waits."""

import os
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from searchinr.addresses import malformed, shown
from searchinr.engine.report.anytime import Anytime
from searchinr.engine.report.confirmation import Confirmations, is_confirmation
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.tracking.own_store import make_store, sqlite_address
from searchinr.engine.tracking.record import MlflowRecord, Tracked, import_quietly, is_temporary
from searchinr.errors import UserError
from searchinr.search.lines import AssetBuilt, AssetFailed, FitFailed, Line, Point, TrialStarted
from searchinr.search.objectives import Objectives

_RETRY_S = 15.0  # between attempts to reach a server


def tracking_address(folder: RunFolder, tracking_uri: str | None) -> str:
    """The MLflow store of a run: `tracking_uri`, else `MLFLOW_TRACKING_URI`, else a database in the run folder.

    Raises:
        UserError: What is given is no address.
    """
    given = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not given:
        return local_store(folder)
    if (reason := malformed(given)) is not None:
        raise UserError(f"MLflow's tracking URI {shown(given)}: {reason}; allowed is http://HOST:PORT, for example")
    return given


def local_store(folder: RunFolder) -> str:
    """The address of the database in the run folder."""
    return sqlite_address(folder.mlflow_db.resolve())


class Tracker:
    """Writes a run into MLflow. If something goes wrong there, the driver only gets a line of warning.

    Everything follows from the ledger's lines, in their order, and nothing that MLflow has already is logged again: so
    handing over the whole ledger completes a record, or rebuilds one that is lost.
    """

    def __init__(
        self,
        folder: RunFolder,
        run: Tracked,
        *,
        objectives: Objectives,
        tracking_uri: str | None,
        warn: Callable[[str], None],
    ) -> None:
        """Imports MLflow and starts the thread.

        Args:
            folder: The run folder.
            run: The description of the run for MLflow.
            objectives: The run's objectives.
            tracking_uri: See `tracking_address`.
            warn: Called from the thread with one line when MLflow is out of reach or refuses something.
        """
        uri = tracking_address(folder, tracking_uri)
        self._record = MlflowRecord(
            uri, folder.mlflow_artifacts if uri == local_store(folder) else None, run, self._tell
        )
        self._shown_uri = shown(uri).rstrip("/") if uri.startswith("http") else shown(uri).rpartition("/")[2]
        self._warn = warn
        self._anytime = {dataset: Anytime(objectives) for dataset in run.modalities}
        self._confirmations = {dataset: Confirmations(objectives.quality) for dataset in run.modalities}
        self._reports: dict[str, tuple[Sequence[Path], str]] = {}  # the newest of each dataset that is not logged yet
        self._troubles: set[str] = set()  # those that were reported already
        # not in the thread, since two threads that import packages at once may see a half-imported module
        import_quietly()
        self._closing = threading.Event()
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        if uri == local_store(folder):
            self._tasks.put(partial(self._make_store, folder))
        self._thread = threading.Thread(target=self._work, name="mlflow-writer", daemon=True)
        self._complete = False
        self._thread.start()

    def log(self, line: Line) -> None:
        """Hands over one ledger line."""
        record, put, dataset = self._record, self._tasks.put, line.dataset
        if is_confirmation(line):
            put(partial(record.log_confirmation, line, self._confirmations[dataset].add(line)))
            return
        match line:
            case TrialStarted():
                put(partial(record.log_trial, line))
            case FitFailed():
                put(partial(record.log_failure, line))
            case AssetBuilt() | AssetFailed():
                if isinstance(line, AssetBuilt):
                    self._anytime[dataset].spend(line)
                put(partial(record.log_asset, line))
            case Point():
                put(partial(record.log_point, line))
                put(partial(record.log_moment, line, self._anytime[dataset].add(line)))

    def rebuild(self, lines: Iterable[Line]) -> None:
        """Hands over a whole ledger, before anything else."""
        for line in lines:
            self.log(line)

    def log_report(self, dataset: str, files: Sequence[Path], summary: str) -> None:
        """Attaches the files of a report to the dataset's parent run, see `MlflowRecord.log_report`.

        If the thread is behind, only the newest report is attached.
        """
        self._reports[dataset] = files, summary
        self._tasks.put(lambda: self._log_report(dataset))

    def close(self, *, interrupted: bool = False, timeout_s: float = 30.0) -> bool:
        """Ends the runs and the thread; a search that was stopped before it was done is `interrupted`.

        Returns:
            Whether everything was written within the time. The rest is written when the run is continued.
        """
        self._tasks.put(lambda: self._record.end(interrupted=interrupted))
        self._tasks.put(None)
        self._closing.set()
        self._thread.join(timeout_s)
        if not self._complete and not self._troubles:
            self._tell(
                f"MLflow at {self._shown_uri} was too slow for all results; the same command again adds the rest"
            )
        return self._complete

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if not self._attempt(task):
                return
        self._complete = True

    def _attempt(self, task: Callable[[], None]) -> bool:
        """Repeats a task until it succeeds or is refused; False if MLflow is out of reach while closing."""
        while True:
            is_last = self._closing.is_set()
            try:
                task()
                return True
            except Exception as error:
                # only the kind of error is reported, since its text may quote the address with a password
                kind = getattr(error, "error_code", None) or type(error).__name__
                if not is_temporary(error):
                    self._tell(f"MLflow at {self._shown_uri} does not take some entries ({kind}); the ledger has them")
                    return True
                self._tell(
                    f"MLflow at {self._shown_uri} cannot be reached ({kind}); the run goes on, "
                    "and continuing it adds what MLflow lacks"
                )
            if is_last:
                return False
            self._closing.wait(_RETRY_S)

    def _tell(self, trouble: str) -> None:
        if trouble not in self._troubles:
            self._troubles.add(trouble)
            self._warn(trouble)

    def _make_store(self, folder: RunFolder) -> None:
        name = folder.mlflow_db.name
        if make_store(folder.mlflow_db, folder.mlflow_artifacts):
            self._warn(f"{name} could not be opened; it is now {name}.damaged, and made again from the ledger")

    def _log_report(self, dataset: str) -> None:
        newest = self._reports.get(dataset)
        if newest is None:  # the files of a newer call are logged already
            return
        self._record.log_report(dataset, *newest)
        if self._reports.get(dataset) is newest:
            del self._reports[dataset]
