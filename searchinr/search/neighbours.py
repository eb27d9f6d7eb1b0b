"""The neighbours of a config: they are tried if a sampler proposes a known config, or searches for a better one."""

import math
from collections.abc import Iterator

import numpy as np

from searchinr.search.configs import Config, ConfigSpace, in_range
from searchinr.search.random_sampler import draw
from searchinr.space import Choice, Range, Value

_NEAR = 0.1
"""Standard deviation of a step within a range, as a fraction of the length of the range's axis."""


def neighbours(config: Config, configs: ConfigSpace, rng: np.random.Generator) -> Iterator[Config]:
    """Yields configs that differ from `config` in one parameter, in random order.

    In a choice of numbers, the parameter takes the next value up or down; in any other choice, any other value; in a
    range, a value drawn near the old one. If the new value activates other options, their parameters are drawn.
    """
    values = configs.chosen(config)
    steps = [(name, other) for name, value in values.items() for other in _beside(value, configs.open[name], rng)]
    for index in rng.permutation(len(steps)):
        name, other = steps[index]
        changed = {**values, name: other}

        def pick(name: str, domain: Choice | Range, changed: dict[str, Value] = changed) -> Value:
            return changed[name] if name in changed else draw(domain, rng)

        yield configs.assemble(pick)


def _beside(value: Value, domain: Choice | Range, rng: np.random.Generator) -> tuple[Value, ...]:
    """The values of a domain that count as neighbours of `value`."""
    if isinstance(domain, Range):
        assert not isinstance(value, str)
        return (_near(value, domain, rng),)
    if value not in domain.values:
        return ()
    if any(isinstance(other, str | bool) for other in domain.values):
        return tuple(other for other in domain.values if other != value)
    place = domain.values.index(value)
    return (*domain.values[max(0, place - 1) : place], *domain.values[place + 1 : place + 2])


def _near(value: float, domain: Range, rng: np.random.Generator) -> Value:
    moved = _NEAR * rng.standard_normal()
    if domain.log:
        return in_range(value * math.exp(moved * math.log(domain.high / domain.low)), domain)
    return in_range(value + moved * (domain.high - domain.low), domain)
