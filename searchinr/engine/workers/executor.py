"""The contract between a run, which knows what is to be done, and an executor, which knows where and when it is done.

A run is a `JobSource`. An `Executor` asks it for jobs, runs each of them, and tells it how each of them ended. The
results themselves do not come back through the executor: a job delivers them into the run folder (`worker.run_job`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from searchinr.codecs.contract import Asset
from searchinr.engine.store.place import Place
from searchinr.engine.workers.jobs import AnyJob
from searchinr.signals.signal import Signal
from searchinr.space import Resources

RunJob = Callable[[AnyJob, Resources, Place, Mapping[str, Sequence[Signal]], Asset | None], None]
"""What runs a job, wherever that is: `(job, resources, shared, signals, asset)`, see `worker.run_job`."""


class JobSource(Protocol):
    """What an executor needs of a run."""

    def next_job(self, workers: int) -> AnyJob | None:
        """The next job for a free one of the workers, or None while there is none."""

    def asset(self, job: AnyJob) -> Asset | None:
        """The asset that a job starts from, or None. It is called once for each job that `next_job` gave."""

    def finished(self) -> bool:
        """Whether no job will ever come any more."""

    def job_ended(self, job: AnyJob, error: Exception | None) -> None:
        """Takes notice that a job has ended.

        Args:
            job: A job that `next_job` gave.
            error: None if the job has come to its end. Otherwise its worker has died or could not deliver:
                `NodeLostError` if the worker's machine is gone, `OutOfMemoryError` if the worker was killed because its
                machine had no memory left, an `OSError` if a disk has failed, and anything else in all other cases.
        """

    def tick(self) -> None:
        """Lets the run look after itself. It is called several times a second where jobs run in other processes."""

    def abandon(self, reason: str) -> None:
        """Ends the process, since what executes the jobs has died and the main thread waits for it for ever.

        It is called from another thread.
        """


Executor = Callable[[JobSource, RunJob, Resources, Place, Mapping[str, Sequence[Signal]]], None]
"""What runs jobs until a source is finished: `(source, run_job, resources, shared, signals)`, the last four of which it
hands to each job. A `ChildProcessError` says that what executes the jobs has died."""
