"""Optuna as people use it: one study that is asked and told, at full length."""

from collections.abc import Callable, Iterator
from functools import partial

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from searchinr.search.configs import Config, ConfigSpace
from searchinr.search.optuna_study import point_of, suggest
from searchinr.search.random_sampler import Random
from searchinr.search.samplers import History, Sampler
from searchinr.space import json_hash

_REPEATS = 10


class PlainOptuna(Sampler):
    """A study in memory that lives as long as the search.

    Numbers in rising order are offered as ordered, everything else as categories. A config that was asked for before
    costs nothing here: another one is asked for, and with the next results it is told again with its own. After
    `_REPEATS` of them in a row the study gets random ones until there are results: late in a search nearly all that TPE
    asks for is old.
    """

    def __init__(self, configs: ConfigSpace, seed: int, make_sampler: Callable[[int], BaseSampler]) -> None:
        """A study for two objectives.

        Args:
            configs: What may be tried; choices only.
            seed: For the sampler.
            make_sampler: `seed -> sampler`.
        """
        super().__init__(configs, seed)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(directions=["minimize", "minimize"], sampler=make_sampler(seed))
        self._asked: dict[str, Trial] = {}
        self._values: dict[str, list[float]] = {}
        self._repeats: list[tuple[str, FrozenTrial]] = []  # not told again yet, since their results are not there
        self._told = 0
        self._is_in_a_rut = False

    def proposals(self, history: History) -> Iterator[Config]:
        """See `Sampler.proposals`."""
        for observation in history.observations[self._told :]:
            key = json_hash(vars(observation.config))
            self._values[key] = observation.vector.tolist()
            self._study.tell(self._asked[key], self._values[key])
        if len(history.observations) > self._told:
            for key, trial in self._repeats:
                if key in self._values:
                    trial.state, trial.values = TrialState.COMPLETE, self._values[key]
                    self._study.add_trial(trial)  # with NSGA-II's generation, which repeats belong to as well
            self._repeats = [(key, trial) for key, trial in self._repeats if key not in self._values]
            self._is_in_a_rut = False
        self._told = len(history.observations)
        for _ in range(0 if self._is_in_a_rut else _REPEATS):
            yield from self._ask()
        self._is_in_a_rut = True
        for config in Random(self._configs, self._seed).proposals(history):
            self._study.enqueue_trial(dict(point_of(config, self._configs)))
            yield from self._ask()

    def _ask(self) -> Iterator[Config]:
        """Asks the study once; nothing if it was asked before."""
        trial = self._study.ask()
        config = self._configs.assemble(partial(suggest, trial))
        key = json_hash(vars(config))
        if key not in self._asked:
            self._asked[key] = trial
            yield config
            return
        # Failed for now: neither good, nor under way for ever where a trial fails.
        self._repeats.append((key, self._study.tell(trial, state=TrialState.FAIL)))
