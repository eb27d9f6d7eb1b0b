"""Runs one search from start to end.

It claims the run folder, chooses what executes the jobs, and stops the search in an orderly way on a signal.
"""

import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType

import torch

from searchinr.codecs.registry import CODECS
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.engine.run.driver import Driver
from searchinr.engine.store.asset_cache import cache_folder
from searchinr.engine.store.identity import RunIdentity, read_identity
from searchinr.engine.store.lease import Lease
from searchinr.engine.store.ledger import Ledger
from searchinr.engine.store.place import Place, parse_place
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.stored_run import IDENTITY, StoredRun, short_hash
from searchinr.engine.store.training import training_signals
from searchinr.engine.terminal.log import LOG, log_to
from searchinr.engine.terminal.view import RunView, ViewState
from searchinr.engine.workers.executor import Executor
from searchinr.engine.workers.in_process import run_in_process
from searchinr.engine.workers.worker import run_job
from searchinr.errors import SearchInterrupted, UserError
from searchinr.search.search import Search
from searchinr.signals.datasets import Dataset, load_dataset
from searchinr.signals.registry import metrics_of
from searchinr.space import OF_FILES, Resources, Space, dump_space
from searchinr.version import __version__


def run_search(
    source: Path | Mapping[str, object],
    *,
    out: Path | None,
    workers: int | None = None,
    trials: int | None = None,
    seed: int | None = None,
    data_dir: Path | None = None,
    address: str | None = None,
    storage: str | None = None,
    debug: bool = False,
    assets_dir: Path | None = None,
) -> RunFolder:
    """Runs a search, or continues it where the run folder holds a part of it.

    The arguments are those of `searchinr.search`. The nodes of a Ray to join all see the storage, or the run folder if
    there is none. With `debug` the view is plain lines, so that a debugger has the terminal, and an error that no fit
    explains is raised with its traceback instead of being recorded.

    Returns:
        The folder of the finished run.

    Raises:
        SearchInterrupted: It was asked to stop before it was done.
        UserError: The space, a dataset or the run folder is not usable, no Ray answers at the address, or `debug` is
            asked for with workers. Nothing was started.
        OSError: The run folder's disk is full or gone, or Ray has died. What is recorded is safe.
    """
    for option, found in (("--workers", None if workers == 1 else workers), ("--address", address)):
        if debug and found is not None:
            raise UserError(f"{option}: {found} found with --debug, which fits one trial at a time here; leave it out")
    if address is not None and address != "auto" and not _is_host_and_port(address):
        raise UserError(
            f"--address: {address} found; allowed are HOST:PORT and auto, with a port from 1024 to 65535, on a node of "
            "that cluster: through ray:// Ray Tune runs the search at the other end, away from its ledger; from here "
            "submit it, with --cluster FILE or `ray job submit`"
        )
    kept = None if storage is None else parse_place(storage)
    space = read_space(source).overridden(trials, seed)
    datasets = {entry.label: load_dataset(entry, data_dir) for entry in space.datasets}
    _check_modalities(space, datasets)
    training = training_signals(space, datasets, data_dir)
    cache = cache_folder(assets_dir)
    search = Search(space, list(datasets), canonicalise)
    if address is not None:
        from searchinr.engine.workers.joined_ray import check_answers  # which imports Ray

        check_answers(address)
    path = out or Path("runs") / space.name
    folder = RunFolder(path, None if kept is None else kept / path.resolve().name)
    folder.create()
    try:
        with ExitStack() as stack:
            stack.enter_context(folder.locked())
            lease = None if folder.stored is None else stack.enter_context(_on_storage(folder, folder.stored))
            folder.tidy()
            _claim(folder, space, datasets | training)
            if folder.stored is not None:
                folder.stored.bring_together(folder.path)
            stack.enter_context(log_to(folder.log))
            ledger = stack.enter_context(Ledger(folder.ledger, _stored_by(folder, lease)))
            LOG.info("searchinr %s: %s, %d ledger lines on record", __version__, space.name, len(ledger.lines))
            run = Driver(
                folder, space, datasets, training, ledger, search, _told_by(lease), live=not debug, cache=cache
            )
            _work(run, folder, space, datasets | training, workers, address, debug)
    except (BrokenPipeError, ChildProcessError):  # no fault of the disk's
        raise
    except OSError as error:
        reason = (
            f"cannot be written any more ({error.strerror or error}); "
            "what is recorded is safe: mend that, and the same command again continues"
        )
        raise OSError(error.errno, reason, str(folder.shared)) from error
    if run.stopping and not search.finished:
        raise SearchInterrupted(folder.path)
    return folder


def _work(
    run: Driver,
    folder: RunFolder,
    space: Space,
    datasets: dict[str, Dataset],
    workers: int | None,
    address: str | None,
    debug: bool,
) -> None:
    """Runs what is left of a search. The training signals are among the datasets."""
    with run.following() as view:
        for dataset in datasets.values():
            if dataset.uncounted:
                view.note(dataset.uncounted)
        if run.finished():
            return
        execute: Executor = run_in_process
        if not debug:
            from searchinr.engine.workers.tune import run_on_ray  # which imports Ray

            execute = partial(run_on_ray, workers=workers, address=address)
        with _stop_on_signal(run):
            execute(
                run,
                partial(run_job, raises_bugs=debug),
                space.resources if address else _available(space.resources, view),
                folder.shared if folder.stored else folder.path.resolve(),
                {label: dataset.signals for label, dataset in datasets.items()},
            )


def _available(resources: Resources, view: RunView) -> Resources:
    """What a trial takes of this machine. If there is no GPU here, the trials run on the CPU."""
    if resources.gpu > 0 and not torch.cuda.is_available():
        view.note("no GPU here: trials run on the CPU")
        return resources.model_copy(update={"gpu": 0.0})
    return resources


def _is_host_and_port(address: str) -> bool:
    """Whether an address of a Ray is written as one; Ray takes no port below 1024."""
    found = re.fullmatch(r"([^/\s:]+|\[[^/\s]+\]):(\d{4,5})", address)
    return found is not None and 1024 <= int(found[2]) < 2**16


def _check_modalities(space: Space, datasets: Mapping[str, Dataset]) -> None:
    """Makes sure that every dataset has what the space asks for, before anything starts; `UserError` if not."""
    for label, dataset in datasets.items():
        measured = [metric.name for metric in metrics_of(dataset.modality)]
        for section, names in (("objectives", space.objectives), ("constraints", space.constraints or {})):
            missing = [name for name in names if name not in (*measured, *OF_FILES)]
            if missing:
                raise UserError(
                    f"{section}: {missing[0]!r} is not measured for {dataset.modality} (dataset {label}); choose among "
                    f"{', '.join((*measured, *OF_FILES))}"
                )
        for codec in space.codecs:
            for layout in {each.layout for each in dataset.signals}:
                if (reason := CODECS[codec].refusal(layout)) is not None:
                    raise UserError(f"codecs: {codec} cannot code dataset {label}: {reason}")


def _claim(folder: RunFolder, space: Space, datasets: Mapping[str, Dataset]) -> None:
    """Writes space and identity into a new folder, or checks that an old one holds the same search on the same data.

    Which these are says a line of the space file: it covers the space's hash and the datasets' content.
    """
    mine = f"{IDENTITY}{short_hash(space)}-"
    line = mine + "-".join(dataset.key[:8] for dataset in datasets.values())
    stored = folder.stored
    places: list[tuple[Place, Place]] = [(folder.space, folder.identity)]
    places += [(stored.space, stored.identity)] if stored else []
    known = next((found for _, place in reversed(places) if (found := read_identity(place)) is not None), None)
    for place, _ in places:
        head = place.read_bytes().decode().splitlines()[:2] if place.exists() else [line]
        if line not in head:
            changes = _changes(known, datasets) if known and any(found.startswith(mine) for found in head) else ""
            raise UserError(
                f"{folder.path if place == folder.space else folder.shared}: holds a run of another space, or the same "
                f"on changed data{changes}; choose another folder with --out, or restore the space"
            )
    if known is None and not folder.ledger.exists():  # a run that began without an id goes on without
        known = RunIdentity.new(datasets)
    for place, identity in places:
        place.write_whole(f"# searchinr {space.name}: the space as run\n{line}\n{dump_space(space)}".encode())
        if known is not None and read_identity(identity) != known:
            identity.write_whole(known.model_dump_json().encode())


def _changes(known: RunIdentity, datasets: Mapping[str, Dataset]) -> str:
    """Which signals have changed since a run began, in brackets; empty if none is known to."""
    changes = [(label, *change) for label, data in datasets.items() for change in known.changes(label, data).items()]
    named = [f"{name} of {label} {what}" for label, name, what in changes]
    return f" ({', '.join(named[:3])}{', ...' * (len(named) > 3)})" if named else ""


@contextmanager
def _on_storage(folder: RunFolder, stored: StoredRun) -> Iterator[Lease]:
    """Makes this process the only driver of a run on a storage, and copies report and log there in the end."""
    lease = Lease(stored.place, folder.path, lambda text: print(f"searchinr: {text}", file=sys.stderr, flush=True))
    with lease.held():
        try:
            yield lease
        finally:
            with suppress(OSError):  # report and log are not needed to continue
                lease.check()
                stored.push(folder.path)


def _stored_by(folder: RunFolder, lease: Lease | None) -> Callable[[int, bytes], None] | None:
    """The function that adds a line to the ledger on the storage; None if there is no storage."""
    if folder.stored is None or lease is None:
        return None
    ledger = folder.stored.ledger

    def store(number: int, row: bytes) -> None:
        lease.check()
        ledger.append(number, row, folder.ledger)

    return store


def _told_by(lease: Lease | None) -> Callable[[ViewState], None]:
    """The function that tells those who look from elsewhere how far the run is. Without a storage it does nothing."""
    return lambda state: None if lease is None else lease.tell(partial(asdict, state))


@contextmanager
def _stop_on_signal(run: Driver) -> Iterator[None]:
    """Makes SIGINT and SIGTERM, which Slurm and Kubernetes send, stop the run. A second signal ends it at once.

    In a thread other than the main one signals cannot be handled, and have the effect that they had before.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        if run.stopping:
            raise KeyboardInterrupt
        run.stop()

    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    except KeyboardInterrupt:
        pass  # what is recorded is safe, and the checkpoints are at most a minute old
    except ChildProcessError:
        if not run.stopping:  # a signal that went to the whole process group has ended Ray too
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
