"""Configs beside a config: what to try where a sampler proposes what is known."""

from collections.abc import Iterator

import numpy as np

from searchinr.engine.search.configs import Config, ConfigSpace
from searchinr.engine.search.random_sampler import draw
from searchinr.space import Choice, Range, Value


def neighbours(config: Config, configs: ConfigSpace, rng: np.random.Generator) -> Iterator[Config]:
    """Every config that differs in one choice, in random order.

    Where the values are numbers it is the next one up or down, else any other. Parameters that come with another choice
    (the options of another backbone) are drawn.
    """
    values = configs.chosen(config)
    steps = [(name, other) for name, value in values.items() for other in _beside(value, configs.open[name])]
    for index in rng.permutation(len(steps)):
        name, other = steps[index]
        changed = {**values, name: other}

        def pick(name: str, domain: Choice | Range, changed: dict[str, Value] = changed) -> Value:
            return changed[name] if name in changed else draw(domain, rng)

        yield configs.assemble(pick)


def _beside(value: Value, domain: Choice | Range) -> tuple[Value, ...]:
    """The values beside one of a choice; none of a range, in which proposals hardly ever meet."""
    if isinstance(domain, Range) or value not in domain.values:
        return ()
    if any(isinstance(other, str | bool) for other in domain.values):
        return tuple(other for other in domain.values if other != value)
    place = domain.values.index(value)
    return (*domain.values[max(0, place - 1) : place], *domain.values[place + 1 : place + 2])
