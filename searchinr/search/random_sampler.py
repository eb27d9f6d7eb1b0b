"""Random search."""

import math
from collections.abc import Iterator

import numpy as np

from searchinr.search.configs import Config, in_range
from searchinr.search.samplers import History, Sampler
from searchinr.space import Choice, Range, Value

_TRIES = 200


class Random(Sampler):
    """Draws every codec, every value of a choice and every place on a range's axis with equal probability."""

    def proposals(self, history: History) -> Iterator[Config]:
        """See `Sampler.proposals`."""
        rng = np.random.default_rng([self._seed, history.number])
        for _ in range(_TRIES):
            yield self._configs.assemble(lambda _name, domain: draw(domain, rng))
        if self._configs.is_finite:
            yield from (self._configs.canonical(codec, params) for codec, params in self._configs.enumerate())


def draw(domain: Choice | Range, rng: np.random.Generator) -> Value:
    """Draws a value of the domain, uniformly on its axis (linear or logarithmic)."""
    if isinstance(domain, Choice):
        return domain.values[rng.integers(len(domain.values))]
    # The two ends of an integer range get an interval of width 1 each, like every other integer.
    low, high = (domain.low - 0.5, domain.high + 0.5) if domain.integer else (domain.low, domain.high)
    drawn = math.exp(rng.uniform(math.log(low), math.log(high))) if domain.log else rng.uniform(low, high)
    return in_range(drawn, domain)
