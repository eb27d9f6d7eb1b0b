"""Optuna's independent TPE for parameters with few values each, at a fraction of the time.

Optuna splits the trials, builds its estimators and scores its candidates anew for every parameter of an ask. Here all
of it is kept until something is known that was not known before, which a trial that fails does not change. The split
and the estimators are Optuna's own, and so are the suggestions: those that it makes with the same seed.
"""

from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.samplers._tpe.sampler import _split_trials, default_gamma_multiobjective
from optuna.trial import FrozenTrial, TrialState

_KNOWN = (TrialState.COMPLETE, TrialState.RUNNING)


class FastTpe(TPESampler):
    """`TPESampler(seed=seed, constant_liar=True)` for several objectives and parameters with finitely many values."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed, constant_liar=True)
        self._number = -1
        self._known: list[tuple[int, TrialState]] = []
        self._groups: tuple[list[FrozenTrial], list[FrozenTrial]] = [], []  # the good trials, the others
        # Of each parameter: the estimators of both groups, and the scores of values that were candidates.
        self._models: dict[str, tuple[_ParzenEstimator, _ParzenEstimator, dict[float, float]]] = {}

    def _sample(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if trial.number != self._number:
            self._number = trial.number
            self._look(study, trial)
        (name,) = search_space
        if name not in self._models:
            below = self._build_parzen_estimator(study, search_space, self._groups[0], handle_below=True)
            above = self._build_parzen_estimator(study, search_space, self._groups[1], handle_below=False)
            self._models[name] = below, above, {}
        below, above, scores = self._models[name]
        candidates = below.sample(self._rng.rng, self._n_ei_candidates)[name].tolist()
        for value in set(candidates) - scores.keys():
            scores[value] = self._compute_acquisition_func({name: np.array([value])}, below, above).item()
        return {name: search_space[name].to_external_repr(max(candidates, key=scores.__getitem__))}

    def _look(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Splits the trials if what is known of them has changed."""
        trials = [other for other in study.get_trials(deepcopy=False, states=_KNOWN) if other.number != trial.number]
        known = [(other.number, other.state) for other in trials]
        if known != self._known:
            complete = sum(state == TrialState.COMPLETE for _, state in known)
            self._groups = _split_trials(study, trials, default_gamma_multiobjective(complete))
            self._known, self._models = known, {}
