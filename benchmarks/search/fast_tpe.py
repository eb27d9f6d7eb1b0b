"""Optuna's independent TPE for parameters with few values each: the same chances, at a fraction of the time.

Optuna splits and converts all trials anew for every parameter of an ask, and draws its candidates from estimators that
it builds each time. With finitely many values, what comes of it is a table of each value's chance to be a candidate and
of its score; here the tables are made once for all asks between two changes of what is known. The split and the
estimators are Optuna's own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import _split_trials, default_gamma_multiobjective
from optuna.trial import FrozenTrial, TrialState

Floats = NDArray[np.float64]

_KNOWN = (TrialState.COMPLETE, TrialState.RUNNING)


class FastTpe(TPESampler):
    """`TPESampler(seed=seed, constant_liar=True)` for several objectives and a fixed set of finite parameters."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed, constant_liar=True)
        self._number = -1
        self._is_current = False  # whether the tables hold all that is known
        self._values: dict[int, dict[str, float]] = {}  # of trials, in Optuna's terms
        self._groups: tuple[list[dict[str, float]], list[dict[str, float]]] | None = None
        self._tables: dict[str, tuple[Floats, Floats]] = {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401  Optuna's own signature
        """A value for one parameter, as Optuna would draw it."""
        if trial.number != self._number and not self._is_current:
            self._look(study, trial)
        self._number, self._is_current = trial.number, False
        if self._groups is None:
            return self._random_sampler.sample_independent(study, trial, param_name, param_distribution)
        if param_name not in self._tables:
            self._tables[param_name] = self._table(param_name, param_distribution)
        chances, scores = self._tables[param_name]
        candidates = self._rng.rng.choice(len(chances), self._n_ei_candidates, p=chances)
        best = candidates[np.argmax(scores[candidates])]
        return param_distribution.to_external_repr(float(_values(param_distribution)[best]))

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Of all that can happen, only that the last trial fails leaves what is known as it was."""
        self._is_current = state == TrialState.FAIL and trial.number == self._number

    def _look(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Splits the trials into good and others."""
        trials = [other for other in study.get_trials(deepcopy=False, states=_KNOWN) if other.number != trial.number]
        complete = sum(other.state == TrialState.COMPLETE for other in trials)
        self._tables, self._groups = {}, None
        if complete >= self._n_startup_trials:
            below, above = _split_trials(study, trials, default_gamma_multiobjective(complete))
            self._groups = [self._row(t) for t in below], [self._row(t) for t in above]

    def _table(self, name: str, distribution: BaseDistribution) -> tuple[Floats, Floats]:
        """Of each value, `(K,)`: the chance to be a candidate, and how much better than the others it looks."""
        assert self._groups is not None
        values, logs = _values(distribution), []
        for rows, weights in zip(self._groups, ([np.ones(len(self._groups[0]))], []), strict=True):
            observations = {name: np.array([row[name] for row in rows if name in row])}
            estimator = self._parzen_estimator_cls(
                observations, {name: distribution}, self._parzen_estimator_parameters, *weights
            )
            logs.append(estimator.log_pdf({name: values}))
        chances = np.exp(logs[0])
        return chances / chances.sum(), logs[0] - logs[1]

    def _row(self, trial: FrozenTrial) -> dict[str, float]:
        row = self._values.get(trial.number)
        if row is None or len(row) < len(trial.params):
            row = {name: trial.distributions[name].to_internal_repr(value) for name, value in trial.params.items()}
            self._values[trial.number] = row
        return row


def _values(distribution: BaseDistribution) -> Floats:
    """All values of a parameter, in Optuna's terms, `(K,)`."""
    if isinstance(distribution, CategoricalDistribution):
        return np.arange(len(distribution.choices), dtype=np.float64)
    assert isinstance(distribution, IntDistribution)
    return np.arange(distribution.low, distribution.high + 1, dtype=np.float64)
