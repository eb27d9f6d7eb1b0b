"""The sampler contract, and the samplers that do not learn: random and grid."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from searchinr.engine.search.configs import Config, ConfigSpace
from searchinr.errors import UserError
from searchinr.space import Choice, Range, Value

_RANDOM_TRIES = 200


@dataclass(frozen=True)
class Observation:
    """A result that a sampler may learn from.

    Attributes:
        trial: Name of the trial.
        config: What was tried.
        rung: Where it was measured.
        vector: `(k,)`, minimised.
    """

    trial: str
    config: Config
    rung: int
    vector: NDArray[np.float64]


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
    def proposals(
        self, observations: Sequence[Observation], pending: Sequence[Config], number: int
    ) -> Iterator[Config]:
        """Configs for the next trial, best first, made one at a time as they are asked for.

        The caller takes the first that it has not tried yet. That the proposals end without one means that the space
        is exhausted: exactly so for a finite space, as good as certainly for any other.

        Args:
            observations: All results so far, in the order in which they came; several for a trial with several rungs.
            pending: Trials without any result: they run, or have failed.
            number: Number of trials so far.
        """


class Random(Sampler):
    """Every codec, every choice and every place of a range (or of its logarithm) with equal probability."""

    def proposals(
        self, observations: Sequence[Observation], pending: Sequence[Config], number: int
    ) -> Iterator[Config]:
        """See `Sampler.proposals`."""
        rng = np.random.default_rng([self._seed, number])
        for _ in range(_RANDOM_TRIES):
            yield self._configs.assemble(lambda _name, domain: _draw(domain, rng))
        if self._configs.is_finite:
            yield from (self._configs.canonical(codec, params) for codec, params in self._configs.enumerate())


class Grid(Sampler):
    """Every combination of choices, in the order of the space file, the last key fastest."""

    def __init__(self, configs: ConfigSpace, seed: int) -> None:
        """A grid over a finite space.

        Raises:
            UserError: A parameter has a range.
        """
        super().__init__(configs, seed)
        for codec, domains in configs.codecs.items():
            for key, domain in domains.items():
                if isinstance(domain, Range):
                    raise UserError(
                        f"codecs.{codec}.{key}: a grid cannot search the range {domain.low:g} to {domain.high:g}; "
                        "give a choice of values, or set search.sampler to tpe or random"
                    )

    def proposals(
        self, observations: Sequence[Observation], pending: Sequence[Config], number: int
    ) -> Iterator[Config]:
        """See `Sampler.proposals`."""
        # Trials were taken in this order, so what lies before `number` has been tried.
        for codec, params in islice(self._configs.enumerate(), number, None):
            yield self._configs.canonical(codec, params)


def _draw(domain: Choice | Range, rng: np.random.Generator) -> Value:
    """A value of the domain, uniform on its axis."""
    if isinstance(domain, Choice):
        return domain.values[rng.integers(len(domain.values))]
    # The ends of an integer range get a whole interval each, like every other integer.
    low, high = (domain.low - 0.5, domain.high + 0.5) if domain.integer else (domain.low, domain.high)
    drawn = math.exp(rng.uniform(math.log(low), math.log(high))) if domain.log else rng.uniform(low, high)
    return in_range(drawn, domain)


def in_range(value: float, domain: Range) -> Value:
    """`value` as a member of the range: an integer, or a float with four significant digits that people can read."""
    tidy = round(value) if domain.integer else float(f"{value:.4g}")
    clipped = min(max(tidy, domain.low), domain.high)
    return int(clipped) if domain.integer else float(clipped)
