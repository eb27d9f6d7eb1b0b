"""The common base of the samplers that learn a model."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import numpy as np
import optuna

from searchinr.search.configs import Config
from searchinr.search.evidence import ENOUGH, Evidence, gather
from searchinr.search.neighbours import neighbours
from searchinr.search.optuna_study import quiet, suggest
from searchinr.search.random_sampler import Random
from searchinr.search.samplers import History, Sampler

_TRIES = 4
"""How often a study is asked, if the caller refuses each proposal and all its neighbours, before configs are random."""


class ModelSampler(Sampler):
    """Learns from the results of one rung, and draws at random while there are too few.

    Every call learns anew from the history, so no state is kept between calls.
    """

    _enough: ClassVar[int] = ENOUGH
    """The number of results at the first rung from which the sampler begins to learn."""

    def proposals(self, history: History) -> Iterator[Config]:
        """See `Sampler.proposals`."""
        evidence = gather(history.observations, self._enough)
        if evidence is not None and self._configs.open:
            yield from self._learnt(evidence, history)
        yield from Random(self._configs, self._seed).proposals(history)

    @abstractmethod
    def _learnt(self, evidence: Evidence, history: History) -> Iterator[Config]:
        """Configs for the next trial, best first."""


class StudySampler(ModelSampler):
    """Takes its proposals from an Optuna study."""

    def _learnt(self, evidence: Evidence, history: History) -> Iterator[Config]:
        rng = np.random.default_rng([self._seed, history.number])
        with quiet():
            study = self._study(evidence, history)
        for _ in range(_TRIES):
            with quiet():
                config = self._configs.assemble(partial(suggest, study.ask()))
            yield config
            yield from neighbours(config, self._configs, rng)

    @abstractmethod
    def _study(self, evidence: Evidence, history: History) -> optuna.Study:
        """Makes a fresh study that knows the evidence, the pending configs and the failed ones."""
