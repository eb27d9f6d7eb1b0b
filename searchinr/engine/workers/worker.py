"""Runs one job: either a trial, from its last checkpoint to its next rung, or the building of an asset."""

import time
import traceback
from bdb import BdbQuit
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

import torch

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.contract import Asset
from searchinr.engine.store.asset_files import write_asset
from searchinr.engine.store.place import Place
from searchinr.engine.store.run_folder import Delivered, SharedFolder
from searchinr.engine.store.tensors import read_tensors, write_tensors
from searchinr.engine.workers import last_words
from searchinr.engine.workers.jobs import AnyJob, AssetJob
from searchinr.errors import OutOfMemoryError, TrialError, UserError
from searchinr.search.lines import AssetBuilt, AssetFailed, Confirmation, FitFailed, OutOfMemory, Point
from searchinr.search.search import Job
from searchinr.signals.signal import Signal
from searchinr.space import Resources
from searchinr.trial import Building, Measurement, TrialProgress, build_asset, run_trial

CHECKPOINT_EVERY_S = 60.0
_LONGEST_END_S = 150.0  # between the announcement and the end of a machine; AWS takes two minutes
_MAX_REASON = 500  # so many characters of an exception's text go into the ledger

_State = TypeVar("_State", TrialProgress, Building)


def run_job(
    job: AnyJob,
    resources: Resources,
    shared: Place,
    signals: Mapping[str, Sequence[Signal]],
    asset: Asset | None,
    *,
    raises_bugs: bool = False,
) -> None:
    """Runs a job, and delivers what comes of it: an operating point, an asset, or a failure.

    Args:
        job: What is to be done.
        resources: What the space gives to each job.
        shared: Where the run is kept: its folder, or its storage.
        signals: The signals of the job's dataset, or those from which its asset is built, by label; others as well.
        asset: The asset that the job starts from, or None.
        raises_bugs: Whether an error that no fit explains is raised, with its traceback, instead of being delivered as
            a failure. A fit explains NaNs, a lack of memory or time, and parameters that do not go together.
    """
    folder = SharedFolder(shared)
    keep_freed_memory()
    torch.set_num_threads(max(1, int(resources.cpu)))
    device = torch.device("cuda" if resources.gpu else "cpu")
    alone = isinstance(job, Job) and job.alone
    if device.type == "cuda":  # Ray only counts, and keeps nobody who shares a GPU to their part of it
        torch.cuda.set_per_process_memory_fraction(1.0 if alone else min(1.0, resources.gpu))
    with _delivering_failures(folder, job, raises_bugs):
        if isinstance(job, Job):
            _run_fit(job, resources.timeout_s, folder, signals[job.dataset], asset, device)
        else:
            _run_building(job, folder, signals[job.built_from], asset, device)


def _run_fit(
    job: Job,
    timeout_s: float | None,
    folder: SharedFolder,
    signals: Sequence[Signal],
    asset: Asset | None,
    device: torch.device,
) -> None:
    """Runs one trial from its last checkpoint to its next rung."""
    under_way = folder.checkpoint_under_way(job.fit_name, job.rung)
    # It goes on where it was interrupted, or else from the rung below. A confirmation has no other rung.
    below = [] if job.confirms or job.rung == 0 else [folder.checkpoint(job.fit_name, job.rung - 1)]
    start = partial(
        run_trial, job.config, signals, [job.steps], seed=job.seed, device=device, asset=asset, timeout_s=timeout_s
    )
    states, resumed_at = _resumed(start, [under_way, *below])
    checkpointed = _checkpointed(states, under_way, folder)
    measured = next((state for state in checkpointed if isinstance(state, Measurement)), None)
    if measured is None:
        return  # it was asked to stop
    if not job.confirms:
        # This comes before the delivery, so that a fit can go on from whatever is on record.
        write_tensors(folder.checkpoint(job.fit_name, job.rung), measured.checkpoint())
    kind = Confirmation if job.confirms else Point
    line = kind(**job.shared(kind), **vars(measured.figures), resumed_at=resumed_at)
    folder.deliver(line, measured.files)


def _run_building(
    job: AssetJob, folder: SharedFolder, signals: Sequence[Signal], base: Asset | None, device: torch.device
) -> None:
    """Builds one asset, from its last checkpoint to its end."""
    codec = job.config.codec
    checkpoint = folder.checkpoint_under_way(job.asset, 0)
    start = partial(build_asset, codec, job.spec, signals, seed=job.seed, device=device, base=base)
    states, resumed_at = _resumed(start, [checkpoint])
    for state in _checkpointed(states, checkpoint, folder):
        if state.asset is not None:
            # The asset is written before the delivery, so that whatever is on record can be used.
            line = AssetBuilt(
                **job.shared(AssetBuilt),
                sha256=state.asset.sha256,
                bytes=write_asset(folder.asset(job.asset), codec, state.asset),
                cost=state.cost,
                resumed_at=resumed_at,
            )
            folder.deliver(line, {})
            return


@contextmanager
def _delivering_failures(folder: SharedFolder, job: AnyJob, raises_bugs: bool) -> Iterator[None]:
    """Delivers why a job has failed, if it does so in the block. The fault of a disk is not the trial's: it is raised.

    For `raises_bugs` see `run_job`.
    """
    out_of_memory = False
    try:
        yield
    except OutOfMemoryError as error:
        reason, out_of_memory = str(error), True
    except TrialError as error:
        reason = str(error)
    except OSError:
        raise
    except Exception as error:
        if raises_bugs and not isinstance(error, UserError):
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"[:_MAX_REASON]
    else:
        return
    line: Delivered
    if isinstance(job, AssetJob):
        line = AssetFailed(**job.shared(AssetFailed), reason=reason)
    elif out_of_memory and not job.alone:  # it is tried again
        line = OutOfMemory(**job.shared(OutOfMemory), reason=reason)
    else:
        line = FitFailed(**job.shared(FitFailed), reason=f"{reason}, though it ran alone" if out_of_memory else reason)
    folder.deliver(line, {})


def _resumed(start: Callable[..., Iterator[_State]], checkpoints: Sequence[Place]) -> tuple[Iterator[_State], int]:
    """The states of a fit or a building that goes on from the first checkpoint from which it can, or begins.

    A checkpoint that is damaged, or from which no such work can go on, is set aside, and the driver tells of it.

    Args:
        start: Begins the work; from a checkpoint, if it is given one as `resume`.
        checkpoints: Where one may be.

    Returns:
        The states; and the step of the checkpoint, or 0.
    """
    for path in checkpoints:
        try:
            if (tensors := read_tensors(path)) is None:
                continue
            states = start(resume=tensors)
            first = next(states)  # it is read by then; where it is past the end of the work, there is none
            return chain([first], states), int(tensors["steps"])
        except (TrialError, OSError, BdbQuit):
            raise
        except Exception:  # of whatever kind: it may hold anything, under a right checksum
            path.set_aside()
    return start(resume=None), 0


def _checkpointed(states: Iterator[_State], path: Place, folder: SharedFolder) -> Iterator[_State]:
    """Passes on the states of a fit or a building, and writes a checkpoint of them at least once a minute.

    If the run is asked to stop, the states end early. If the machine announces its end, this waits to be killed. In
    both cases a checkpoint is written before.
    """
    saved = time.monotonic()
    for state in states:
        yield state
        stopping, ending = folder.asked_to_stop(), last_words.announced()
        if stopping or ending or time.monotonic() - saved > CHECKPOINT_EVERY_S:
            write_tensors(path, state.checkpoint())
            saved = time.monotonic()
        if ending:
            last_words.wait_for_it(_LONGEST_END_S)
        if stopping:
            return
