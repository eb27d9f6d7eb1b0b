"""One search from start to end: claims the run folder, starts what executes jobs, and stops it on a signal."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

from searchinr import __version__
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.engine.driver import Driver
from searchinr.engine.ledger import Ledger
from searchinr.engine.log import LOG, log_to
from searchinr.engine.run_folder import RunFolder
from searchinr.engine.search.search import Search
from searchinr.engine.view import RunView
from searchinr.engine.worker import run_job
from searchinr.errors import UserError
from searchinr.files import write_atomic
from searchinr.signals.datasets import Dataset, load_dataset
from searchinr.space import Resources, Space, dump_space, space_hash


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        folder: Its run folder.
        points: Operating points on record.
        front: Those of them that are on the front of their dataset.
        failed: Reasons of the trials that failed, by trial.
        interrupted: Whether it was asked to stop before it was done.
    """

    folder: RunFolder
    points: int
    front: int
    failed: Mapping[str, str]
    interrupted: bool


def run_search(
    space_file: Path,
    *,
    out: Path | None,
    workers: int | None = None,
    trials: int | None = None,
    seed: int | None = None,
    data_dir: Path | None = None,
    address: str | None = None,
) -> Outcome:
    """Runs a search, or continues it where the run folder holds a part of it.

    Args:
        space_file: The search space.
        out: The run folder; None means `runs/<name of the space>`.
        workers: Jobs at the same time; None means as many as the cores allow.
        trials: Instead of the space's number of trials.
        seed: Instead of the space's seed.
        data_dir: Where datasets are looked for first.
        address: `host:port` of a Ray to join, whose nodes all see the run folder; None starts one on this machine.

    Raises:
        UserError: The space, a dataset or the run folder is not usable. Nothing was started.
        OSError: The run folder's disk is full or gone, or Ray has died. What is recorded is safe.
    """
    space = _overridden(read_space(space_file), trials, seed)
    datasets = {entry.label: load_dataset(entry, data_dir) for entry in space.datasets}
    search = Search(space, list(datasets), canonicalise)
    folder = RunFolder(out or Path("runs") / space.name)
    folder.create()
    try:
        with ExitStack() as stack:
            stack.enter_context(folder.locked())
            folder.tidy()
            _claim(folder, space, datasets)
            stack.enter_context(log_to(folder.log))
            ledger = stack.enter_context(Ledger(folder.ledger))
            LOG.info("searchinr %s: %s, %d ledger lines on record", __version__, space.name, len(ledger.lines))
            workers = workers or max(1, int((os.cpu_count() or 1) / space.resources.cpu))
            run = Driver(folder, space, datasets, ledger, search, workers)
            _work(run, folder, space, datasets, workers, address)
    except (BrokenPipeError, ChildProcessError):  # no fault of the disk's
        raise
    except OSError as error:
        reason = (
            f"cannot be written any more ({error.strerror or error}); "
            "what is recorded is safe: mend that, and the same command again continues"
        )
        raise OSError(error.errno, reason, str(folder.path)) from error
    failures = {trial: reason for label in datasets for trial, reason in search.failures(label).items()}
    front = sum(len(search.front(label)) for label in datasets)
    return Outcome(folder, len(ledger.points()), front, failures, run.stopping and not search.finished)


def _work(
    run: Driver,
    folder: RunFolder,
    space: Space,
    datasets: Mapping[str, Dataset],
    workers: int,
    address: str | None,
) -> None:
    """Runs what is left of a search."""
    with run.following() as view:
        if run.finished():
            return
        from searchinr.engine.tune import run_jobs

        resources = _available(space.resources, view)
        with _stop_on_signal(run):
            run_jobs(
                run,
                run_job,
                run_dir=folder.path.resolve(),
                signals={label: dataset.signals for label, dataset in datasets.items()},
                resources=resources,
                workers=workers,
                address=address,
            )


def _overridden(space: Space, trials: int | None, seed: int | None) -> Space:
    changes = {key: value for key, value in (("trials", trials), ("seed", seed)) if value is not None}
    return space.model_copy(update={"search": space.search.model_copy(update=changes)})


def _available(resources: Resources, view: RunView) -> Resources:
    """What a trial takes of this machine: without a GPU, the same space runs on the CPU."""
    if resources.gpu > 0 and not torch.cuda.is_available():
        view.note("no GPU here: trials run on the CPU")
        return resources.model_copy(update={"gpu": 0.0})
    return resources


def _claim(folder: RunFolder, space: Space, datasets: Mapping[str, Dataset]) -> None:
    """Writes the space into a new folder, or makes sure that an old one holds the same search on the same data."""
    keys = {label: dataset.key for label, dataset in datasets.items()}
    header = f"# searchinr {space.name}: the space as run\n# identity: {_identity(space, keys)}\n"
    if folder.space.is_file():
        found = folder.space.read_text(encoding="utf-8").splitlines()
        if header.splitlines()[1] not in found[:2]:
            raise UserError(
                f"{folder.path}: holds a run of another space, or the same on changed data; "
                "choose another folder with --out, or restore the space"
            )
    write_atomic(folder.space, (header + dump_space(space)).encode())


def _identity(space: Space, keys: Mapping[str, str]) -> str:
    """What must not change when a run is continued: what `space_hash` covers, and the datasets' content."""
    return "-".join([space_hash(space)[:16], *(key[:8] for key in keys.values())])


@contextmanager
def _stop_on_signal(run: Driver) -> Iterator[None]:
    """SIGINT and SIGTERM (which Slurm and Kubernetes send) stop the run; a second one ends it at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        if run.stopping:
            raise KeyboardInterrupt
        run.stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        pass  # recorded results are safe, and checkpoints are at most a minute old
    except ChildProcessError:
        if not run.stopping:  # the signal went to Ray as well
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
