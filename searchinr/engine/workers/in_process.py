"""An executor without Ray: one job after another, in this process and its main thread, so that a debugger works."""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from searchinr.engine.store.place import Place
from searchinr.engine.workers.executor import JobSource, RunJob
from searchinr.signals.signal import Signal
from searchinr.space import Resources


def run_in_process(
    source: JobSource, run_job: RunJob, resources: Resources, shared: Place, signals: Mapping[str, Sequence[Signal]]
) -> None:
    """Runs each job where the run itself is: see `Executor`.

    The run is asked for a job when the one before has ended, as it is by Ray Tune with one worker. Hence both make the
    same decisions and the same files. What a job raises is passed on, except for the fault of a disk: of that the run
    is told, which then ends in an orderly way. A job that is killed takes the run with it; the same command again
    continues from the ledger.
    """
    while not source.finished():
        source.tick()
        job = source.next_job(1)
        if job is None:
            if source.finished():
                return
            raise RuntimeError("the run has no job although none is under way, and it has not finished either")
        error: OSError | None = None
        try:
            with _state_put_back():
                run_job(job, resources, shared, signals, source.asset(job))
        except OSError as disk:
            error = disk
        source.job_ended(job, error)


@contextmanager
def _state_put_back() -> Iterator[None]:
    """Puts back what a job may have changed in the process, for the jobs after it and for the run beside it.

    These are the number of PyTorch's threads and the states of the global generators of random numbers.
    """
    threads = torch.get_num_threads()
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  a job may use the global one
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
