"""The sampler contract: a sampler proposes what to try next from what is known so far."""

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
        config: The config that was tried.
        rung: The rung at which it was measured.
        vector: `(k,)`: the result's place on the axis of each objective; less is better.
        excess: `(c,)`: how far it is beyond the limit of each constraint, as a fraction of it; 0 or less is within.
    """

    trial: str
    config: Config
    rung: int
    vector: NDArray[np.float64]
    excess: NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """Everything that a sampler may know.

    Attributes:
        observations: All results so far, in the order in which they came; several for a trial with several rungs.
        pending: Configs of trials that run and have no result yet.
        failed: Configs of trials that have failed, in the order in which they failed.
        number: Number of the next trial, which is the number of trials that were chosen before it.
    """

    observations: Sequence[Observation]
    pending: Sequence[Config]
    failed: Sequence[Config]
    number: int


class Sampler(ABC):
    """Proposes what to try next.

    A sampler has no state: proposals depend on the seed and the arguments alone, so that a search that is rebuilt from
    its ledger gets the same proposals.
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
        """Yields configs for the next trial, best first; each is made only when it is asked for.

        The caller takes the first config that it has not tried yet. If the proposals end without one, the space is
        exhausted. For a finite space this is exact; for any other space it is as good as certain.
        """
