"""The search: hands out jobs, takes results, and can be rebuilt from the ledger."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from searchinr.errors import UserError
from searchinr.search.configs import Canonicalise, Config, ConfigSpace
from searchinr.search.front import Front
from searchinr.search.lines import Confirmation, Fit, FitFailed, FitLine, Line, OutOfMemory, Point, TrialStarted
from searchinr.search.mo_asha import MoAsha, MoAshaStopping
from searchinr.search.objectives import Objectives
from searchinr.search.sampler_registry import SAMPLERS
from searchinr.search.samplers import History, Observation, Sampler
from searchinr.search.scheduler import Fifo, Scheduler
from searchinr.space import Space, config_hash


@dataclass(frozen=True, kw_only=True)
class Job(Fit):
    """One fit from its last checkpoint to a rung: train, measure, return.

    The trial was measured at the rung below before, if there is one; a job that confirms a point starts anew.

    Attributes:
        number: How many trials of the dataset were chosen before this job's trial.
        alone: Whether the job gets a whole GPU or node to itself, because it ran out of memory before.
    """

    number: int
    alone: bool = False


@dataclass(frozen=True)
class Counts:
    """The numbers of a dataset's trials, by their state.

    Attributes:
        total: Number of trials that there will be in the end.
        tried: Trials that have a result or have failed.
        done: Trials that are at the last rung, or will not be trained further because the search has finished.
        running: Trials with a job under way.
        paused: Trials that wait between two rungs.
        failed: Trials that failed.
        confirmed: Fits with further seeds, of points on the front, that have ended.
        to_confirm: Number of such fits that there will be in the end; 0 until the front is final.
    """

    total: int
    tried: int
    done: int
    running: int
    paused: int
    failed: int
    confirmed: int
    to_confirm: int


@dataclass
class _Trial:
    config: Config
    number: int
    rungs: set[int] = field(default_factory=set)
    """Rungs at which the trial has been measured."""


_Confirmation = tuple[str, int, int]
"""A fit that confirms a point: trial, rung and seed."""


def make_scheduler(space: Space) -> Scheduler:
    """The scheduler that a space asks for."""
    rungs, reduction = len(space.fidelity.rungs), space.fidelity.reduction
    match space.search.scheduler:
        case "mo-asha":
            return MoAsha(rungs, reduction)
        case "mo-asha-stopping":
            return MoAshaStopping(rungs, reduction)
        case "fifo":
            return Fifo(rungs)


def make_sampler(space: Space, configs: ConfigSpace) -> Sampler:
    """The sampler that a space asks for; `UserError` if the space does not suit it."""
    return SAMPLERS[space.search.sampler](configs, space.search.seed)


class Search:
    """Decides what to run next on each dataset.

    Every dataset has its own sampler, scheduler and budget of trials; the dataset that has had the fewest jobs gets the
    next one. All decisions follow from the space's seed and the results in their order. So the ledger is all the state
    there is: after `replay` a search goes on as if it had never been interrupted. Trials that were started but have no
    result yet are handed out again first; a promotion that was under way is decided again.
    """

    def __init__(
        self,
        space: Space,
        datasets: Sequence[str],
        canonicalise: Canonicalise,
        *,
        make_sampler: Callable[[Space, ConfigSpace], Sampler] = make_sampler,
        make_scheduler: Callable[[Space], Scheduler] = make_scheduler,
    ) -> None:
        """Makes a search that has not begun.

        Args:
            space: The search space.
            datasets: Labels of the space's datasets.
            canonicalise: `(codec, params) -> params` with defaults filled in and inactive options dropped.
            make_sampler: Makes the sampler; benchmarks pass a function of their own.
            make_scheduler: Makes the scheduler of each dataset; benchmarks pass a function of their own.

        Raises:
            UserError: The sampler does not suit the space.
        """
        self.objectives = Objectives.of(space)
        sampler = make_sampler(space, ConfigSpace(space.codecs, canonicalise))
        self._datasets = {
            label: _DatasetSearch(space, label, sampler, make_scheduler(space), self.objectives) for label in datasets
        }

    def next_job(self) -> Job | None:
        """A job for a free worker, which counts as running until `tell` ends it; None if nothing can be started now."""
        for dataset in sorted(self._datasets.values(), key=lambda dataset: dataset.jobs):
            job = dataset.next_job()
            if job is not None:
                return job
        return None

    @property
    def finished(self) -> bool:
        """Whether `next_job` will never give a job again, whatever results come."""
        return all(dataset.finished for dataset in self._datasets.values())

    def tell(self, line: Line) -> None:
        """Takes a ledger line. If a trial has two results at one rung, the first is kept.

        A trial that has failed gets no further job, but its earlier results stay. A trial that ran out of memory runs
        alone the next time. Lines about assets change nothing.

        Raises:
            UserError: A point lacks the figure of an objective.
            ValueError: The trial was never started, its dataset is not in the space, it has no such rung, or a figure
                has no place on its axis.
        """
        if isinstance(line, TrialStarted):
            if line.dataset not in self._datasets:
                raise ValueError(f"the ledger has a trial of {line.dataset!r}, which is not in the space")
            self._datasets[line.dataset].start(line.trial, line.config, line.number)
        elif isinstance(line, FitLine):
            self._of(line.trial).tell(line)

    def put_back(self, job: Job) -> None:
        """Takes back a job whose worker is gone without a result; it is handed out again before any other."""
        self._of(job.trial).put_back(job)

    def replay(self, lines: Iterable[Line]) -> None:
        """Rebuilds the state from ledger lines, in their order.

        Raises:
            UserError: A line cannot be one of this search, or lacks the figure of an objective.
        """
        for line in lines:
            try:
                self.tell(line)
            except ValueError as error:
                raise UserError(
                    f"ledger: a line of kind {line.kind} is not of this search ({error}); restore the ledger and the "
                    "space as they were, or choose another run folder"
                ) from error

    def counts(self, dataset: str) -> Counts:
        """The numbers of a dataset's trials, by their state."""
        return self._datasets[dataset].counts()

    def failures(self, dataset: str) -> dict[str, str]:
        """The reason of every trial that failed."""
        return dict(self._datasets[dataset].failures)

    def points(self, dataset: str) -> Sequence[Point]:
        """All results of a dataset, in the order in which they came."""
        return self._datasets[dataset].points

    def front(self, dataset: str) -> list[Point]:
        """The results of a dataset, at whatever rung, that no other result dominates, by ascending rate."""
        return self._datasets[dataset].front.points

    def hypervolume(self, dataset: str) -> float:
        """Hypervolume of the front; see `Objectives.hypervolume`."""
        return self._datasets[dataset].front.hypervolume

    def _of(self, trial: str) -> "_DatasetSearch":
        """The search of the dataset to which a trial belongs."""
        for dataset in self._datasets.values():
            if trial in dataset.trials:
                return dataset
        raise ValueError(f"trial {trial} was never started")


class _DatasetSearch:
    """The search on one dataset."""

    def __init__(
        self, space: Space, label: str, sampler: Sampler, scheduler: Scheduler, objectives: Objectives
    ) -> None:
        self._label = label
        self._rungs = space.fidelity.rungs
        self._settings = space.search
        self._confirm_seeds = space.confirm.seeds if space.confirm is not None else 0
        self._sampler, self._scheduler, self._objectives = sampler, scheduler, objectives
        self._running: set[tuple[str, int | None]] = set()  # trial, and its seed if it is a confirmation
        self._returned: deque[Job] = deque()
        self._pending: dict[str, Config] = {}  # trials that were started and have no result yet
        self._to_start: dict[str, None] = {}  # the pending trials that do not run, because the run was interrupted
        self._failed: list[Config] = []
        self._at_end: set[str] = set()
        self._observations: list[Observation] = []
        self._confirmed: set[_Confirmation] = set()
        self._alone: set[tuple[str, int | None, int]] = set()  # trial, its seed if it is a confirmation, and rung
        self._exhausted = False
        self._numbers: set[int] = set()
        self._next_number = 0
        self.trials: dict[str, _Trial] = {}
        self.points: list[Point] = []
        self.front: Front[Point] = Front(objectives)
        self.failures: dict[str, str] = {}

    @property
    def jobs(self) -> int:
        """Number of jobs that have ended, as far as the ledger knows, and of jobs under way."""
        return len(self.points) + len(self.failures) + len(self._confirmed) + len(self._running)

    def next_job(self) -> Job | None:
        if self._returned:
            job = self._returned.popleft()
            self._running.add(_key(job))
            return job
        if self._to_start:
            return self._job(next(iter(self._to_start)), 0)
        if (promotion := self._scheduler.next_promotion()) is not None:
            self._scheduler.promote(*promotion)
            return self._job(*promotion)
        if self._new_trials_left() and (trial := self._new_trial()) is not None:
            return self._job(trial, 0)
        for trial, rung, seed in self._to_confirm():
            if (trial, rung, seed) not in self._confirmed and (trial, seed) not in self._running:
                return self._job(trial, rung, seed)
        return None

    @property
    def finished(self) -> bool:
        return self._front_is_final and not self._running and self._confirmed.issuperset(self._to_confirm())

    @property
    def _front_is_final(self) -> bool:
        """Whether no trial will be started or trained any more."""
        return not (
            any(not job.confirms for job in self._returned)
            or self._to_start
            or any(seed is None for _, seed in self._running)
            or self._scheduler.next_promotion() is not None
            or self._new_trials_left()
        )

    def start(self, trial: str, config: Config, number: int) -> None:
        if trial not in self.trials:
            self.trials[trial] = _Trial(config, number)
            self._numbers.add(number)
            self._pending[trial] = config
            self._to_start[trial] = None

    def tell(self, line: FitLine) -> None:
        match line:
            case OutOfMemory():
                self._alone.add((*_key(line), line.rung))
            case Confirmation() | FitFailed(confirms=True):
                self._forget(_key(line))
                self._confirmed.add((line.trial, line.rung, line.seed))
            case Point():
                self._tell_point(line)
            case FitFailed():
                self._tell_failed(line.trial, line.reason)

    def _tell_point(self, point: Point) -> None:
        name, rung = point.trial, point.rung
        if rung >= len(self._rungs):
            raise ValueError(f"rung {rung} of trial {name}; the last one is {len(self._rungs) - 1}")
        trial = self.trials[name]
        vector, excess = self._objectives.vector(point), self._objectives.excess(point)
        self._ended(name)
        if rung in trial.rungs:
            return
        trial.rungs.add(rung)
        self.points.append(point)
        self._observations.append(Observation(name, trial.config, rung, vector, excess))
        violation = float(np.maximum(excess, 0.0).sum())
        if violation == 0:
            self.front.add(point, vector)
        if name not in self.failures:
            self._scheduler.report(name, rung, vector, violation)
            if rung == len(self._rungs) - 1:
                self._at_end.add(name)

    def _tell_failed(self, trial: str, reason: str) -> None:
        self._ended(trial)
        if trial not in self.failures:
            self.failures[trial] = reason
            self._failed.append(self.trials[trial].config)
            self._at_end.discard(trial)
            self._scheduler.drop(trial)

    def put_back(self, job: Job) -> None:
        self._running.discard(_key(job))
        self._returned.append(replace(job, alone=(*_key(job), job.rung) in self._alone))

    def _ended(self, trial: str) -> None:
        """Notes that a trial's job is over, with a result or without."""
        self._forget((trial, None))
        self._pending.pop(trial, None)
        self._to_start.pop(trial, None)

    def _forget(self, key: tuple[str, int | None]) -> None:
        """Notes that a job has a result, so that it is not run again even if its worker was taken for dead."""
        self._running.discard(key)
        self._returned = deque(job for job in self._returned if _key(job) != key)

    def counts(self) -> Counts:
        done = len(self._at_end)
        running = sum(seed is None for _, seed in self._running)
        paused = len(self.trials) - done - len(self.failures) - running
        if self._front_is_final:
            done, paused = done + paused, 0
        confirming = self._to_confirm()
        return Counts(
            total=len(self.trials) if self._exhausted else self._settings.trials,
            tried=len(self.trials) - len(self._pending),
            done=done,
            running=running,
            paused=paused,
            failed=len(self.failures),
            confirmed=len(self._confirmed.intersection(confirming)),
            to_confirm=len(confirming),
        )

    def _to_confirm(self) -> list[_Confirmation]:
        """Every fit with a further seed that is needed to confirm the front; none until the front is final."""
        if not self._confirm_seeds or not self._front_is_final:
            return []
        first = self._settings.seed + 1
        return [
            (point.trial, point.rung, seed)
            for point in self.front.points
            for seed in range(first, first + self._confirm_seeds)
        ]

    def _new_trials_left(self) -> bool:
        return not self._exhausted and len(self.trials) < self._settings.trials

    def _new_trial(self) -> str | None:
        """Starts a trial with a config that no trial has had yet; None if there is none left."""
        # A number below others may be free, if the run ended after a later trial had started and before this one had.
        while self._next_number in self._numbers:
            self._next_number += 1
        number = self._next_number
        history = History(self._observations, tuple(self._pending.values()), self._failed, number)
        for config in self._sampler.proposals(history):
            name = config_hash(config.codec, config.params, self._label, self._settings.seed)
            if name not in self.trials:
                self.start(name, config, number)
                return name
        self._exhausted = True
        return None

    def _job(self, trial: str, rung: int, confirming_seed: int | None = None) -> Job:
        self._to_start.pop(trial, None)
        started = self.trials[trial]
        job = Job(
            trial=trial,
            number=started.number,
            dataset=self._label,
            config=started.config,
            seed=self._settings.seed if confirming_seed is None else confirming_seed,
            rung=rung,
            steps=self._rungs[rung],
            confirms=confirming_seed is not None,
            alone=(trial, confirming_seed, rung) in self._alone,
        )
        self._running.add(_key(job))
        return job


def _key(fit: Fit) -> tuple[str, int | None]:
    """The key of a fit: a dataset has at most one job at a time for a trial, or for its confirmation with one seed."""
    return fit.trial, fit.seed if fit.confirms else None
