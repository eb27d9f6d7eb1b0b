"""Early stopping as others publish it, behind our scheduler contract, so that a comparison changes nothing else.

All are of the stopping type, and their own code makes every decision. A rung is told to them as a training time of
`reduction ** rung`, since they place their rungs there. They know no constraints, and keep what they have seen of a
trial that fails.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.tune.schedulers import AsyncHyperBandScheduler

from searchinr.search.scheduler import StoppingScheduler

Priority = Callable[[NDArray[np.float64]], NDArray[np.int64]]


class RayAsha(StoppingScheduler):
    """Ray Tune's ASHA, which knows one metric."""

    def __init__(self, rungs: int, reduction: int, scalarise: Callable[[NDArray[np.float64]], float]) -> None:
        """ASHA on `scalarise(vector)`, which is minimised; vectors are `(k,)`, minimised."""
        super().__init__(rungs)
        self._reduction, self._scalarise = reduction, scalarise
        self._asha: Any = AsyncHyperBandScheduler(  # which looks at nothing of a trial but its name
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
        return bool(self._asha.on_trial_result(None, subject, result) == AsyncHyperBandScheduler.CONTINUE)


class SyneTuneMoAsha(StoppingScheduler):
    """MOASHA of syne-tune 0.16.0, with its own priorities or with others (`docs/decisions/0005`)."""

    def __init__(self, rungs: int, reduction: int, priority: Priority | None = None) -> None:
        """MOASHA; `priority` gives every result of a rung, `(n, k)`, its own, `(n,)`: the lowest are the best."""
        super().__init__(rungs)
        self._last, self._reduction, self._priority = rungs - 1, reduction, priority
        self._moasha: Any = None  # made with the first result, which says how many objectives there are

    def _continues(self, trial: str, rung: int, vector: NDArray[np.float64], violation: float) -> bool:
        from syne_tune.optimizer.scheduler import SchedulerDecision
        from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

        metrics = {str(index): value for index, value in enumerate(vector.tolist())}
        self._moasha = self._moasha or MOASHA(
            config_space={},
            metrics=list(metrics),
            time_attr="time",
            multiobjective_priority=self._priority,
            max_t=self._reduction**self._last,
            reduction_factor=self._reduction,
        )
        subject = SimpleNamespace(trial_id=trial)
        if rung == 0:
            self._moasha.on_trial_add(subject)
        result = {"time": self._reduction**rung, **metrics}
        return bool(self._moasha.on_trial_result(subject, result) == SchedulerDecision.CONTINUE)
