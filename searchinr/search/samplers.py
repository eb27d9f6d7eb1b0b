"""The sampler contract: from what is known so far to what to try next."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from searchinr.search.configs import Config, ConfigSpace


@dataclass(frozen=True)
class Observation:
    """A result that a sampler may learn from.

    Attributes:
        trial: Name of the trial.
        config: What was tried.
        rung: Where it was measured.
        vector: `(k,)`, minimised.
        excess: `(c,)`: how far it is above each constraint, as a fraction of the limit; 0 or less is within it.
    """

    trial: str
    config: Config
    rung: int
    vector: NDArray[np.float64]
    excess: NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """What a sampler may know.

    Attributes:
        observations: All results so far, in the order in which they came; several for a trial with several rungs.
        pending: Configs of trials that run and have no result yet.
        failed: Configs of trials that have failed, in the order in which they did.
        number: Number of the next trial: how many were chosen before it.
    """

    observations: Sequence[Observation]
    pending: Sequence[Config]
    failed: Sequence[Config]
    number: int


class Sampler(ABC):
    """Proposes what to try next.

    Stateless: proposals depend on the seed and the arguments alone, so that a search rebuilt from its ledger goes on
    with the same ones.
    """

    def __init__(self, configs: ConfigSpace, seed: int) -> None:
        """A sampler for a space.

        Raises:
            UserError: The space does not suit this sampler.
        """
        self._configs = configs
        self._seed = seed

    @abstractmethod
    def proposals(self, history: History) -> Iterator[Config]:
        """Configs for the next trial, best first, made one at a time as they are asked for.

        The caller takes the first that it has not tried yet. That the proposals end without one means that the space
        is exhausted: exactly so for a finite space, as good as certainly for any other.
        """
