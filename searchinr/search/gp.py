"""Gaussian processes and expected hypervolume improvement, as Optuna has them, over configs."""

from collections.abc import Iterable, Iterator
from heapq import nlargest
from itertools import chain

import numpy as np
from optuna.trial import TrialState

from searchinr.search.configs import Config
from searchinr.search.evidence import Evidence, best, informative
from searchinr.search.model_sampler import ModelSampler
from searchinr.search.neighbours import neighbours
from searchinr.search.optuna_study import distributions_of, middle, point_of, seed_of, told
from searchinr.search.random_sampler import draw
from searchinr.search.samplers import History

_MODELLED = 150
"""The largest number of results that the model is given: its cost grows with their cube."""

_PENDING = 64
"""The largest number of pending configs that the model is given; the latest ones are taken."""

_DRAWN = 200
"""Number of random configs from which the search for the largest improvement starts, beside neighbours of the best."""

_CLIMBERS = 10
"""Number of configs whose neighbours are looked at in each round of that search."""

_ROUNDS = 8
"""The largest number of rounds of that search."""


class Gp(ModelSampler):
    """Asks for the config with the largest expected hypervolume improvement under a Gaussian process per objective.

    All parameters of all codecs span one space, so that what is learnt about widths with one backbone is known for the
    others. In this space the parameters that a config does not have take their middle value, and the model is asked
    about no other points: elsewhere it would see variance that no config can resolve. The model also knows the pending
    configs and draws results for them from its posterior (Monte Carlo), so that parallel asks get different answers.

    The search for the largest improvement starts from random configs and from neighbours of the best known configs, and
    goes on from neighbour to neighbour. Every config that it looked at is a proposal, so one model serves one trial.

    Source: Daulton et al., "Differentiable Expected Hypervolume Improvement", 2020, as Optuna has it.
    """

    def _learnt(self, evidence: Evidence, history: History) -> Iterator[Config]:
        # This imports torch, which takes a second: only samplers that use the model should pay for it.
        from searchinr.search.gp_optuna import fit_acquisition

        results = informative(evidence.results, _MODELLED)
        distributions, resting = distributions_of(self._configs), middle(self._configs)

        def whole(config: Config) -> dict[str, int | float]:
            return {**resting, **point_of(config, self._configs)}

        trials = [told(TrialState.COMPLETE, whole(result.config), distributions, result) for result in results]
        for state, configs in (
            (TrialState.RUNNING, history.pending[-_PENDING:]),
            (TrialState.FAIL, history.failed),
        ):
            trials += [told(state, whole(config), distributions) for config in configs]
        acquisition = fit_acquisition(
            trials, distributions, len(results[0].vector), seed_of(self._seed, history.number)
        )

        rng = np.random.default_rng([self._seed, history.number])
        drawn = (self._configs.assemble(lambda _name, domain: draw(domain, rng)) for _ in range(_DRAWN))
        starts = [result.config for result in best(results, _CLIMBERS)]
        candidates: Iterable[Config] = chain(drawn, self._beside(starts, rng))
        looked_at: dict[tuple[float, ...], tuple[float, Config]] = {}
        for _ in range(_ROUNDS):
            new = {tuple(whole(config).values()): config for config in candidates}
            new = {point: config for point, config in new.items() if point not in looked_at}
            if not new:
                break
            values = acquisition([whole(config) for config in new.values()])
            looked_at |= {
                point: (value, config) for (point, config), value in zip(new.items(), values.tolist(), strict=True)
            }
            climbers = nlargest(_CLIMBERS, looked_at.values(), key=lambda found: found[0])
            candidates = self._beside([config for _, config in climbers], rng)
        for _, config in sorted(looked_at.values(), key=lambda found: -found[0]):
            yield config

    def _beside(self, configs: Iterable[Config], rng: np.random.Generator) -> Iterator[Config]:
        return chain.from_iterable(neighbours(config, self._configs, rng) for config in configs)
