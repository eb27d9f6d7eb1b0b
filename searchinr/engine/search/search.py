"""The search: hands out jobs, takes results, and can be rebuilt from the ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from searchinr.engine.search.configs import Canonicalise, Config, ConfigSpace
from searchinr.engine.search.mo_asha import MoAsha
from searchinr.engine.search.objectives import Line, Objectives
from searchinr.engine.search.samplers import Grid, Observation, Random, Sampler
from searchinr.engine.search.scheduler import Fifo, Scheduler
from searchinr.engine.search.tpe import Tpe
from searchinr.space import Space, Value, config_hash

_SAMPLERS: dict[str, type[Sampler]] = {"tpe": Tpe, "random": Random, "grid": Grid}


@dataclass(frozen=True)
class Job:
    """One trial from its last checkpoint to its next rung: train, measure, return.

    Attributes:
        trial: Config hash of the trial.
        number: How many trials of the dataset were started before it.
        dataset: Label of the dataset.
        codec: Name of the codec.
        params: Canonical parameters, flat.
        seed: Seed of the fit.
        rung: Index of the rung to train to. The trial was measured at the one below, if there is one.
        steps: Training length at that rung.
    """

    trial: str
    number: int
    dataset: str
    codec: str
    params: dict[str, Value]
    seed: int
    rung: int
    steps: int


@dataclass(frozen=True)
class Counts:
    """Where the trials of a dataset stand.

    Attributes:
        total: How many there will be.
        tried: How many have a result, be it a failure.
        done: At the last rung, or paused for good because the search has finished without them.
        running: With a job under way.
        paused: Waiting between two rungs.
        failed: Failed.
    """

    total: int
    tried: int
    done: int
    running: int
    paused: int
    failed: int


@dataclass
class _Trial:
    config: Config
    number: int
    rungs: set[int] = field(default_factory=set)
    """Rungs at which it has been measured."""


class Search:
    """What to run next on each dataset.

    Every dataset has a sampler, a scheduler and a budget of trials of its own; the one that has had the fewest jobs
    goes next. All decisions follow from the space's seed and the results in their order. So the ledger is all the
    state there is: after `replay` a search goes on as if it had never been interrupted. A trial that was started but
    has no result yet is asked again first; a promotion that was under way is decided again.
    """

    def __init__(self, space: Space, datasets: Sequence[str], canonicalise: Canonicalise) -> None:
        """A search that has not begun.

        Args:
            space: The search space.
            datasets: Labels of its datasets.
            canonicalise: `(codec, params) -> params` with defaults filled in and inactive options dropped.

        Raises:
            UserError: The sampler does not suit the space.
        """
        self.objectives = Objectives(space.objectives, space.reference_point)
        configs = ConfigSpace(space.codecs, canonicalise)
        sampler = _SAMPLERS[space.search.sampler](configs, space.search.seed)
        self._datasets = {label: _DatasetSearch(space, label, configs, sampler, self.objectives) for label in datasets}

    def next_job(self) -> Job | None:
        """A job for a free worker, from now on pending until it is told; None if there is nothing to start now."""
        for dataset in sorted(self._datasets.values(), key=lambda dataset: dataset.jobs):
            job = dataset.next_job()
            if job is not None:
                return job
        return None

    @property
    def finished(self) -> bool:
        """Whether no job will ever come any more, whatever is told."""
        return all(dataset.finished for dataset in self._datasets.values())

    def tell(self, point: Line) -> None:
        """Takes a result. Of two results of one trial at one rung the first stands.

        Args:
            point: A ledger line of kind ``point``.

        Raises:
            UserError: The line lacks an objective's figure.
            ValueError: The trial was never started, or a figure is NaN.
        """
        self._of(point["trial"]).tell(point)

    def tell_failed(self, trial: str, reason: str) -> None:
        """Notes that a trial has failed; it gets no further job, and what it has measured stays.

        Raises:
            ValueError: The trial was never started.
        """
        self._of(trial).tell_failed(trial, reason)

    def replay(self, lines: Iterable[Line]) -> None:
        """Rebuilds the state from ledger lines: ``trial``, ``point`` and ``failed``, in their order.

        Raises:
            ValueError: A line belongs to a trial or a dataset that the search does not know.
        """
        for line in lines:
            if line["kind"] == "trial":
                if line["dataset"] not in self._datasets:
                    raise ValueError(f"the ledger has a trial of {line['dataset']!r}, which is not in the space")
                self._datasets[line["dataset"]].start(line["trial"], Config(line["codec"], dict(line["params"])))
            elif line["kind"] == "point":
                self.tell(line)
            elif line["kind"] == "failed":
                self.tell_failed(line["trial"], line["reason"])

    def counts(self, dataset: str) -> Counts:
        """Where the trials of a dataset stand."""
        return self._datasets[dataset].counts()

    def failures(self, dataset: str) -> dict[str, str]:
        """The reason of every trial that failed."""
        return dict(self._datasets[dataset].failures)

    def points(self, dataset: str) -> list[Line]:
        """All results of a dataset, in the order in which they came."""
        return list(self._datasets[dataset].points)

    def front(self, dataset: str) -> list[Line]:
        """The results of a dataset that no other dominates, whatever their rung, by ascending rate."""
        points = self._datasets[dataset].points
        return [points[index] for index in self.objectives.front(points)]

    def hypervolume(self, dataset: str) -> float:
        """Hypervolume of the front; see `Objectives.hypervolume`."""
        return self.objectives.hypervolume(self._datasets[dataset].points)

    def _of(self, trial: str) -> "_DatasetSearch":
        """The search of the dataset to which a trial belongs."""
        for dataset in self._datasets.values():
            if trial in dataset.trials:
                return dataset
        raise ValueError(f"trial {trial} was never started")


class _DatasetSearch:
    """The search on one dataset."""

    def __init__(
        self, space: Space, label: str, configs: ConfigSpace, sampler: Sampler, objectives: Objectives
    ) -> None:
        self._label = label
        self._rungs = space.fidelity.rungs
        self._settings = space.search
        self._sampler = sampler
        self._objectives = objectives
        self._scheduler: Scheduler = (
            MoAsha(len(self._rungs), space.fidelity.reduction)
            if space.search.scheduler == "mo-asha"
            else Fifo(len(self._rungs))
        )
        self._running: set[str] = set()
        self._observations: list[Observation] = []
        self._exhausted = False
        self.trials: dict[str, _Trial] = {}
        self.points: list[Line] = []
        self.failures: dict[str, str] = {}

    @property
    def jobs(self) -> int:
        """Jobs handed out so far, as far as the ledger knows, and those under way."""
        return len(self.points) + len(self.failures) + len(self._running)

    def next_job(self) -> Job | None:
        if (trial := self._interrupted()) is not None:
            return self._job(trial, 0)
        if (promotion := self._scheduler.next_promotion()) is not None:
            self._scheduler.promote(*promotion)
            return self._job(*promotion)
        if self._new_trials_left() and (trial := self._new_trial()) is not None:
            return self._job(trial, 0)
        return None

    @property
    def finished(self) -> bool:
        return not (
            self._running
            or self._interrupted() is not None
            or self._scheduler.next_promotion() is not None
            or self._new_trials_left()
        )

    def start(self, trial: str, config: Config) -> None:
        self.trials.setdefault(trial, _Trial(config, number=len(self.trials)))

    def tell(self, point: Line) -> None:
        name, rung = point["trial"], point["rung"]
        trial = self.trials[name]
        vector = self._objectives.vector(point)
        self._running.discard(name)
        if rung in trial.rungs:
            return
        trial.rungs.add(rung)
        self.points.append(point)
        self._observations.append(Observation(name, trial.config, rung, vector))
        if name not in self.failures:
            self._scheduler.report(name, rung, vector)

    def tell_failed(self, trial: str, reason: str) -> None:
        self._running.discard(trial)
        self.failures.setdefault(trial, reason)
        self._scheduler.drop(trial)

    def counts(self) -> Counts:
        last = len(self._rungs) - 1
        done = sum(last in trial.rungs for name, trial in self.trials.items() if name not in self.failures)
        paused = len(self.trials) - done - len(self.failures) - len(self._running)
        if self.finished:
            done, paused = done + paused, 0
        return Counts(
            total=len(self.trials) if self._exhausted else self._settings.trials,
            tried=sum(bool(trial.rungs) or name in self.failures for name, trial in self.trials.items()),
            done=done,
            running=len(self._running),
            paused=paused,
            failed=len(self.failures),
        )

    def _interrupted(self) -> str | None:
        """A trial that was started, has no result, and is not running."""
        for name, trial in self.trials.items():
            if not trial.rungs and name not in self._running and name not in self.failures:
                return name
        return None

    def _new_trials_left(self) -> bool:
        return not self._exhausted and len(self.trials) < self._settings.trials

    def _new_trial(self) -> str | None:
        """Starts a trial with a config that no trial has had yet; None if there is none left."""
        pending = [trial.config for trial in self.trials.values() if not trial.rungs]
        for config in self._sampler.proposals(self._observations, pending, len(self.trials)):
            name = config_hash(config.codec, config.params, self._label, self._settings.seed)
            if name not in self.trials:
                self.start(name, config)
                return name
        self._exhausted = True
        return None

    def _job(self, trial: str, rung: int) -> Job:
        self._running.add(trial)
        started = self.trials[trial]
        return Job(
            trial=trial,
            number=started.number,
            dataset=self._label,
            codec=started.config.codec,
            params=dict(started.config.params),
            seed=self._settings.seed,
            rung=rung,
            steps=self._rungs[rung],
        )
