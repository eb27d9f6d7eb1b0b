"""Optuna's NSGA-II, which does not go through all trials at each ask to find which parameters they have in common."""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import NSGAIISampler
from optuna.trial import FrozenTrial, TrialState

_ENOUGH = 50  # finished trials, which show what all trials of a space have in common


class FastNsga2(NSGAIISampler):
    """`NSGAIISampler(seed=seed)` for a space that stays as it is."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self._common: dict[str, BaseDistribution] | None = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
        """The parameters of all trials."""
        if self._common is not None:
            return self._common
        common = super().infer_relative_search_space(study, trial)
        if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) >= _ENOUGH:
            self._common = common
        return common
