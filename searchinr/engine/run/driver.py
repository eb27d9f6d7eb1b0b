"""The driver of a search, which owns the ledger.

Workers deliver results into the run folder. Only the driver folds them into the ledger, keeps the files of the front,
and tells the search, MLflow and the view. Whatever is killed, the same command again continues from the ledger.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from searchinr.codecs.contract import Asset
from searchinr.engine.planning.estimate import compared_with_plan
from searchinr.engine.report.front import summary
from searchinr.engine.report.names import describe_asset
from searchinr.engine.report.page import DatasetReport, report_html
from searchinr.engine.report.write import write_figures
from searchinr.engine.results.opened import OpenedRun
from searchinr.engine.results.report import dataset_report
from searchinr.engine.run.assets import Assets
from searchinr.engine.run.deaths import Deaths
from searchinr.engine.run.progress import Progress
from searchinr.engine.store.asset_cache import AssetCache
from searchinr.engine.store.identity import read_identity
from searchinr.engine.store.ledger import Ledger
from searchinr.engine.store.run_folder import RunFolder, open_delivery, safe_name
from searchinr.engine.terminal.log import LOG
from searchinr.engine.terminal.view import RunView, ViewState
from searchinr.engine.tracking.record import Tracked
from searchinr.engine.tracking.tracker import Tracker
from searchinr.engine.workers.jobs import AnyJob, AssetJob
from searchinr.errors import InvalidFileError, NodeLostError, OutOfMemoryError
from searchinr.files import write_atomic
from searchinr.search.lines import (
    AssetBuilt,
    AssetFailed,
    AssetWork,
    Fit,
    FitFailed,
    FitLine,
    Line,
    OutOfMemory,
    Point,
    TrialStarted,
)
from searchinr.search.search import Job, Search
from searchinr.signals.datasets import Dataset
from searchinr.space import Choice, Domain, Metric, Range, Space

_MAX_DEATHS = 3  # of the workers of a job whose checkpoint does not get further; the loss of a node does not count
_GRACE_S = 20.0  # the time that running jobs have to write their checkpoints after an interrupt
_REDRAW_EVERY_S = 120.0  # so that whoever looks at MLflow meanwhile sees recent fronts


class Driver:
    """A search under way: it is the source of jobs for an executor, and folds results into the ledger."""

    def __init__(
        self,
        folder: RunFolder,
        space: Space,
        datasets: Mapping[str, Dataset],
        training: Mapping[str, Dataset],
        ledger: Ledger,
        search: Search,
        tell: Callable[[ViewState], None],
        *,
        live: bool = True,
        cache: Path | None = None,
    ) -> None:
        """Makes a driver that has done nothing yet, of a search to which no ledger line was told.

        The datasets are there by label, and their training signals by `training_name`. `tell` is called often with how
        far the run is, for those who look from elsewhere. Where `live`, a terminal may show one view that is drawn
        again and again; otherwise it shows plain lines. `cache` is where assets are kept for all runs, see
        `asset_cache.cache_folder`.
        """
        self._tell, self._live = tell, live
        self._folder, self._space, self._datasets = folder, space, datasets
        self._ledger, self._search = ledger, search
        keys = {label: dataset.key for label, dataset in {**datasets, **training}.items()}
        self._assets = Assets(folder, keys, AssetCache(cache, folder.path, self._warn), warn=self._warn)
        self._progress = Progress(space, search, {label: data.modality for label, data in datasets.items()})
        self._drawn = time.monotonic(), 0  # when the fronts were drawn last, and how many ledger lines there were
        self._deaths = Deaths(folder)
        self._error: OSError | None = None
        self._stop_at: float | None = None
        self.stopping = False
        self._tracker: Tracker | None = None
        self._view: RunView | None = None

    @contextmanager
    def following(self) -> Iterator[RunView]:
        """Replays the ledger, folds in what workers had delivered, and keeps MLflow and the view open for the block."""
        folder, space, identity = self._folder, self._space, read_identity(self._folder.identity)
        self._search.replay(self._ledger.lines)
        self._assets.replay(self._ledger.lines)
        with RunView(space.name, folder.path, live=self._live) as self._view:
            self._tracker = Tracker(
                folder,
                Tracked(
                    name=space.name,
                    key=str(folder.path.resolve()) if identity is None else identity.id,
                    modalities={label: dataset.modality for label, dataset in self._datasets.items()},
                    params=_flat(space),
                    max_steps=space.fidelity.rungs[-1],
                ),
                objectives=self._search.objectives,
                tracking_uri=space.mlflow.tracking_uri,
                warn=self._warn,
            )
            try:
                self._tracker.rebuild(self._ledger.lines)
                self._fold_deliveries()
                self._progress.start(self._ledger.lines)
                self._show()
                yield self._view
                if self._error is not None:
                    raise self._error
                self._draw_fronts(final=not self.stopping)
                if self._search.finished:
                    folder.trials.remove_tree()  # nothing is unfinished
                    if said := compared_with_plan(folder.plan, self._ledger.lines):
                        LOG.info("%s", said)
                        self._view.note(said)
                self._show()
            finally:
                self._tracker.close(interrupted=self.stopping and not self._search.finished)

    # ---- the source of jobs (engine.workers.executor.JobSource) ----

    def next_job(self, workers: int) -> AnyJob | None:
        """See `JobSource.next_job`."""
        if self.stopping:
            return None
        try:
            job = self._next_job(workers)
        except OSError as disk:
            self._give_up(disk)
            return None
        self._show()
        return job

    def _next_job(self, workers: int) -> AnyJob | None:
        while (job := self._assets.next_task(self._search.next_job, room=workers)) is not None:
            if isinstance(job, AssetJob):
                if (line := self._assets.from_cache(job)) is not None:
                    self._fold_asset(line)
                    self._assets.ended(job)
                    continue
                LOG.info("building %s: %s", job.asset, describe_asset(job))
                return job
            if self._has_result(job):  # a worker that was given up has delivered it while the job was parked
                continue
            if not self._ledger.has_trial(job.trial):  # before the job starts, or nobody could tell what it delivers
                self._append(TrialStarted(**job.shared(TrialStarted)))
            if (reason := self._assets.failure(job)) is None:
                LOG.info("%s started", _where(job))
                return job
            self._fail(job, reason)
        return None

    def asset(self, job: AnyJob) -> Asset | None:
        """See `JobSource.asset`."""
        return self._assets.asset(job)

    def finished(self) -> bool:
        """See `JobSource.finished`."""
        return self.stopping or self._search.finished

    def job_ended(self, job: AnyJob, error: Exception | None) -> None:
        """See `JobSource.job_ended`."""
        if self._error is None:
            try:
                self._fold_deliveries()
                if not self._has_result(job):
                    self._ended_without_result(job, error)
            except OSError as disk:
                self._give_up(disk)
        self._show()

    def tick(self) -> None:
        """See `JobSource.tick`."""
        if self._stop_at is not None and time.monotonic() > self._stop_at + _GRACE_S:
            raise KeyboardInterrupt
        at, lines = self._drawn
        if time.monotonic() > at + _REDRAW_EVERY_S and len(self._ledger.lines) > lines:
            self._draw_fronts(final=False)
        self._show()

    def abandon(self, reason: str) -> None:
        """See `JobSource.abandon`. What is recorded is on the disk already, and nothing else is worth waiting for."""
        LOG.error("%s", reason)
        if self._view is not None:
            self._view.__exit__(None, None, None)
        text = f"interrupted; the same command again continues {self._folder.path}" if self.stopping else reason
        print(f"searchinr: {text}", file=sys.stderr, flush=True)
        os._exit(130 if self.stopping else 1)  # the exit codes of the command line

    def stop(self) -> None:
        """Asks running jobs to write their checkpoints and to end, and starts no new ones."""
        LOG.info("asked to stop: running jobs write their checkpoints")
        self.stopping = True
        self._stop_at = time.monotonic()
        with suppress(OSError):  # if the disk is full, the jobs are ended without being asked
            self._folder.ask_to_stop()

    def _give_up(self, disk: OSError) -> None:
        """Stops because the disk is full or gone, so that nothing more can be recorded."""
        self._error = disk
        self.stop()

    def _warn(self, text: str) -> None:
        LOG.warning("%s", text)
        if self._view is not None:
            self._view.warn(text)

    # ---- results ----

    def _fold_deliveries(self) -> None:
        """Folds what workers have delivered into the ledger. It can be repeated after a crash at any point."""
        for path in self._folder.delivered():
            try:
                line, files = open_delivery(path)
                if isinstance(line, Fit) and not self._ledger.has_trial(line.trial):
                    raise InvalidFileError(f"{path}: of trial {line.trial}, which the ledger does not know")
            except InvalidFileError as error:
                path.set_aside()
                self._warn(f"{error}; it is set aside, and what is not on record is fitted again")
                continue
            if isinstance(line, AssetBuilt | AssetFailed):
                self._fold_asset(line)
            else:
                self._fold(line, files)
            path.unlink()
        for path in self._folder.damaged_checkpoints():
            self._warn(f"{path}: was a damaged checkpoint; its fit goes on from the one before, or from the start")
            path.unlink()

    def _fold(self, line: FitLine, files: Mapping[str, bytes]) -> None:
        """Folds in one result. It goes into the ledger first, because only what is there counts as done."""
        if not self._ledger.has(line):
            self._append(line)
            self._search.tell(line)
        if isinstance(line, OutOfMemory):  # its fit will go on from its checkpoints
            return
        front = [point for label in self._datasets for point in self._search.front(label)]
        if isinstance(line, Point) and any((point.trial, point.rung) == (line.trial, line.rung) for point in front):
            self._folder.keep_files(line, files)
        self._folder.drop_others(front)
        at_end = line.steps >= self._space.fidelity.rungs[-1]
        self._folder.drop_checkpoints(line, over=at_end or not isinstance(line, Point))

    def _fold_asset(self, line: AssetBuilt | AssetFailed) -> None:
        """Folds in what came of building an asset. An asset that was built again with the same content is not news."""
        if isinstance(line, AssetBuilt):
            self._assets.keep(line)  # before it is on record: files will need it
        if not self._ledger.has(line):
            self._append(line)
        self._folder.drop_building(line.asset)
        self._assets.tell(line)

    def _has_result(self, job: AnyJob) -> bool:
        """Whether the result of a job is on record, be it a failure. Not to be asked of a job that still runs."""
        if isinstance(job, AssetJob):
            return self._assets.ended(job)
        return self._ledger.has_result(job)

    def _ended_without_result(self, job: AnyJob, error: Exception | None) -> None:
        """Puts a job back, to go on from its last checkpoint. One that kills its workers again and again has failed."""
        if isinstance(error, OSError):
            raise error
        if isinstance(job, Job) and isinstance(error, OutOfMemoryError):  # its worker had no time to say so itself
            if job.alone:
                self._fail(job, f"{error}, though it ran alone")
                return
            self._fold(OutOfMemory(**job.shared(OutOfMemory), reason=str(error)), {})
        if isinstance(job, Job) and not job.alone and self._ledger.ran_out_of_memory(job):
            LOG.info("%s is put back, to run alone", _where(job))
            self._search.put_back(job)
            return
        if self.stopping or isinstance(error, NodeLostError) or (deaths := self._deaths.another(job)) < _MAX_DEATHS:
            why = "no result" if error is None else type(error).__name__
            if isinstance(job, Job):
                LOG.info("%s is put back (%s)", _where(job), why)
                self._search.put_back(job)
            else:  # by those that wait for it
                LOG.info("%s is left to be built again (%s)", job.asset, why)
            return
        LOG.warning("%s", error)
        died = f"its worker died {deaths} times"
        if isinstance(job, Job):
            self._fail(job, f"{died} before the next checkpoint: killed, crashed, or out of memory")
        else:
            reason = f"{died}: killed, crashed, or out of memory"
            self._fold_asset(AssetFailed(**job.shared(AssetFailed), reason=reason))

    def _fail(self, job: Job, reason: str) -> None:
        """Puts on record that the fit of a job has failed."""
        line = FitFailed(**job.shared(FitFailed), reason=reason)
        self._append(line)
        self._search.tell(line)
        self._folder.drop_checkpoints(line, over=True)

    def _append(self, line: Line) -> None:
        self._ledger.append(line)
        LOG.info("%s", _log_text(line, self._search.objectives.quality))
        if self._tracker is not None:
            self._tracker.log(line)

    def _draw_fronts(self, *, final: bool) -> None:
        """Draws the front of each dataset for the run folder and MLflow.

        Args:
            final: Whether to draw the whole report: classical codecs measured on the same files, which may take
                minutes, decoded signals, which parameters matter.
        """
        assert self._tracker is not None
        assert self._view is not None
        run = OpenedRun(self._folder, self._space, self._ledger.lines, self._search.objectives)
        for label, dataset in self._datasets.items():
            if not self._search.front(label):
                continue
            if final:
                self._view.note(f"measuring classical codecs on {label} and drawing the front")
            try:
                self._draw_front(run, label, dataset, final)
            except OSError:  # the disk is full or gone
                raise
            except Exception as error:  # the results are on record, and no drawing is worth ending a search
                LOG.exception("the front of %s cannot be drawn", label)
                self._view.note(f"the front of {label} cannot be drawn ({type(error).__name__}); log.txt says more")
        self._drawn = time.monotonic(), len(self._ledger.lines)

    def _draw_front(self, run: OpenedRun, label: str, dataset: Dataset, final: bool) -> None:
        assert self._tracker is not None
        folder = self._folder.report
        report = dataset_report(run, dataset, folder) if final else DatasetReport(run.front(label))
        page = folder / f"front-{safe_name(label)}.html"
        files = write_figures(folder, report)
        html = report_html(str(self._folder.path), self._space.name, [report], several=len(self._datasets) > 1)
        write_atomic(page, html.encode())
        self._tracker.log_report(label, [page, *files], summary(report.front))

    def _show(self) -> None:
        if self._view is not None:
            building = [describe_asset(job) for job in self._assets.building]
            state = self._progress.state(self._ledger.lines, building, parked=self._assets.parked)
            self._view.update(state)
            self._tell(state)


def _where(work: Fit | AssetWork) -> str:
    """Says in words what a job or a result is about."""
    if isinstance(work, AssetWork):
        return work.asset
    seed = f" with seed {work.seed}" if work.confirms else ""
    return f"trial {work.trial} at {work.steps} steps{seed}"


def _log_text(line: Line, quality: Metric) -> str:
    """Puts a ledger line into words."""
    match line:
        case TrialStarted():
            params = ", ".join(f"{key}={value}" for key, value in line.config.params.items())
            return f"trial {line.trial} on {line.dataset}: {line.config.codec} {params}"
        case FitFailed() | AssetFailed():
            return f"{_where(line)} failed: {line.reason}"
        case OutOfMemory():
            return f"{_where(line)} ran out of memory"
        case AssetBuilt(cached=True):
            return f"{_where(line)} is taken from the cache: {line.bytes} bytes, once {line.cost.train_s:.1f} s"
        case AssetBuilt():
            return f"{_where(line)} is built: {line.bytes} bytes, {line.cost.train_s:.1f} s"
        case _:
            return f"{_where(line)}: {line.rate:.3f} {line.rate_unit}, {quality.words(line)}"


def _flat(space: Space) -> dict[str, object]:
    """The space, as parameters of an MLflow run."""
    return {
        "sampler": space.search.sampler,
        "scheduler": space.search.scheduler,
        "trials": space.search.trials,
        "seed": space.search.seed,
        "rungs": " ".join(map(str, space.fidelity.rungs)),
        **{
            f"{codec}.{key}": _in_words(domain)
            for codec, domains in space.codecs.items()
            for key, domain in domains.items()
        },
    }


def _in_words(domain: Domain) -> str:
    """Puts a domain into words, e.g. ``"2 | 3 | 4"`` or ``"0.001 to 0.02, logarithmic"``."""
    if isinstance(domain, Choice):
        return " | ".join(map(str, domain.values))
    if isinstance(domain, Range):
        return f"{domain.low:g} to {domain.high:g}{', logarithmic' if domain.log else ''}"
    return str(domain)
