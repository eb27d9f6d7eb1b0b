"""What runs on a worker: one job, that is one trial from its last checkpoint to its next rung."""

import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from searchinr.allocator import keep_freed_memory
from searchinr.engine.checkpoints import read_tensors, write_tensors
from searchinr.engine.run_folder import SharedFolder, fit_name, set_aside
from searchinr.engine.storage import Place
from searchinr.errors import InvalidFileError, TrialError
from searchinr.signals.signal import Signal
from searchinr.trial import Measurement, run_trial

CHECKPOINT_EVERY_S = 60.0
_MAX_REASON = 500  # characters of an exception's text that go into the ledger


def run_job(job: Mapping[str, Any], shared: Place, signals: Sequence[Signal]) -> None:
    """Runs a job and delivers its result, an operating point or a failure.

    Args:
        job: The fields of `engine.search.search.Job`, and `cpu`, `gpu`, `timeout_s` of the space's resources.
        shared: Where the run is kept: its folder, or its storage.
        signals: The job's dataset.
    """
    folder = SharedFolder(shared)
    keep_freed_memory()
    torch.set_num_threads(max(1, int(job["cpu"])))
    device = torch.device("cuda" if job["gpu"] else "cpu")
    line = {key: job[key] for key in ("trial", "rung", "steps", "dataset", "codec", "params", "seed")}
    line |= {"confirms": True} if job["confirms"] else {}
    try:
        resume = _last_checkpoint(job, folder)
        measured = _run(job, folder, resume, signals, device)
        if measured is None:
            return
        line["resumed_at"] = 0 if resume is None else int(resume["steps"])
        if not job["confirms"]:  # which has no further rung
            # Before the delivery: what is recorded can always be gone on from.
            write_tensors(folder.checkpoint(fit_name(job), job["rung"]), measured.checkpoint())
        line |= {"kind": "confirmation" if job["confirms"] else "point", "init": "scratch", **measured.figures}
        folder.deliver({**line, "time": time.time()}, measured.files)
    except TrialError as error:
        folder.deliver({"kind": "failed", **line, "reason": str(error), "time": time.time()}, {})
    except OSError:
        raise  # the disk's fault, not the trial's: the driver decides
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"[:_MAX_REASON]
        folder.deliver({"kind": "failed", **line, "reason": reason, "time": time.time()}, {})


def _last_checkpoint(job: Mapping[str, Any], folder: SharedFolder) -> dict[str, Tensor] | None:
    """From where the job goes on: where it was interrupted, else the rung below; None: from the start.

    A damaged checkpoint is set aside, for the driver to tell of.
    """
    fit, rung = fit_name(job), job["rung"]
    paths = [folder.checkpoint_under_way(fit, rung)]
    if rung > 0 and not job["confirms"]:
        paths.append(folder.checkpoint(fit, rung - 1))
    for path in paths:
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
    device: torch.device,
) -> Measurement | None:
    """The measurement at the job's rung, or None if the run was asked to stop before."""
    checkpoint = folder.checkpoint_under_way(fit_name(job), job["rung"])
    saved = time.monotonic()
    states = run_trial(
        job["codec"],
        job["params"],
        signals,
        [job["steps"]],
        seed=job["seed"],
        device=device,
        resume=resume,
        timeout_s=job["timeout_s"],
    )
    for state in states:
        if isinstance(state, Measurement):
            return state
        stopping = folder.asked_to_stop()
        if stopping or time.monotonic() - saved > CHECKPOINT_EVERY_S:
            write_tensors(checkpoint, state.checkpoint())
            saved = time.monotonic()
        if stopping:
            return None
    raise TrialError(f"the checkpoint is already past step {job['steps']}")
