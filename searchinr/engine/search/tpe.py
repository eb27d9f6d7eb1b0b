"""Multi-objective tree-structured Parzen estimator, by way of Optuna."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from searchinr.engine.search.configs import Config
from searchinr.engine.search.samplers import Observation, Random, Sampler, in_range
from searchinr.space import Choice, Range, Value

STARTUP_TRIALS = 8
"""Results at the first rung before it is modelled; until then the sampler is random."""

ENOUGH_FOR_HIGHER_RUNG = 30
"""Results at a higher rung before that one is modelled: a tenth of them counts as good, and has to span a front."""

_MODEL_TRIES = 16


class Tpe(Sampler):
    """Draws from where good configs are dense and others are not (Ozaki et al., MOTPE, JAIR 73, 2022).

    The model is fitted to one rung, the highest with enough results, and never to a mixture of training lengths.
    Configs without a result there count as bad ones (constant liar): those that run, so that workers asking at the
    same time get different answers; those that failed; and those that lower rungs have left behind.
    """

    def proposals(
        self, observations: Sequence[Observation], pending: Sequence[Config], number: int
    ) -> Iterator[Config]:
        """See `Sampler.proposals`."""
        measured = Counter(observation.rung for observation in observations)
        if measured[0] >= STARTUP_TRIALS:
            rung = max((rung for rung, count in measured.items() if count >= ENOUGH_FOR_HIGHER_RUNG), default=0)
            here = {o.trial: o for o in observations if o.rung == rung}
            left_behind = {o.trial: o.config for o in observations if o.trial not in here}
            study = self._study(list(here.values()), [*left_behind.values(), *pending], number)
            for _ in range(_MODEL_TRIES):
                yield self._configs.assemble(partial(_suggest, study.ask()))
        yield from Random(self._configs, self._seed).proposals(observations, pending, number)

    def _study(self, observations: Sequence[Observation], bad: Sequence[Config], number: int) -> optuna.Study:
        """A study in memory that knows the results of one rung, and configs that count as bad."""
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        sampler = optuna.samplers.TPESampler(n_startup_trials=STARTUP_TRIALS, constant_liar=True, seed=seed)
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # or it announces every study
        try:
            study = optuna.create_study(directions=["minimize"] * len(observations[0].vector), sampler=sampler)
        finally:
            optuna.logging.set_verbosity(verbosity)
        study.add_trials([self._frozen(o.config, TrialState.COMPLETE, o.vector.tolist()) for o in observations])
        study.add_trials([self._frozen(config, TrialState.RUNNING) for config in bad])
        return study

    def _frozen(self, config: Config, state: TrialState, values: list[float] | None = None) -> FrozenTrial:
        """A trial as Optuna records it: what the space leaves open, not its constants."""
        domains = self._configs.codecs[config.codec]
        params: dict[str, Any] = {}
        distributions: dict[str, BaseDistribution] = {}
        if len(self._configs.codecs) > 1:
            codecs = Choice(tuple(self._configs.codecs))
            params["codec"], distributions["codec"] = codecs.values.index(config.codec), _distribution(codecs)
        for key, domain in domains.items():
            if not isinstance(domain, Choice | Range) or key not in config.params:
                continue
            name, distribution = f"{config.codec}.{key}", _distribution(domain)
            value = _internal(config.params[key], domain)
            if value is not None:
                params[name], distributions[name] = value, distribution
        return optuna.trial.create_trial(state=state, values=values, params=params, distributions=distributions)


def _distribution(domain: Choice | Range) -> BaseDistribution:
    """The domain as Optuna knows it. Choices are numbered: those of rising numbers keep their order."""
    if isinstance(domain, Range):
        if domain.integer:
            return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
        return FloatDistribution(domain.low, domain.high, log=domain.log)
    if _is_ordinal(domain):
        return IntDistribution(0, len(domain.values) - 1)
    return CategoricalDistribution(range(len(domain.values)))


def _is_ordinal(choice: Choice) -> bool:
    numbers = [value for value in choice.values if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(choice.values) and numbers == sorted(numbers)


def _internal(value: Value, domain: Choice | Range) -> int | float | None:
    """A config's value in Optuna's terms, or None where the codec has snapped it to one outside the domain."""
    if isinstance(domain, Choice):
        return domain.values.index(value) if value in domain.values else None
    return value if not isinstance(value, str) and domain.low <= value <= domain.high else None


def _suggest(trial: Trial, name: str, domain: Choice | Range) -> Value:
    if isinstance(domain, Choice):
        if _is_ordinal(domain):
            return domain.values[trial.suggest_int(name, 0, len(domain.values) - 1)]
        return domain.values[int(trial.suggest_categorical(name, range(len(domain.values))))]
    if domain.integer:
        return trial.suggest_int(name, int(domain.low), int(domain.high), log=domain.log)
    return in_range(trial.suggest_float(name, domain.low, domain.high, log=domain.log), domain)
