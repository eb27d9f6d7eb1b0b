"""The multi-objective tree-structured Parzen estimator of Optuna."""

import math
import warnings

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from searchinr.search.configs import Config, ConfigSpace
from searchinr.search.evidence import Evidence, informative
from searchinr.search.model_sampler import StudySampler
from searchinr.search.optuna_study import distributions_of, make_study, point_of, seed_of, told
from searchinr.search.samplers import History, Observation

_MODELLED = 250
"""The largest number of results that the model is given, and of configs that were left behind as well."""

_GOOD = 0.2
"""Share of all configs that counts as good. Optuna's tenth has too few points to span a front: 4 of 40 results."""

_GOOD_AT_MOST = 0.5
"""At most this share of a rung's results counts as good; from the others the model learns what to avoid."""


class Tpe(StudySampler):
    """Draws configs from where good configs are dense and bad ones are not (Ozaki et al., MOTPE, JAIR 73, 2022).

    The best results of the rung are good. All others are bad: the rung's other results, configs left behind at lower
    rungs (Optuna knows them as pruned), and running ones (constant liar), so that parallel asks get different answers.
    Parameters that occur together are modelled together, from the configs that have them.
    """

    def __init__(self, configs: ConfigSpace, seed: int) -> None:
        """See `Sampler`."""
        super().__init__(configs, seed)
        self._distributions = distributions_of(configs)
        self._results: dict[tuple[int, TrialState], tuple[Observation, FrozenTrial]] = {}

    def _study(self, evidence: Evidence, history: History) -> optuna.Study:
        results = informative(evidence.results, _MODELLED)
        tried = len(results) + len(evidence.left_behind)
        good = math.ceil(min(_GOOD * tried, _GOOD_AT_MOST * len(results)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # Optuna wants to remove the parameter gamma in version 6
            warnings.simplefilter("ignore", ExperimentalWarning)  # `group`
            sampler = TPESampler(
                n_startup_trials=1,
                multivariate=True,
                group=True,
                gamma=lambda _: good,
                seed=seed_of(self._seed, history.number),
            )
        trials = [self._result(TrialState.COMPLETE, result) for result in results]
        trials += [self._result(TrialState.PRUNED, other) for other in evidence.left_behind[-_MODELLED:]]
        trials += [self._told(TrialState.RUNNING, config) for config in history.pending]
        trials += [self._told(TrialState.FAIL, config) for config in history.failed]
        return make_study(sampler, len(results[0].vector), trials)

    def _result(self, state: TrialState, result: Observation) -> FrozenTrial:
        """A result as Optuna records it. It is made once and kept, since making it is half of the cost of an ask."""
        key = id(result), state
        if key not in self._results:
            values = result if state == TrialState.COMPLETE else None
            self._results[key] = result, self._told(state, result.config, values)  # a kept result keeps its id
        return self._results[key][1]

    def _told(self, state: TrialState, config: Config, result: Observation | None = None) -> FrozenTrial:
        return told(state, point_of(config, self._configs), self._distributions, result)
