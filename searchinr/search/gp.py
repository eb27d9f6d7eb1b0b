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
"""Results that the model knows at most: its cost grows with their cube."""

_PENDING = 64
"""Pending configs that the model knows at most, the latest."""

_DRAWN = 200
"""Configs among which the search for the largest improvement begins, beside the neighbours of the best known ones."""

_CLIMBERS = 10
"""Configs whose neighbours are looked at in each round of that search."""

_ROUNDS = 8
"""Rounds at most."""


class Gp(ModelSampler):
    """Asks for the config with the largest expected hypervolume improvement under a Gaussian process per objective.

    All parameters of all codecs span one space, so that what one backbone shows of widths is known for the others. A
    config lies in it with the parameters that it does not have at rest, and only such points are looked at: elsewhere
    the model would see variance where there is nothing to find out. Pending configs are known to the model, which
    imagines their results (Monte Carlo over the posterior), so that parallel asks spread.

    The largest improvement is sought among configs drawn at random and those beside the best ones that are known, and
    then from neighbour to neighbour. All that were looked at are proposals, so one model is enough for a trial.

    Source: Daulton et al., "Differentiable Expected Hypervolume Improvement", 2020, as Optuna has it.
    """

    def _learnt(self, evidence: Evidence, history: History) -> Iterator[Config]:
        # It imports torch: a second that only those pay who ask.
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
