"""Gaussian processes and expected hypervolume improvement, by way of Optuna."""

from typing import ClassVar

import optuna
from optuna.trial import TrialState

from searchinr.engine.search.evidence import Evidence, informative
from searchinr.engine.search.model_sampler import ModelSampler
from searchinr.engine.search.optuna_study import distributions_of, make_study, middle, point_of, seed_of, told
from searchinr.engine.search.samplers import History

_MODELLED = 200
"""Results that the model knows at most: its cost grows with their cube."""

_PENDING = 64
"""Pending configs that the model knows at most, the latest."""


class Gp(ModelSampler):
    """Asks for the config with the largest expected hypervolume improvement under a Gaussian process per objective.

    All parameters of all codecs span one space, so that what one backbone shows of widths is known for the others. A
    config lies in it with the parameters that it does not have at rest, and the improvement is sought among such
    points alone: elsewhere the model would see variance where there is nothing to find out. Pending configs are known
    to the model, which imagines their results (Monte Carlo over the posterior), so that parallel asks spread.

    Source: Daulton et al., "Differentiable Expected Hypervolume Improvement", 2020, as Optuna has it.
    """

    _tries: ClassVar[int] = 4

    def _study(self, evidence: Evidence, history: History) -> optuna.Study:
        # It imports torch: a second that only those pay who ask.
        from searchinr.engine.search.gp_optuna import ConfigGpSampler

        results = informative(evidence.results, _MODELLED)
        distributions, resting = distributions_of(self._configs), middle(self._configs)
        trials = [
            told(TrialState.COMPLETE, {**resting, **point_of(result.config, self._configs)}, distributions, result)
            for result in results
        ]
        for state, configs in (
            (TrialState.RUNNING, history.pending[-_PENDING:]),
            (TrialState.FAIL, history.failed),
        ):
            trials += [told(state, {**resting, **point_of(config, self._configs)}, distributions) for config in configs]
        sampler = ConfigGpSampler(self._configs, seed_of(self._seed, history.number))
        return make_study(sampler, len(results[0].vector), trials)
