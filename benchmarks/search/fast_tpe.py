"""Optuna's independent TPE, at a fraction of the time: it splits trials and builds its estimators once for many asks.

Optuna does so anew for every parameter of an ask. Here it is done again only when something is known that was not known
before: not where the trials since then have failed. The split and the estimators are Optuna's own, and so are the
suggestions: those that it makes with the same seed.
"""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.samplers._tpe.sampler import _split_trials, default_gamma_multiobjective
from optuna.trial import FrozenTrial, TrialState

_KNOWN = (TrialState.COMPLETE, TrialState.RUNNING)


class FastTpe(TPESampler):
    """`TPESampler(seed=seed, constant_liar=True)` for several objectives."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed, constant_liar=True)
        self._number = -1
        self._known: list[tuple[int, TrialState]] = []
        self._groups: tuple[list[FrozenTrial], list[FrozenTrial]] = [], []  # the good trials, the others
        self._estimators: dict[str, list[_ParzenEstimator]] = {}  # of each parameter, for both groups

    def _sample(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if trial.number != self._number:
            self._number = trial.number
            self._look(study, trial)
        (name,) = search_space
        if name not in self._estimators:
            self._estimators[name] = [
                self._build_parzen_estimator(study, search_space, group, handle_below=group is self._groups[0])
                for group in self._groups
            ]
        samples = self._estimators[name][0].sample(self._rng.rng, self._n_ei_candidates)
        best = self._compare(samples, self._compute_acquisition_func(samples, *self._estimators[name]))
        return {name: search_space[name].to_external_repr(best[name])}

    def _look(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Splits the trials if what is known of them has changed."""
        trials = [other for other in study.get_trials(deepcopy=False, states=_KNOWN) if other.number != trial.number]
        known = [(other.number, other.state) for other in trials]
        if known != self._known:
            complete = sum(state == TrialState.COMPLETE for _, state in known)
            self._groups = _split_trials(study, trials, default_gamma_multiobjective(complete))
            self._known, self._estimators = known, {}
