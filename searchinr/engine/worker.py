"""What runs on a worker: one job, that is one trial from its last checkpoint to its next rung."""

import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from searchinr.allocator import keep_freed_memory
from searchinr.engine.checkpoints import read_tensors, write_tensors
from searchinr.engine.run_folder import RunFolder
from searchinr.errors import TrialError
from searchinr.signals.signal import Signal
from searchinr.trial import Measurement, run_trial

CHECKPOINT_EVERY_S = 60.0
_MAX_REASON = 500  # characters of an exception's text that go into the ledger


def run_job(job: Mapping[str, Any], run_dir: Path, signals: Sequence[Signal]) -> None:
    """Runs a job and delivers its result, an operating point or a failure, to the run folder.

    Args:
        job: The fields of `engine.search.search.Job`, and `cpu`, `gpu`, `timeout_s` of the space's resources.
        run_dir: The run folder.
        signals: The job's dataset.
    """
    folder = RunFolder(run_dir)
    keep_freed_memory()
    torch.set_num_threads(max(1, int(job["cpu"])))
    device = torch.device("cuda" if job["gpu"] else "cpu")
    line = {key: job[key] for key in ("trial", "rung", "steps", "dataset", "codec", "params", "seed")}
    try:
        delivered = _run(job, folder, signals, device)
        if delivered is None:
            return
        folder.deliver(
            {"kind": "point", **line, "init": "scratch", **delivered.figures, "time": time.time()}, delivered.files
        )
        # After the delivery: a crash between the two repeats nothing that was recorded.
        write_tensors(folder.checkpoint(job["trial"]), delivered.checkpoint())
    except TrialError as error:
        folder.deliver({"kind": "failed", **line, "reason": str(error), "time": time.time()}, {})
    except OSError:
        raise  # the disk's fault, not the trial's: the driver decides
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"[:_MAX_REASON]
        folder.deliver({"kind": "failed", **line, "reason": reason, "time": time.time()}, {})


def _run(
    job: Mapping[str, Any], folder: RunFolder, signals: Sequence[Signal], device: torch.device
) -> Measurement | None:
    """The measurement at the job's rung, or None if the run was asked to stop before."""
    saved = time.monotonic()
    states = run_trial(
        job["codec"],
        job["params"],
        signals,
        [job["steps"]],
        seed=job["seed"],
        device=device,
        resume=read_tensors(folder.checkpoint(job["trial"])),
        timeout_s=job["timeout_s"],
    )
    for state in states:
        if isinstance(state, Measurement):
            return state
        stopping = folder.stop.exists()
        if stopping or time.monotonic() - saved > CHECKPOINT_EVERY_S:
            write_tensors(folder.checkpoint(job["trial"]), state.checkpoint())
            saved = time.monotonic()
        if stopping:
            return None
    raise TrialError(f"the checkpoint is already past step {job['steps']}")
