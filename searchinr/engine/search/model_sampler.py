"""What the samplers that learn have in common."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import numpy as np
import optuna

from searchinr.engine.search.configs import Config
from searchinr.engine.search.evidence import ENOUGH, Evidence, gather
from searchinr.engine.search.neighbours import neighbours
from searchinr.engine.search.optuna_study import quiet, suggest
from searchinr.engine.search.random_sampler import Random
from searchinr.engine.search.samplers import History, Sampler


class ModelSampler(Sampler):
    """Asks an Optuna study that knows the results of one rung; at random while there are too few.

    Every call makes a study of its own, in memory, so nothing is remembered but what the history says.
    """

    _enough: ClassVar[int] = ENOUGH
    """Results at the first rung before a study is asked."""

    _tries: ClassVar[int]
    """Times that the study is asked, if the caller knows the proposal and all its neighbours, before it is random."""

    def proposals(self, history: History) -> Iterator[Config]:
        """See `Sampler.proposals`."""
        evidence = gather(history.observations, self._enough)
        if evidence is not None and self._configs.open:
            rng = np.random.default_rng([self._seed, history.number])
            with quiet():
                study = self._study(evidence, history)
            for _ in range(self._tries):
                with quiet():
                    config = self._configs.assemble(partial(suggest, study.ask()))
                yield config
                yield from neighbours(config, self._configs, rng)
        yield from Random(self._configs, self._seed).proposals(history)

    @abstractmethod
    def _study(self, evidence: Evidence, history: History) -> optuna.Study:
        """A fresh study that knows the evidence, what is pending and what has failed."""
