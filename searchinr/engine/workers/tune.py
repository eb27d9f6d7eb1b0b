"""The executor that runs jobs on Ray Tune, in worker processes on this machine or on a cluster.

What Tune calls a trial is one job here: either one of our trials, from its checkpoint to its next rung, or the building
of an asset. When one of our trials is paused, its job has ended; when it is promoted, a new job begins. Therefore a
trial that is promoted, one that is resumed after a crash, and one that moves to another node all take the same path,
and Tune's own state is never needed again.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from searchinr.codecs.contract import Asset
from searchinr.cores import usable_cores
from searchinr.engine.store.place import Place
from searchinr.engine.terminal.log import adopt, prints_to_log
from searchinr.engine.workers import last_words
from searchinr.engine.workers.executor import JobSource, RunJob
from searchinr.engine.workers.jobs import AnyJob
from searchinr.engine.workers.ray_environment import ray_environment
from searchinr.engine.workers.slots import cores, trials_per_node
from searchinr.search.search import Job
from searchinr.signals.signal import Signal
from searchinr.space import Resources

os.environ.update(ray_environment())
# Ray and Tune read it when they are imported, so the imports stand below.
import ray
import torch
from numpy.typing import NDArray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from searchinr.engine.workers.local_ray import (
    closed_to_others,
    death_of_ray,
    ended,
    not_stuck_without_ray,
    private_folder,
    sigterm_stays_ours,
)
from searchinr.engine.workers.ray_errors import meaning

FINISHED = Searcher.FINISHED

_COUNT_EVERY_S = 10.0  # nodes come and go
_MANY = 1000
_JOINED: dict[str, Any] = {"runtime_env": {"worker_process_setup_hook": last_words.listen}}
"""How a Ray is joined whose workers are told of the end of their machines; those of our own are deaf to SIGTERM."""

_Shared = ray.ObjectRef[tuple[Asset, dict[str, NDArray[Any]]]]
"""An asset in the object store: the asset without its tensors, and its tensors as arrays."""


class _JobSearcher(Searcher):
    """Hands out jobs to Tune.

    Tune pickles its searcher in order to restore it later. As no run is ever restored in this way, `__reduce__` leaves
    the state out.
    """

    def __init__(self, source: JobSource, workers: int) -> None:
        super().__init__()
        self._source, self.workers = source, workers
        self._running: dict[str, AnyJob] = {}
        self._shared: dict[str, _Shared] = {}  # assets in the object store, by hash
        self._alone: set[str] = set()  # trials that wait for a whole GPU or node

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]  # FINISHED is text
        if self._source.finished():
            return str(FINISHED)
        # Tune asks for one job more than there are free workers. It gets none: the job would be chosen without the
        # results that come before its start.
        if len(self._running) >= self.workers:
            return None
        if self._alone:  # otherwise other jobs would take every place that becomes free
            return None
        job = self._source.next_job(self.workers)
        if job is None:
            return str(FINISHED) if self._source.finished() else None
        self._running[trial_id] = job
        if isinstance(job, Job) and job.alone:
            self._alone.add(trial_id)
        return {"job": job, "asset": self._share(self._source.asset(job))}

    def _share(self, asset: Asset | None) -> "_Shared | None":
        """An asset in the form in which workers get it. It is put into the object store once."""
        if asset is None:
            return None
        if asset.sha256 not in self._shared:
            arrays = {name: tensor.numpy() for name, tensor in asset.tensors.items()}  # these are not copied on a node
            self._shared[asset.sha256] = ray.put((replace(asset, tensors={}), arrays))
        return self._shared[asset.sha256]

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        if not error:  # otherwise `_Watch.on_trial_error` follows, which knows the error
            self.job_ended(trial_id, None)

    def job_started(self, trial_id: str) -> None:
        """Notes that a job has got the resources that it needs."""
        self._alone.discard(trial_id)

    def job_ended(self, trial_id: str, error: Exception | None) -> None:
        """Tells the source that a job has ended, only once for each job."""
        self._alone.discard(trial_id)
        job = self._running.pop(trial_id, None)
        if job is not None:
            self._source.job_ended(job, error)

    def save(self, checkpoint_path: str) -> None:
        """Saves nothing, because everything is in the ledger."""

    def restore(self, checkpoint_path: str) -> None:
        """Restores nothing, see `save`."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return Searcher, ()


class _Watch(tune.Callback):
    """Is called between Tune's steps: lets the run look after itself, watches Ray, and says why a job has failed."""

    def __init__(self, source: JobSource, searcher: _JobSearcher, count: Callable[[], int] | None) -> None:
        """A watch over a run; `count` says how many jobs the nodes take at once, and is None if that is fixed."""
        self._source, self._searcher, self._count = source, searcher, count
        self._counted = time.monotonic()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: object) -> None:
        if reason := death_of_ray():
            raise ChildProcessError(reason)
        if self._count is not None and time.monotonic() > self._counted + _COUNT_EVERY_S:
            self._searcher.workers, self._counted = self._count(), time.monotonic()
        self._source.tick()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        self._searcher.job_started(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
        self._searcher.job_ended(trial.trial_id, meaning(_error_of(trial)))

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return tune.Callback, ()


def run_on_ray(
    source: JobSource,
    run_job: RunJob,
    resources: Resources,
    shared: Place,
    signals: Mapping[str, Sequence[Signal]],
    *,
    workers: int | None = None,
    address: str | None = None,
) -> None:
    """Runs jobs in the worker processes of Ray: see `Executor`, and `run_search` for `workers` and `address`.

    The signals are sent to the workers once, through the object store.
    """
    if workers is None and address is None:
        workers = max(1, int(usable_cores() / resources.cpu))
    os.environ.pop("RAY_ADDRESS", None)  # otherwise Ray would join a cluster that nobody has named here
    adopt("ray")
    # Tune looks for result files of its own, which are switched off.
    logging.getLogger("ray.tune.analysis").setLevel(logging.ERROR)

    def job_on_worker(config: dict[str, Any], signals: Mapping[str, Sequence[Signal]]) -> None:
        run_job(config["job"], resources, shared, signals, _received(config["asset"]))
        tune.report({"dataset": config["job"].dataset})

    with private_folder(str(shared), for_ray=address is None) as files, ended():
        started = _JOINED if address else _own_ray(workers or 1, resources, signals, files)
        with nullcontext() if address else closed_to_others(), sigterm_stays_ours():
            ray.init(
                address=address or "local",
                log_to_driver=False,
                configure_logging=False,  # Ray's warnings go to the run's log
                **started,
            )
        adopt("ray")  # again, since Ray has attached itself to the terminal
        if source.finished():  # it was stopped in the meantime
            return
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(workers or _MANY)  # otherwise Tune starts them one by one
        searcher = _JobSearcher(source, workers or _places(resources))
        watch = _Watch(source, searcher, None if workers else partial(_places, resources))
        with prints_to_log(), not_stuck_without_ray(source.abandon):
            tune.Tuner(
                tune.with_resources(
                    tune.with_parameters(job_on_worker, signals=dict(signals)),
                    lambda config: _needs(config["job"], resources),
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
                    storage_path=str(files),
                    verbose=0,
                    callbacks=[watch],
                    failure_config=tune.FailureConfig(max_failures=0),  # the source decides whether to try again
                ),
            ).fit()


def _own_ray(
    workers: int, resources: Resources, signals: Mapping[str, Sequence[Signal]], files: Path
) -> dict[str, Any]:
    """How a Ray is started on this machine, for this run alone.

    Its object store has room for the signals, for small assets and for Tune's own objects. Ray's default is a third of
    the machine. What does not fit is moved to the disk by Ray.
    """
    return {
        "_temp_dir": str(files / "ray"),
        "_system_config": {"enable_metrics_collection": False},
        "num_cpus": cores(resources, workers),
        "include_dashboard": False,
        "object_store_memory": 2 * sum(s.samples.nbytes for group in signals.values() for s in group) + 256 * 2**20,
    }


def _needs(job: AnyJob, resources: Resources) -> tune.PlacementGroupFactory:
    """What a job takes. One that is to run alone takes a whole GPU or, without GPUs, all cores of the largest node."""
    cpu, gpu = resources.cpu, resources.gpu
    if isinstance(job, Job) and job.alone:
        gpu = math.ceil(gpu)
        cpu = cpu if gpu else max(cpu, *(node.get("CPU", 0) for node in _nodes()))
    return tune.PlacementGroupFactory([{"CPU": cpu, "GPU": gpu}])


def _received(shared: _Shared | None) -> Asset | None:
    """An asset from the object store. Its tensors are copies, because the arrays there must not be written to."""
    if shared is None:
        return None
    asset: Asset
    asset, arrays = ray.get(shared)
    return replace(asset, tensors={name: torch.tensor(array) for name, array in arrays.items()})


def _places(resources: Resources) -> int:
    """How many trials the nodes that are up take at the same time, and at least 1."""
    places = [trials_per_node(resources, int(node.get("CPU", 0)), int(node.get("GPU", 0))) for node in _nodes()]
    return max(1, sum(places))


def _nodes() -> list[dict[str, float]]:
    """The resources of each node that is up."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _error_of(trial: Trial) -> Exception | None:
    """The error that ended a Tune trial. `Trial.get_pickled_error` looks for it where Tune has not put it yet."""
    file = trial.pickled_error_file
    return None if file is None else ray.cloudpickle.loads(Path(file).read_bytes())
