"""Early stopping as others publish it, behind our scheduler contract, so that a comparison changes nothing else.

All are of the stopping type, and their own code makes every decision. A rung is told to them as a training time of
`reduction ** rung`, since they place their rungs there. They know no constraints, and keep what they have seen of a
trial that fails.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from ray.tune.schedulers import AsyncHyperBandScheduler

from benchmarks.search import fast_priority
from searchinr.search.scheduler import StoppingScheduler

if TYPE_CHECKING:
    from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA
    from syne_tune.optimizer.schedulers.multiobjective.multiobjective_priority import MOPriority


class RayAsha(StoppingScheduler):
    """Ray Tune's ASHA, which knows one metric."""

    def __init__(self, rungs: int, reduction: int, scalarise: Callable[[NDArray[np.float64]], float]) -> None:
        """ASHA on `scalarise(vector)`, which is minimised; vectors are `(k,)`, minimised."""
        super().__init__(rungs)
        self._reduction, self._scalarise = reduction, scalarise
        self._asha = AsyncHyperBandScheduler(
            time_attr="time",
            metric="metric",
            mode="min",
            max_t=reduction ** (rungs - 1),
            grace_period=1,
            reduction_factor=reduction,
        )

    def _continues(self, trial: str, rung: int, vector: NDArray[np.float64], violation: float) -> bool:
        subject = SimpleNamespace(trial_id=trial)
        if rung == 0:
            self._asha.on_trial_add(None, subject)
        result = {"time": self._reduction**rung, "metric": self._scalarise(vector)}
        return self._asha.on_trial_result(None, subject, result) == AsyncHyperBandScheduler.CONTINUE


class SyneTuneMoAsha(StoppingScheduler):
    """MOASHA of syne-tune 0.16.0, as published or with its priorities corrected (`docs/decisions/0005`)."""

    def __init__(self, rungs: int, reduction: int, corrected: bool, fast: bool = False) -> None:
        """MOASHA; `corrected` gives every result its place in the order instead of the order itself.

        `fast` takes the priorities of two objectives from `fast_priority.py`, which gives the same.
        """
        super().__init__(rungs)
        self._last, self._reduction, self._corrected, self._fast = rungs - 1, reduction, corrected, fast
        self._moasha: MOASHA | None = None

    def _continues(self, trial: str, rung: int, vector: NDArray[np.float64], violation: float) -> bool:
        from syne_tune.optimizer.scheduler import SchedulerDecision

        if self._moasha is None:
            self._moasha = self._make([str(index) for index in range(len(vector))])
        subject = SimpleNamespace(trial_id=trial)
        if rung == 0:
            self._moasha.on_trial_add(subject)
        result = {"time": self._reduction**rung} | {str(index): value for index, value in enumerate(vector.tolist())}
        return self._moasha.on_trial_result(subject, result) == SchedulerDecision.CONTINUE

    def _make(self, metrics: list[str]) -> "MOASHA":
        from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

        return MOASHA(
            config_space={},
            metrics=metrics,
            do_minimize=True,
            time_attr="time",
            multiobjective_priority=self._priority(),
            max_t=self._reduction**self._last,
            grace_period=1,
            reduction_factor=self._reduction,
        )

    def _priority(self) -> "MOPriority | None":
        if self._fast:
            return as_priority(fast_priority.corrected if self._corrected else fast_priority.published)
        return corrected_priority() if self._corrected else None


def as_priority(function: Callable[[NDArray[np.float64]], NDArray[np.int64]]) -> "MOPriority":
    """A function of a rung's objectives, `(n, k)` -> `(n,)`, as syne-tune wants it."""
    from syne_tune.optimizer.schedulers.multiobjective.multiobjective_priority import MOPriority

    class Priority(MOPriority):
        def priority_unsafe(self, objectives: NDArray[np.float64]) -> NDArray[np.int64]:
            return function(objectives)

    return Priority()


def corrected_priority() -> "MOPriority":
    """What syne-tune's `NonDominatedPriority` promises: a priority for each element, from its own fronts and nets.

    Its `compute_epsilon_net` returns ranks, which its `nondominated_sort` takes for an order; and the order that comes
    out, the priority takes for ranks. Here ranks are used as ranks.
    """
    from syne_tune.optimizer.schedulers.multiobjective.non_dominated_priority import (
        compute_epsilon_net,
        pareto_efficient,
    )

    def priorities(objectives: NDArray[np.float64]) -> NDArray[np.int64]:
        places = np.zeros(len(objectives), np.int64)
        rest, placed = np.arange(len(objectives)), 0
        while rest.size:
            efficient = pareto_efficient(objectives[rest])  # (rest,)
            front, rest = rest[efficient], rest[~efficient]
            places[front] = placed + compute_epsilon_net(objectives[front], dim=0)
            placed += len(front)
        return places

    return as_priority(priorities)
