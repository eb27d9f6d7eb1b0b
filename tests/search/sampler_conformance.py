"""What every sampler must do, known by its contract only.

class TestMine(SamplerConformance):
    sampler = Mine
"""

import json
import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import optuna
import pytest

from searchinr.search.configs import Config, ConfigSpace
from searchinr.search.evidence import ENOUGH, ENOUGH_HIGHER
from searchinr.search.random_sampler import Random
from searchinr.search.samplers import History, Observation, Sampler
from searchinr.space import Choice, Domain, Range, Value, is_active

Codecs = dict[str, dict[str, Domain]]

CODECS: Codecs = {
    "mlp": {
        "backbone": Choice(("siren", "fourier", "mfn")),
        "siren.omega": Range(5.0, 80.0, log=True, integer=False),
        "fourier.features": Choice((16, 32, 64)),
        "width": Choice((16, 24, 32, 48, 64)),
        "depth": Range(2.0, 5.0, log=False, integer=True),
        "lr": Range(1e-4, 3e-2, log=True, integer=False),
        "init": Choice(("standard",)),
        "bits": 8,
    },
    "grid": {"levels": Range(4.0, 64.0, log=True, integer=True), "shared": Choice((False, True))},
}
FLAT: Codecs = {
    "mlp": {
        "lr": Range(1e-4, 1.0, log=True, integer=False),
        "width": Choice((16, 24, 32, 48, 64)),
        "depth": Range(2.0, 5.0, log=False, integer=True),
        "backbone": Choice(("siren", "mfn", "wire")),
    }
}
EMPTY = History([], [], [], 0)


def finite(codecs: Codecs) -> Codecs:
    """The space with the ends of every range."""
    return {
        codec: {
            key: Choice((int(d.low), int(d.high)) if d.integer else (d.low, d.high)) if isinstance(d, Range) else d
            for key, d in domains.items()
        }
        for codec, domains in codecs.items()
    }


def canonicalise(codec: str, params: Mapping[str, Value]) -> dict[str, Value]:
    """What a codec would do: fills in a default and drops what is inactive."""
    filled = {"batch": 1.0, **params}
    return {key: value for key, value in filled.items() if is_active(key, filled)}


def key_of(config: Config) -> str:
    return json.dumps([config.codec, config.params], sort_keys=True)


def draws(count: int, codecs: Codecs = CODECS, seed: int = 0) -> list[Config]:
    """Different random configs."""
    sampler = Random(ConfigSpace(codecs, canonicalise), seed)
    found: dict[str, Config] = {}
    number = 0
    while len(found) < count:
        config = next(sampler.proposals(replace(EMPTY, number=number)))
        found[key_of(config)] = config
        number += 1
    return list(found.values())


def waste(config: Config) -> float:
    """How many dB a config is below the best one of its rate."""
    params = config.params
    if config.codec == "grid":
        return 6.0
    best_lr = 3e-3 * (32 / params["width"]) ** 0.7
    lost = 1.5 * abs(math.log(params["lr"] / best_lr)) + {"siren": 0, "fourier": 1, "mfn": 2}[params["backbone"]]
    return lost + abs(math.log2(params.get("siren.omega", 30.0) / 30))


def measure(config: Config) -> np.ndarray:
    """-PSNR and log2 rate of a smooth stand-in for training."""
    params = config.params
    size = params["levels"] * 200 if config.codec == "grid" else params["depth"] * params["width"] ** 2
    rate = math.log2(size / 1700)
    return np.array([waste(config) - 20 - 4 * rate, rate])


def observed(configs: Sequence[Config], rung: int = 0) -> list[Observation]:
    return [Observation(key_of(config), config, rung, measure(config), np.empty(0)) for config in configs]


class SamplerConformance:
    """Subclasses name a sampler."""

    sampler: ClassVar[type[Sampler]]
    codecs: ClassVar[Codecs] = CODECS
    known: ClassVar[int] = 24
    """Results after which a sampler that learns does."""
    parallel: ClassVar[int] = 64
    """Workers that ask at the same time."""
    spreads: ClassVar[bool] = True
    small: ClassVar[Codecs] = {
        "mlp": {
            "backbone": Choice(("siren", "mfn")),
            "siren.omega": Choice((10, 30)),
            "width": Choice((16, 24, 32)),
            "depth": Choice((2, 3, 4)),
            "lr": 1e-3,
        },
        "grid": {"levels": Choice((8, 16))},
    }

    def make(self, codecs: Codecs | None = None, seed: int = 0) -> Sampler:
        return self.sampler(ConfigSpace(codecs or self.codecs, canonicalise), seed)

    def history(self, results: int | None = None, seed: int = 0) -> History:
        """Results of random configs."""
        results = self.known if results is None else results
        return History(observed(draws(results, self.codecs, seed)), [], [], results)

    def ask(self, history: History, codecs: Codecs | None = None, seed: int = 0) -> Config:
        """What a search would try next."""
        tried = {key_of(o.config) for o in history.observations} | {key_of(c) for c in history.pending}
        proposals = self.make(codecs, seed).proposals(history)
        return next(config for config in proposals if key_of(config) not in tried)

    @pytest.mark.parametrize("results", [0, None])
    def test_proposals_are_configs_of_the_space(self, results: int | None) -> None:
        history = self.history(results)
        for number in range(history.number, history.number + 3):
            config = self.ask(replace(history, number=number))
            params = dict(config.params)
            assert json.loads(json.dumps(params)) == params
            assert params.pop("batch") == 1.0
            domains = dict(self.codecs[config.codec])
            options = {key for key in domains if "." in key and not is_active(key, params)}
            assert set(params) == set(domains) - options
            for key, value in params.items():
                domain = domains[key]
                if isinstance(domain, Range):
                    assert domain.low <= value <= domain.high
                    assert type(value) is (int if domain.integer else float)
                    assert value == float(f"{value:.4g}")
                else:
                    assert value in (domain.values if isinstance(domain, Choice) else (domain,))

    def test_the_same_history_gives_the_same_proposals(self) -> None:
        history = replace(self.history(), pending=draws(3, self.codecs, seed=5))
        sampler = self.make()
        expected = next(sampler.proposals(history))
        next(sampler.proposals(replace(history, observations=history.observations[:-3], number=history.number - 3)))
        assert next(sampler.proposals(history)) == expected == next(self.make().proposals(history))

    def test_a_finite_space_is_searched_to_the_last_config_without_duplicates(self) -> None:
        space = ConfigSpace(self.small, canonicalise)
        everything = {key_of(space.canonical(*each)) for each in space.enumerate()}
        tried: dict[str, Config] = {}
        for number in range(len(everything) + 1):
            history = History(observed(list(tried.values())), [], [], number)
            fresh = (c for c in self.make(self.small).proposals(history) if key_of(c) not in tried)
            if (config := next(fresh, None)) is not None:
                tried[key_of(config)] = config
        assert set(tried) == everything

    def test_a_space_of_constants_is_one_config(self) -> None:
        codecs: Codecs = {"mlp": {"width": 16, "depth": Choice((3,)), "backbone": "mfn", "lr": 1e-3}}
        config = Config("mlp", canonicalise("mlp", {"width": 16, "depth": 3, "backbone": "mfn", "lr": 1e-3}))
        assert [next(self.make(codecs).proposals(EMPTY))] == [config]
        one = History(observed([config]) * self.known, [], [], 1)
        assert all(proposal == config for proposal in self.make(codecs).proposals(one))

    def test_parallel_asks_do_not_collapse(self) -> None:
        """Many workers ask one after the other before any of them has a result."""
        history = self.history()
        pending: list[Config] = []
        for number in range(history.number, history.number + self.parallel):
            pending.append(self.ask(replace(history, pending=tuple(pending), number=number)))
        assert len({key_of(config) for config in pending}) == self.parallel
        if self.spreads:
            kinds = {(config.codec, config.params.get("width"), config.params.get("depth")) for config in pending}
            assert len(kinds) > min(self.parallel / 4, 8)

    def test_failures_are_no_results(self) -> None:
        """A failed trial is neither bad nor running, so the model is the same; its config counts as tried."""
        history = self.history()
        failed = replace(history, failed=draws(10, self.codecs, seed=9))
        assert next(self.make().proposals(failed)) == next(self.make().proposals(history))

    def test_values_that_a_codec_has_snapped_out_of_their_domain_are_accepted(self) -> None:
        history = self.history()
        for observation in history.observations:
            for key, value in (("width", 20), ("levels", 1000), ("backbone", "wire")):
                if key in observation.config.params:
                    observation.config.params[key] = value
        assert self.ask(history).codec in self.codecs

    @pytest.mark.parametrize("objectives", [1, 3])
    def test_any_number_of_objectives(self, objectives: int) -> None:
        history = self.history()
        rng = np.random.default_rng(0)
        wide = [replace(observation, vector=rng.random(objectives)) for observation in history.observations]
        assert self.ask(replace(history, observations=wide)).codec in self.codecs

    def test_optuna_says_nothing_and_keeps_its_settings(self, capfd: pytest.CaptureFixture[str]) -> None:
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(logging.INFO)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                proposals = self.make().proposals(self.history())
                assert {next(proposals).codec, next(proposals).codec} <= set(self.codecs)
            assert optuna.logging.get_verbosity() == logging.INFO
        finally:
            optuna.logging.set_verbosity(verbosity)
        assert capfd.readouterr() == ("", "")


class LearnerConformance(SamplerConformance):
    """What a sampler must do that learns from results."""

    asks: ClassVar[int] = 16
    enough: ClassVar[int] = ENOUGH

    def asked(self, history: History, codecs: Codecs | None = None) -> list[Config]:
        """What several searches, which differ in their seeds, would try next."""
        return [self.ask(history, codecs, seed) for seed in range(self.asks)]

    def test_proposals_are_better_than_random_ones(self) -> None:
        learnt = np.mean([waste(config) for config in self.asked(self.history(80))])
        assert learnt < 0.75 * np.mean([waste(config) for config in draws(100, seed=7)])

    def test_it_is_random_until_the_first_rung_has_enough_results(self) -> None:
        few, enough = observed(draws(self.enough - 1)), observed(draws(self.enough))
        scattered = [*few, *observed(draws(self.enough - 1, seed=3), rung=1)]
        random = next(Random(ConfigSpace(CODECS, canonicalise), 0).proposals(replace(EMPTY, number=7)))
        for observations in ([], few, scattered):
            assert next(self.make().proposals(History(observations, [], [], 7))) == random
        assert next(self.make().proposals(History(enough, [], [], 7))) != random

    def test_the_highest_rung_with_enough_results_is_modelled_alone(self) -> None:
        """At rung 1 a high learning rate is good, at rung 0 it was bad."""
        configs = draws(ENOUGH_HIGHER, FLAT)

        def results(rung: int) -> list[Observation]:
            sign = 1 if rung == 0 else -1
            vectors = [sign * np.log([config.params["lr"]] * 2) for config in configs]
            return [
                Observation(key_of(config), config, rung, vector, np.empty(0))
                for config, vector in zip(configs, vectors, strict=True)
            ]

        def typical_lr(observations: list[Observation]) -> float:
            asked = self.asked(History(observations, [], [], len(configs)), FLAT)
            return float(np.exp(np.mean(np.log([config.params["lr"] for config in asked]))))

        high = typical_lr([*results(0), *results(1)])
        assert typical_lr(results(0)) < high / 4
        assert typical_lr([*results(0), *results(1)[1:]]) < high / 4

    @pytest.mark.parametrize("side", [1, -1])
    def test_most_proposals_keep_to_the_constraints(self, side: int) -> None:
        """Half of the rates are not allowed: the upper ones, or the lower ones."""
        history = self.history(80)
        limit = np.median([observation.vector[1] for observation in history.observations])
        bound = [replace(o, excess=np.array([side * (o.vector[1] - limit), -1.0])) for o in history.observations]
        within = [
            side * (measure(config)[1] - limit) <= 0 for config in self.asked(replace(history, observations=bound))
        ]
        assert np.mean(within) > 0.7

    def test_it_goes_on_where_all_results_break_a_constraint(self) -> None:
        history = self.history()
        bound = [replace(o, excess=np.array([1 + o.vector[1] / 100])) for o in history.observations]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert self.ask(replace(history, observations=bound)).codec in CODECS
