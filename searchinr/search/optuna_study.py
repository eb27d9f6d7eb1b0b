"""Tells Optuna what is known and asks it what to try, each time with a fresh study in memory."""

import copy
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from searchinr.search.configs import Config, ConfigSpace, in_range
from searchinr.search.samplers import Observation
from searchinr.space import Choice, Range, Value

Point = Mapping[str, int | float]
"""Values of open parameters as Optuna represents them, by name; the value of a choice is its number."""

Distributions = Mapping[str, BaseDistribution]
"""Optuna's distributions of open parameters, by name."""


def seed_of(seed: int, number: int) -> int:
    """Derives the seed for one ask from the seed of the search and the number of trials so far."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def distribution(domain: Choice | Range) -> BaseDistribution:
    """The distribution that stands for a domain in Optuna; choices of rising numbers keep their order."""
    if isinstance(domain, Range):
        if domain.integer:
            return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    if _is_ordinal(domain):
        return IntDistribution(0, len(domain.values) - 1)
    return CategoricalDistribution(range(len(domain.values)))


def internal(value: Value, domain: Choice | Range) -> int | float | None:
    """Optuna's representation of a config's value.

    If a codec has snapped the value to one outside the domain, the nearest one inside is taken; None if there is none.
    """
    if isinstance(domain, Range):
        return None if isinstance(value, str) else min(max(value, domain.low), domain.high)
    if value in domain.values:
        return domain.values.index(value)
    if _is_ordinal(domain) and not isinstance(value, str):
        return int(np.argmin(np.abs(np.array(domain.values, dtype=float) - float(value))))
    return None


def external(value: float, domain: Choice | Range) -> Value:
    """The config's value that Optuna's representation `value` stands for; the inverse of `internal`."""
    return domain.values[int(value)] if isinstance(domain, Choice) else in_range(value, domain)


def suggest(trial: Trial, name: str, domain: Choice | Range) -> Value:
    """Asks a trial of Optuna for the value of an open parameter."""
    kind = distribution(domain)
    if isinstance(kind, CategoricalDistribution):
        return external(int(trial.suggest_categorical(name, range(len(kind.choices)))), domain)
    if isinstance(kind, IntDistribution):
        return external(trial.suggest_int(name, kind.low, kind.high, log=kind.log), domain)
    assert isinstance(kind, FloatDistribution)
    return external(trial.suggest_float(name, kind.low, kind.high, log=kind.log), domain)


def distributions_of(configs: ConfigSpace) -> Distributions:
    """The distributions of all open parameters."""
    return {name: distribution(domain) for name, domain in configs.open.items()}


def point_of(config: Config, configs: ConfigSpace) -> Point:
    """The open parameters that a config has, as Optuna represents them."""
    values = {name: internal(value, configs.open[name]) for name, value in configs.chosen(config).items()}
    return {name: value for name, value in values.items() if value is not None}


def middle(configs: ConfigSpace) -> Point:
    """The point at which every open parameter is in the middle of its domain."""
    return {name: _middle(domain) for name, domain in configs.open.items()}


def told(
    state: TrialState,
    point: Point,
    distributions: Distributions,
    result: Observation | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> FrozenTrial:
    """Makes a trial as Optuna records it.

    The point need not have all open parameters. Complete trials have a result; `attributes` are what the Optuna sampler
    stores with a trial.
    """
    trial = optuna.trial.create_trial(
        state=state,
        params=dict(point),
        distributions={name: distributions[name] for name in point},
        values=None if result is None else result.vector.tolist(),
        constraints=None if result is None else {str(i): float(e) for i, e in enumerate(result.excess)},
        system_attrs=dict(attributes or {}),
    )
    trial.__class__ = _Told
    return trial


class _Told(FrozenTrial):
    """A trial whose contents are never changed, so that the copies that a study makes can share them.

    Deep copies would be most of the cost of a study with hundreds of trials.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Told":
        return copy.copy(self)


def make_study(sampler: BaseSampler, objectives: int, trials: Iterable[FrozenTrial]) -> optuna.Study:
    """Makes a study in memory that minimises all objectives and knows these trials."""
    study = optuna.create_study(directions=["minimize"] * objectives, sampler=sampler)
    study.add_trials(trials)
    return study


@contextmanager
def quiet() -> Iterator[None]:
    """Silences Optuna inside the context; otherwise it would announce every study."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _is_ordinal(choice: Choice) -> bool:
    numbers = [value for value in choice.values if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(choice.values) and numbers == sorted(numbers)


def _middle(domain: Choice | Range) -> int | float:
    if isinstance(domain, Choice):
        return len(domain.values) // 2
    middle = math.sqrt(domain.low * domain.high) if domain.log else (domain.low + domain.high) / 2
    return round(middle) if domain.integer else middle
