"""The samplers: the conformance suites, and what is particular to each."""

import subprocess
import sys
from dataclasses import replace
from itertools import islice
from typing import get_args

import numpy as np
import pytest
from sampler_conformance import (
    CODECS,
    EMPTY,
    Codecs,
    LearnerConformance,
    SamplerConformance,
    canonicalise,
    draws,
    finite,
    key_of,
    measure,
    observed,
)

from searchinr.errors import UserError
from searchinr.search.configs import Config, ConfigSpace
from searchinr.search.gp import Gp
from searchinr.search.grid_sampler import Grid
from searchinr.search.neighbours import neighbours
from searchinr.search.nsga2 import POPULATION, Nsga2
from searchinr.search.pareto import hypervolume
from searchinr.search.random_sampler import Random
from searchinr.search.sampler_registry import SAMPLERS
from searchinr.search.samplers import History, Sampler
from searchinr.search.tpe import Tpe
from searchinr.space import Choice, Range, SearchSettings

TINY: Codecs = {
    "mlp": {"backbone": Choice(("siren", "mfn")), "siren.omega": Choice((10, 30)), "width": Choice((16, 32))}
}


class TestRandom(SamplerConformance):
    sampler = Random


class TestGrid(SamplerConformance):
    sampler = Grid
    codecs = finite(CODECS)
    spreads = False


class TestTpe(LearnerConformance):
    sampler = Tpe


class TestNsga2(LearnerConformance):
    sampler = Nsga2
    enough = POPULATION
    asks = 40


class TestGp(LearnerConformance):
    sampler = Gp
    known = 16
    parallel = 4
    asks = 2
    small: Codecs = {  # noqa: RUF012
        "mlp": {
            "backbone": Choice(("siren", "mfn")),
            "siren.omega": Choice((10, 30)),
            "depth": Choice((2, 3, 4)),
            "width": 16,
            "lr": 1e-3,
        }
    }


@pytest.mark.slow
class TestGpOfManyWorkers(TestGp):
    parallel = 64
    asks = 16


def propose(sampler: type[Sampler], number: int, codecs: Codecs = CODECS) -> Config:
    return next(sampler(ConfigSpace(codecs, canonicalise), 0).proposals(replace(EMPTY, number=number)))


def searched(sampler: type[Sampler], trials: int, seed: int) -> float:
    """Hypervolume after as many trials, one after the other at full length."""
    tried: dict[str, Config] = {}
    instance = sampler(ConfigSpace(CODECS, canonicalise), seed)
    for number in range(trials):
        proposals = instance.proposals(History(observed(list(tried.values())), [], [], number))
        config = next(config for config in proposals if key_of(config) not in tried)
        tried[key_of(config)] = config
    return hypervolume(np.array([measure(config) for config in tried.values()]), np.array([-10.0, 4.0]))


@pytest.mark.parametrize(
    ("sampler", "trials", "seeds"),
    [
        (Tpe, 40, 6),
        pytest.param(Nsga2, 120, 12, marks=pytest.mark.slow),
        pytest.param(Gp, 45, 4, marks=pytest.mark.slow),
    ],
)
def test_a_search_gets_further_than_at_random(sampler: type[Sampler], trials: int, seeds: int) -> None:
    gains = [searched(sampler, trials, seed) - searched(Random, trials, seed) for seed in range(seeds)]
    assert np.mean(gains) > 1.0  # dB x octaves, of about 60
    assert np.mean(np.array(gains) > 0) > 0.6


def test_space_files_can_name_every_sampler() -> None:
    assert set(get_args(SearchSettings.model_fields["sampler"].annotation)) == set(SAMPLERS)


def test_no_sampler_imports_torch_before_it_is_asked() -> None:
    code = "import searchinr.search.sampler_registry, sys; print({'torch', 'scipy.optimize'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("sampler", [Random, Tpe, Nsga2])
def test_proposals_follow_from_the_seed_and_the_number_of_trials(sampler: type[Sampler]) -> None:
    observations = observed(draws(24))
    space = ConfigSpace(CODECS, canonicalise)
    asked = [
        next(sampler(space, seed).proposals(History(observations, [], [], number)))
        for seed, number in ((0, 24), (1, 24), (0, 25), (0, 24))
    ]
    assert asked[0] == asked[3]
    assert asked[0] != asked[1]
    assert asked[0] != asked[2]


def test_random_reaches_every_value_and_both_ends() -> None:
    configs = [propose(Random, number) for number in range(300)]
    mlp = [config.params for config in configs if config.codec == "mlp"]
    assert 100 < len(mlp) < 200
    assert {params["depth"] for params in mlp} == {2, 3, 4, 5}
    assert {params["backbone"] for params in mlp} == {"siren", "fourier", "mfn"}
    low = sum(params["lr"] < 1e-4 * 300**0.5 for params in mlp)  # half of the decades
    assert 0.35 < low / len(mlp) < 0.65


def test_a_log_integer_range_is_uniform_in_the_logarithm() -> None:
    codecs: Codecs = {"grid": {"levels": Range(1.0, 1024.0, log=True, integer=True)}}
    levels = [propose(Random, number, codecs).params["levels"] for number in range(300)]
    assert 0.35 < sum(level < 32 for level in levels) / 300 < 0.65
    assert min(levels) >= 1
    assert max(levels) <= 1024


def test_grid_goes_through_the_space_in_order() -> None:
    def rest(number: int) -> list[Config]:
        return list(Grid(ConfigSpace(TINY, canonicalise), 0).proposals(replace(EMPTY, number=number)))

    order = [(c.params["width"], c.params["backbone"], c.params.get("siren.omega")) for c in rest(0)]
    assert order == [
        (16, "siren", 10),
        (16, "siren", 30),
        (32, "siren", 10),
        (32, "siren", 30),
        (16, "mfn", None),
        (32, "mfn", None),
    ]
    assert rest(4) == rest(0)[4:]


def test_a_range_in_a_grid_is_refused_before_anything_starts() -> None:
    with pytest.raises(UserError) as error:
        propose(Grid, 0, {"mlp": {"lr": CODECS["mlp"]["lr"]}})
    assert str(error.value) == (
        "codecs.mlp.lr: a grid cannot search the range 0.0001 to 0.03; "
        "give a choice of values, or another search.sampler (tpe, gp, nsga2 or random)"
    )


def test_children_of_different_codecs_inherit_what_only_one_parent_has() -> None:
    """All good configs have one learning rate; a few of the other codec are on the front as well."""
    good = [replace(c, params={**c.params, "lr": 2e-3}) for c in draws(60) if c.codec == "mlp"]
    other = [config for config in draws(60) if config.codec == "grid"][:6]
    bad = [config for config in draws(80, seed=1) if config.codec == "mlp" and config.params["lr"] < 1e-3]
    observations = observed([*good, *other, *bad])
    for index, observation in enumerate(observations):
        on_front = index < len(good) + len(other)
        observations[index] = replace(observation, vector=np.array([index, -index]) + (0 if on_front else 1000))
    space = ConfigSpace(CODECS, canonicalise)
    asked = [next(Nsga2(space, seed).proposals(History(observations, [], [], 80))) for seed in range(30)]
    rates = [config.params["lr"] for config in asked if config.codec == "mlp"]
    assert len(rates) > 8
    assert np.mean(np.array(rates) == 2e-3) > 0.7
    assert any(config.codec == "grid" for config in asked)


def test_neighbours_differ_in_one_parameter_and_stay_near() -> None:
    space = ConfigSpace(CODECS, canonicalise)
    rng = np.random.default_rng(0)
    for config in draws(20):
        before = space.chosen(config)
        for neighbour in neighbours(config, space, rng):
            after = space.chosen(neighbour)
            changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
            assert len(changed) == 1 or neighbour == config  # a step in a range may end where it began
            rate, moved = (float(values.get("mlp.lr", 1.0)) for values in (before, after))
            assert abs(np.log(moved / rate)) < 0.6 * np.log(300) or "codec" in changed


def test_the_proposals_of_one_gaussian_process_are_many_and_differ() -> None:
    history = History(observed(draws(60)), [], [], 60)
    proposals = list(islice(Gp(ConfigSpace(CODECS, canonicalise), 0).proposals(history), 200))
    assert len({key_of(config) for config in proposals}) == 200
