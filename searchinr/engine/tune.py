"""Ray Tune as the engine that runs jobs: a searcher that hands out jobs, and a quiet local Ray.

One Tune trial is one job: one of our trials from its checkpoint to its next rung. A pause is the end of a job, a
promotion a new one. So there is one path for a trial that is promoted, resumed after a crash, or moved to another
node, and Tune's own state is never needed again.
"""

import logging
import os
import secrets
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from searchinr.engine.log import adopt, prints_to_log
from searchinr.engine.search.search import Job
from searchinr.signals.signal import Signal
from searchinr.space import Resources

_RETRIES = 2  # of a job whose worker or node died; a trial's own failure is a result and is never retried

os.environ.update(
    RAY_USAGE_STATS_ENABLED="0",
    RAY_AIR_NEW_OUTPUT="0",
    RAY_AUTH_MODE="token",  # some of Ray's ports are open to the network: nobody else may run code here
    RAY_AUTH_TOKEN=secrets.token_hex(32),
    RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
    TUNE_DISABLE_SIGINT_HANDLER="1",
    TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S="0",
)
# Ray and Tune read these when they are imported, so the imports stand below.
import ray  # noqa: E402
from ray import tune  # noqa: E402
from ray.tune.experiment import Trial  # noqa: E402
from ray.tune.search import Searcher  # noqa: E402

FINISHED = Searcher.FINISHED


class JobSource(Protocol):
    """What Tune needs of a run."""

    def next_job(self) -> Job | None:
        """The next job for a free worker, or None while there is none."""

    def finished(self) -> bool:
        """Whether no job will ever come any more."""

    def job_ended(self, job: Job, error: Exception | None) -> None:
        """A job has ended; `error` is set where its worker died or could not deliver."""

    def tick(self) -> None:
        """Called several times a second."""


class _JobSearcher(Searcher):
    """Hands out jobs. Tune pickles it for a restore that is never made, so its state stays behind."""

    def __init__(self, source: JobSource, workers: int) -> None:
        super().__init__()
        self._source, self._workers = source, workers
        self._running: dict[str, Job] = {}
        self.errors: dict[str, Exception | None] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # FINISHED is text
        if self._source.finished():
            return str(FINISHED)
        # Tune asks one ahead of the free workers; a job chosen now would not know the results to come.
        if len(self._running) >= self._workers:
            return None
        job = self._source.next_job()
        if job is None:
            return str(FINISHED) if self._source.finished() else None
        self._running[trial_id] = job
        return {"job": asdict(job)}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        job = self._running.pop(trial_id, None)
        if job is not None:
            failure = self.errors.pop(trial_id, None) or RuntimeError("its worker died")
            self._source.job_ended(job, failure if error else None)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the ledger has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """See `save`."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return Searcher, ()


class _Watch(tune.Callback):
    """Lets the run look after itself between Tune's steps, and catches why a job failed."""

    def __init__(self, source: JobSource, searcher: _JobSearcher) -> None:
        self._source, self._searcher = source, searcher

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:  # noqa: ANN401
        self._source.tick()

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:  # noqa: ANN401
        self._searcher.errors[trial.trial_id] = trial.get_pickled_error()

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return tune.Callback, ()


def run_jobs(
    source: JobSource,
    run_job: Callable[[Mapping[str, Any], Path, Sequence[Signal]], None],
    *,
    run_dir: Path,
    signals: Mapping[str, Sequence[Signal]],
    resources: Resources,
    workers: int,
) -> None:
    """Runs jobs on a Ray of its own on this machine until the source is finished.

    Args:
        source: Where jobs come from and results go to.
        run_job: Runs on the worker: `(job, run_dir, signals)`.
        run_dir: The run folder.
        signals: Signals of each dataset, by label; sent to the workers once, through the object store.
        resources: What each job takes.
        workers: Jobs at the same time.
    """
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(workers)  # or Tune starts them one after another
    os.environ.pop("RAY_ADDRESS", None)  # or Ray would join a cluster that nobody named here
    adopt("ray")
    on_terminate = signal.getsignal(signal.SIGTERM)
    ray.init(
        address="local",
        _node_ip_address="127.0.0.1",
        num_cpus=max(1, round(workers * resources.cpu)),
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,  # its warnings go to the run's log
        object_store_memory=_object_store_bytes(signals),
    )
    # Ray has attached itself to the terminal again, and to SIGTERM, where it aborts the process.
    adopt("ray")
    signal.signal(signal.SIGTERM, on_terminate)
    # Tune looks for result files of its own, which are switched off.
    logging.getLogger("ray.tune.analysis").setLevel(logging.ERROR)
    searcher = _JobSearcher(source, workers)

    def job_on_worker(config: dict[str, Any], signals: Mapping[str, Sequence[Signal]]) -> None:
        job = {**config["job"], **resources.model_dump()}
        run_job(job, run_dir, signals[job["dataset"]])
        tune.report({"trial": job["trial"]})

    try:
        with prints_to_log(), tempfile.TemporaryDirectory(prefix="searchinr-tune-") as cache:
            tune.Tuner(
                tune.with_resources(
                    tune.with_parameters(job_on_worker, signals=dict(signals)),
                    {"cpu": resources.cpu, "gpu": resources.gpu},
                ),
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    num_samples=-1,
                    reuse_actors=True,
                    trial_dirname_creator=lambda trial: trial.trial_id,
                    trial_name_creator=lambda trial: trial.trial_id,
                ),
                run_config=tune.RunConfig(
                    name="jobs",
                    storage_path=cache,
                    verbose=0,
                    callbacks=[_Watch(source, searcher)],
                    failure_config=tune.FailureConfig(max_failures=_RETRIES),
                ),
            ).fit()
    finally:
        ray.shutdown()


def _object_store_bytes(signals: Mapping[str, Sequence[Signal]]) -> int:
    """Room for the signals and Tune's small objects; Ray's default is a third of the machine."""
    return 2 * sum(s.samples.nbytes for group in signals.values() for s in group) + 256 * 2**20
