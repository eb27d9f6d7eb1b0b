"""Multi-objective tree-structured Parzen estimator, by way of Optuna."""

import math
import warnings
from typing import ClassVar

import optuna
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from searchinr.engine.search.configs import Config
from searchinr.engine.search.evidence import Evidence, informative
from searchinr.engine.search.model_sampler import ModelSampler
from searchinr.engine.search.optuna_study import distributions_of, make_study, point_of, seed_of, told
from searchinr.engine.search.samplers import History, Observation

_MODELLED = 250
"""Results that the model knows at most, and as many configs that were left behind."""

_GOOD = 0.2
"""Share of all configs that counts as good. Optuna's tenth is few points to span a front: of 40 results, 4."""

_GOOD_AT_MOST = 0.5
"""Share of a rung's results that counts as good at most: of the others, it is learnt what is better avoided."""


class Tpe(ModelSampler):
    """Draws from where good configs are dense and others are not (Ozaki et al., MOTPE, JAIR 73, 2022).

    Good are the best results of the rung. Bad are its others, the configs that lower rungs have left behind (told as
    pruned), and those that run (constant liar), so that workers asking at the same time get different answers. A
    parameter is modelled where it matters, by the configs that have it, independently of the others.
    """

    _tries: ClassVar[int] = 4

    def _study(self, evidence: Evidence, history: History) -> optuna.Study:
        results = informative(evidence.results, _MODELLED)
        tried = len(results) + len(evidence.left_behind)
        good = math.ceil(min(_GOOD * tried, _GOOD_AT_MOST * len(results)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # Optuna means to drop the choice of gamma in version 6
            sampler = TPESampler(
                n_startup_trials=1,
                multivariate=True,
                group=True,
                gamma=lambda _: good,
                seed=seed_of(self._seed, history.number),
            )
        distributions = distributions_of(self._configs)

        def tell(state: TrialState, config: Config, result: Observation | None = None) -> FrozenTrial:
            return told(state, point_of(config, self._configs), distributions, result)

        trials = [tell(TrialState.COMPLETE, result.config, result) for result in results]
        trials += [tell(TrialState.PRUNED, other.config) for other in evidence.left_behind[-_MODELLED:]]
        trials += [tell(TrialState.RUNNING, config) for config in history.pending]
        trials += [tell(TrialState.FAIL, config) for config in history.failed]
        return make_study(sampler, len(results[0].vector), trials)
