"""What runs on a worker: one job, that is one trial from its last checkpoint to its next rung, or an asset."""

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.engine.store.asset_files import write_asset
from searchinr.engine.store.place import Place
from searchinr.engine.store.run_folder import SharedFolder, fit_name, set_aside
from searchinr.engine.store.tensors import read_tensors, write_tensors
from searchinr.engine.workers import last_words
from searchinr.errors import InvalidFileError, OutOfMemoryError, TrialError, UserError
from searchinr.signals.signal import Signal
from searchinr.trial import Building, Measurement, Progress, build_asset, run_trial

CHECKPOINT_EVERY_S = 60.0
_LONGEST_END_S = 150.0  # from its announcement to the end of a machine: two minutes on AWS
_MAX_REASON = 500  # characters of an exception's text that go into the ledger

_State = TypeVar("_State", Progress, Building)


def run_job(
    job: Mapping[str, Any],
    shared: Place,
    signals: Sequence[Signal],
    asset: Asset | None,
    *,
    raises_bugs: bool = False,
) -> None:
    """Runs a job and delivers what comes of it: an operating point, an asset, or a failure.

    Args:
        job: The fields of `engine.search.search.Job` or `engine.assets.AssetJob`, and `cpu`, `gpu`, `timeout_s` of the
            space's resources.
        shared: Where the run is kept: its folder, or its storage.
        signals: The job's dataset, or what its asset is built from.
        asset: The asset that the job starts from, or None.
        raises_bugs: Whether an error that no fit explains is raised, with its traceback, instead of being delivered as
            a failure. A fit explains NaNs, a lack of memory or time, and parameters that do not go together.
    """
    folder = SharedFolder(shared)
    keep_freed_memory()
    torch.set_num_threads(max(1, int(job["cpu"])))
    device = torch.device("cuda" if job["gpu"] else "cpu")
    if device.type == "cuda":  # Ray only counts: nothing else keeps those who share a GPU to their part
        torch.cuda.set_per_process_memory_fraction(1.0 if job.get("alone") else min(1.0, job["gpu"]))
    if "trial" in job:
        _run_fit(job, folder, signals, asset, device, raises_bugs)
    else:
        _run_building(job, folder, signals, asset, device, raises_bugs)


def _run_fit(
    job: Mapping[str, Any],
    folder: SharedFolder,
    signals: Sequence[Signal],
    asset: Asset | None,
    device: torch.device,
    raises_bugs: bool,
) -> None:
    """One trial from its last checkpoint to its next rung."""
    line = {key: job[key] for key in ("trial", "rung", "steps", "dataset", "codec", "params", "seed")}
    line |= {"confirms": True} if job["confirms"] else {}
    with _delivering_failures(folder, {"kind": "failed", **line}, raises_bugs, retried_alone=not job["alone"]):
        resume = _last_checkpoint(job, folder)
        measured = _run(job, folder, resume, signals, asset, device)
        if measured is None:
            return
        line["resumed_at"] = 0 if resume is None else int(resume["steps"])
        if not job["confirms"]:  # which has no further rung
            # Before the delivery: what is recorded can always be gone on from.
            write_tensors(folder.checkpoint(fit_name(job), job["rung"]), measured.checkpoint())
        line |= {"kind": "confirmation" if job["confirms"] else "point", **measured.figures}
        folder.deliver({**line, "time": time.time()}, measured.files)


def _run_building(
    job: Mapping[str, Any],
    folder: SharedFolder,
    signals: Sequence[Signal],
    base: Asset | None,
    device: torch.device,
    raises_bugs: bool,
) -> None:
    """One asset, from its last checkpoint to its end."""
    keys = ("asset", "name", "dataset", "built_from", "codec", "params", "needed_to_decode", "seed")
    line = {key: job[key] for key in keys} | ({"confirms": True} if job["confirms"] else {})
    spec = AssetSpec(**{each.name: job[each.name] for each in fields(AssetSpec)})
    checkpoint = folder.checkpoint_under_way(job["asset"], 0)
    with _delivering_failures(folder, {"kind": "asset_failed", **line}, raises_bugs):
        resume = _first_whole([checkpoint])
        states = build_asset(job["codec"], spec, signals, seed=job["seed"], device=device, base=base, resume=resume)
        for state in _checkpointed(states, checkpoint, folder):
            if state.asset is not None:
                # Before the delivery: what is recorded can always be used.
                size = write_asset(folder.asset(job["asset"]), job["codec"], state.asset)
                line |= {"sha256": state.asset.sha256, "bytes": size, "cost": state.cost}
                line["resumed_at"] = 0 if resume is None else int(resume["steps"])
                folder.deliver({"kind": "asset", **line, "time": time.time()}, {})
                return


@contextmanager
def _delivering_failures(
    folder: SharedFolder, line: Mapping[str, Any], raises_bugs: bool, *, retried_alone: bool = False
) -> Iterator[None]:
    """Delivers why the block has failed, if it does. The fault of a disk is not the trial's: it is raised.

    Args:
        folder: Where to deliver it.
        line: What is known of the failure.
        raises_bugs: See `run_job`.
        retried_alone: Whether a fit that runs out of memory is tried again, and has not failed for good.
    """
    try:
        yield
    except OutOfMemoryError as error:
        reason = str(error) if retried_alone or "trial" not in line else f"{error}, though it ran alone"
        line = {**line, "kind": "out_of_memory"} if retried_alone else line
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
    folder.deliver({**line, "reason": reason, "time": time.time()}, {})


def _last_checkpoint(job: Mapping[str, Any], folder: SharedFolder) -> dict[str, Tensor] | None:
    """From where a fit goes on: where it was interrupted, else the rung below; None: from the start."""
    fit, rung = fit_name(job), job["rung"]
    paths = [folder.checkpoint_under_way(fit, rung)]
    if rung > 0 and not job["confirms"]:
        paths.append(folder.checkpoint(fit, rung - 1))
    return _first_whole(paths)


def _first_whole(checkpoints: Sequence[Place]) -> dict[str, Tensor] | None:
    """The first of these checkpoints that is there; None if there is none.

    A damaged checkpoint is set aside, for the driver to tell of.
    """
    for path in checkpoints:
        try:
            tensors = read_tensors(path)
        except InvalidFileError:
            set_aside(path)
            continue
        if tensors is not None:
            return tensors
    return None


def _run(
    job: Mapping[str, Any],
    folder: SharedFolder,
    resume: Mapping[str, Tensor] | None,
    signals: Sequence[Signal],
    asset: Asset | None,
    device: torch.device,
) -> Measurement | None:
    """The measurement at the job's rung, or None if the run was asked to stop before."""
    states = run_trial(
        job["codec"],
        job["params"],
        signals,
        [job["steps"]],
        seed=job["seed"],
        device=device,
        asset=asset,
        resume=resume,
        timeout_s=job["timeout_s"],
    )
    for state in _checkpointed(states, folder.checkpoint_under_way(fit_name(job), job["rung"]), folder):
        if isinstance(state, Measurement):
            return state
    if folder.asked_to_stop():
        return None
    raise TrialError(f"the checkpoint is already past step {job['steps']}")


def _checkpointed(states: Iterator[_State], path: Place, folder: SharedFolder) -> Iterator[_State]:
    """Passes on the states of a fit or a building, and writes their checkpoints, one a minute at the least.

    Ends early where the run is asked to stop; where the machine announces its end, it waits to be killed. Neither
    happens before a checkpoint is written.
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
