"""NSGA-II with the operators of Optuna."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import optuna
from optuna.samplers import NSGAIISampler
from optuna.trial import TrialState

from searchinr.search.evidence import Evidence, best, informative
from searchinr.search.model_sampler import StudySampler
from searchinr.search.optuna_study import Point, distributions_of, internal, make_study, point_of, seed_of, told
from searchinr.search.random_sampler import draw
from searchinr.search.samplers import History

POPULATION = 20
"""Size of the population. Optuna's default of 50 does poorly in searches of a few hundred trials."""

_CANDIDATES = 100
"""The largest number of results from which the population is chosen."""


class Nsga2(StudySampler):
    """Crosses and mutates the best configs (Deb et al., NSGA-II, 2002), one child at a time.

    Results come one by one, so there are no generations: the parents of every child are among the best of all results
    of the rung (steady state, mu + 1). Selection, crossover and mutation are Optuna's. So that parents of different
    codecs can be crossed, each carries a value of every open parameter: values that its config does not have are taken
    from other good configs or, if none has the parameter, drawn at random.
    """

    _enough: ClassVar[int] = POPULATION

    def _study(self, evidence: Evidence, history: History) -> optuna.Study:
        results = informative(evidence.results, _CANDIDATES)
        seed = seed_of(self._seed, history.number)
        rng = np.random.default_rng(seed)
        donors = [point_of(result.config, self._configs) for result in best(results, POPULATION)]
        # To Optuna, all results form the generation before the one that the child belongs to.
        first = {NSGAIISampler._get_generation_key(): 0}
        distributions = distributions_of(self._configs)
        points = [self._whole(point_of(result.config, self._configs), donors, rng) for result in results]
        trials = [
            told(TrialState.COMPLETE, point, distributions, result, first)
            for point, result in zip(points, results, strict=True)
        ]
        trials += [told(TrialState.FAIL, point_of(config, self._configs), distributions) for config in history.failed]
        return make_study(NSGAIISampler(population_size=POPULATION, seed=seed), len(results[0].vector), trials)

    def _whole(self, point: Point, donors: Sequence[Point], rng: np.random.Generator) -> Point:
        """Completes a point with values of all other open parameters."""
        drawn = {name: internal(draw(domain, rng), domain) for name, domain in self._configs.open.items()}
        whole = {name: value for name, value in drawn.items() if value is not None}
        for donor in rng.permutation(len(donors)):
            whole |= dict(donors[donor])
        return {**whole, **point}
