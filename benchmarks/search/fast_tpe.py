"""Optuna's independent TPE, which gives the same suggestions in a fraction of the time.

Optuna lists, splits and converts all trials anew for every parameter of an ask. They do not change in between, so this
does it once for each ask; the estimators and the draws are Optuna's own.
"""

from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import _split_trials, default_gamma_multiobjective
from optuna.trial import FrozenTrial, TrialState

_KNOWN = (TrialState.COMPLETE, TrialState.RUNNING)


class FastTpe(TPESampler):
    """`TPESampler(seed=seed, constant_liar=True)` for several objectives and a fixed set of parameters."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed, constant_liar=True)
        self._number = -1
        self._values: dict[int, dict[str, float]] = {}  # of finished trials, in Optuna's terms
        self._below: list[dict[str, float]] | None = None
        self._above: list[dict[str, float]] = []

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401  Optuna's own signature
        """A value for one parameter, as Optuna would draw it."""
        if trial.number != self._number:
            self._number = trial.number
            self._split(study, trial)
        if self._below is None:
            return self._random_sampler.sample_independent(study, trial, param_name, param_distribution)
        space = {param_name: param_distribution}
        estimators = []
        for rows, weights in ((self._below, [np.ones(len(self._below))]), (self._above, [])):
            observations = {param_name: np.array([row[param_name] for row in rows if param_name in row])}
            estimators.append(
                self._parzen_estimator_cls(observations, space, self._parzen_estimator_parameters, *weights)
            )
        samples = estimators[0].sample(self._rng.rng, self._n_ei_candidates)
        scores = self._compute_acquisition_func(samples, *estimators)
        return param_distribution.to_external_repr(self._compare(samples, scores)[param_name])

    def _split(self, study: optuna.Study, trial: FrozenTrial) -> None:
        trials = [other for other in study.get_trials(deepcopy=False, states=_KNOWN) if other.number != trial.number]
        complete = sum(other.state == TrialState.COMPLETE for other in trials)
        self._below = None
        if complete >= self._n_startup_trials:
            below, above = _split_trials(study, trials, default_gamma_multiobjective(complete))
            self._below, self._above = [self._row(t) for t in below], [self._row(t) for t in above]

    def _row(self, trial: FrozenTrial) -> dict[str, float]:
        row = self._values.get(trial.number)
        if row is None or len(row) < len(trial.params):
            row = {name: trial.distributions[name].to_internal_repr(value) for name, value in trial.params.items()}
            self._values[trial.number] = row
        return row
