import json
import logging
import warnings

import numpy as np
import optuna
import pytest
from search_toy import CODECS, canonicalise, make_search, make_space, measure

from searchinr.engine.search.configs import Config, ConfigSpace
from searchinr.engine.search.objectives import Line
from searchinr.engine.search.samplers import Grid, Observation, Random, Sampler
from searchinr.engine.search.search import Job
from searchinr.engine.search.tpe import ENOUGH_FOR_HIGHER_RUNG, STARTUP_TRIALS, Tpe
from searchinr.errors import UserError
from searchinr.space import Choice, Domain, Range

Codecs = dict[str, dict[str, Domain]]

SAMPLERS = [Random, Tpe, Grid]
TINY: Codecs = {
    "mlp": {"backbone": Choice(("siren", "mfn")), "siren.omega": Choice((10, 30)), "width": Choice((16, 32))}
}


def make(sampler: type[Sampler], codecs: Codecs = CODECS, seed: int = 0) -> Sampler:
    finite = {
        codec: {key: Choice((int(d.low), int(d.high))) if isinstance(d, Range) else d for key, d in domains.items()}
        for codec, domains in codecs.items()
    }
    return sampler(ConfigSpace(finite if sampler is Grid else codecs, canonicalise), seed)


def observe(sampler: type[Sampler], count: int, rung: int = 0, seed: int = 0) -> list[Observation]:
    """Results of `count` random configs."""
    rng = np.random.default_rng(seed)
    configs = (next(make(Random, seed=seed).proposals([], [], number)) for number in range(count))
    return [Observation(f"t{number}", config, rung, rng.random(2)) for number, config in enumerate(configs)]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("seed", range(5))
def test_proposals_are_configs_of_the_space(sampler: type[Sampler], seed: int) -> None:
    instance = make(sampler, seed=seed)
    observations = [] if sampler is Grid else observe(instance, 12, seed=seed)
    for config, _ in zip(instance.proposals(observations, [], 3), range(16), strict=False):
        params = dict(config.params)
        assert params.pop("batch") == 1.0
        if config.codec == "grid":
            assert set(params) == {"levels", "shared"}
            assert type(params["levels"]) is int and 4 <= params["levels"] <= 64
            assert type(params["shared"]) is bool
        else:
            option = {"siren": {"siren.omega"}, "fourier": {"fourier.features"}, "mfn": set()}[params["backbone"]]
            assert set(params) == {"backbone", "width", "depth", "lr", "bits"} | option
            assert params["bits"] == 8
            assert params["width"] in (16, 32, 48, 64)
            assert type(params["depth"]) is int and 2 <= params["depth"] <= 5
            if sampler is not Grid:
                assert 1e-4 <= params["lr"] <= 3e-2
        assert json.loads(json.dumps(params)) == params


@pytest.mark.parametrize("sampler", [Random, Tpe])
def test_the_same_state_gives_the_same_proposals_and_another_number_others(sampler: type[Sampler]) -> None:
    def first(number: int, seed: int = 0) -> list[Config]:
        instance = make(sampler, seed=seed)
        proposals = instance.proposals(observe(instance, 12), [], number)
        return [next(proposals) for _ in range(3)]

    assert first(12) == first(12)
    assert first(12) != first(13)
    assert first(12) != first(12, seed=1)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_tiny_space_is_searched_to_the_last_config_without_duplicates(sampler: type[Sampler]) -> None:
    search = make_search(make_space(TINY, sampler=sampler.__name__.lower(), scheduler="fifo", max_steps=100))
    seen = []
    while (job := search.next_job()) is not None:
        seen.append(tuple(sorted(job.params.items())))
        search.tell({**measure_tiny(job), "rate": 1.0})
    assert len(seen) == len(set(seen)) == 6  # 2 widths x (siren with 2 omegas + mfn)
    assert search.finished


def measure_tiny(job: Job) -> Line:
    return {"kind": "point", "trial": job.trial, "rung": job.rung, "psnr_db": float(job.params["width"])}


def test_random_reaches_every_value_and_both_ends() -> None:
    configs = [next(make(Random).proposals([], [], number)) for number in range(300)]
    mlp = [config.params for config in configs if config.codec == "mlp"]
    assert 100 < len(mlp) < 200
    assert {params["depth"] for params in mlp} == {2, 3, 4, 5}
    assert {params["backbone"] for params in mlp} == {"siren", "fourier", "mfn"}
    low = sum(params["lr"] < 1e-4 * 300**0.5 for params in mlp)  # half of the decades
    assert 0.35 < low / len(mlp) < 0.65


def test_a_log_integer_range_is_uniform_in_the_logarithm() -> None:
    codecs = {"grid": {"levels": Range(1.0, 1024.0, log=True, integer=True)}}
    levels = [next(make(Random, codecs).proposals([], [], number)).params["levels"] for number in range(300)]
    assert 0.35 < sum(level < 32 for level in levels) / 300 < 0.65
    assert min(levels) >= 1 and max(levels) <= 1024


def test_floats_are_drawn_with_four_digits() -> None:
    config = next(make(Random, {"mlp": {"lr": CODECS["mlp"]["lr"]}}).proposals([], [], 0))
    assert config.params["lr"] == float(f"{config.params['lr']:.4g}")


def test_grid_goes_through_the_space_in_order() -> None:
    order = [(c.params["width"], c.params["backbone"], c.params.get("siren.omega")) for c in proposals_of_tiny(0)]
    assert order == [
        (16, "siren", 10),
        (16, "siren", 30),
        (32, "siren", 10),
        (32, "siren", 30),
        (16, "mfn", None),
        (32, "mfn", None),
    ]
    assert proposals_of_tiny(4) == proposals_of_tiny(0)[4:]


def proposals_of_tiny(number: int) -> list[Config]:
    return list(Grid(ConfigSpace(TINY, canonicalise), 0).proposals([], [], number))


def test_a_range_in_a_grid_is_refused_before_anything_starts() -> None:
    with pytest.raises(UserError) as error:
        make_search(make_space({"mlp": {"lr": CODECS["mlp"]["lr"]}}, sampler="grid"))
    assert str(error.value) == (
        "codecs.mlp.lr: a grid cannot search the range 0.0001 to 0.03; "
        "give a choice of values, or set search.sampler to tpe or random"
    )


def test_tpe_is_random_until_the_first_rung_has_enough_results() -> None:
    instance = make(Tpe)
    few = observe(instance, STARTUP_TRIALS - 1)
    scattered = [*few, *observe(instance, STARTUP_TRIALS - 1, rung=1)]
    expected = next(make(Random).proposals([], [], 7))
    assert next(instance.proposals(few, [], 7)) == expected
    assert next(instance.proposals(scattered, [], 7)) == expected
    assert next(instance.proposals(observe(instance, STARTUP_TRIALS), [], 7)) != expected


def test_tpe_models_the_highest_rung_with_enough_results_and_that_alone() -> None:
    """At rung 1 a high learning rate is good, at rung 0 it was bad."""
    codecs = {"mlp": {"lr": Range(1e-4, 1.0, log=True, integer=False)}}
    rates = np.logspace(-4, 0, ENOUGH_FOR_HIGHER_RUNG)

    def observed(rung: int, sign: int) -> list[Observation]:
        return [
            Observation(f"t{i}", Config("mlp", {"lr": float(lr)}), rung, sign * np.log([lr, lr]))
            for i, lr in enumerate(rates)
        ]

    def median(observations: list[Observation]) -> float:
        firsts = (next(make(Tpe, codecs, seed).proposals(observations, [], 30)) for seed in range(15))
        return float(np.median([config.params["lr"] for config in firsts]))

    assert median(observed(0, 1)) < 1e-2
    assert median([*observed(0, 1), *observed(1, -1)]) > 1e-2
    assert median([*observed(0, 1), *observed(1, -1)[1:]]) < 1e-2


def test_tpe_keeps_away_from_pending_configs() -> None:
    """Ten workers ask one after the other before any of them has a result."""
    codecs = {"mlp": {"lr": Range(1e-4, 1.0, log=True, integer=False)}}
    observations = [
        Observation(f"t{i}", Config("mlp", {"lr": float(lr)}), 0, np.full(2, abs(np.log(lr / 1e-2))))
        for i, lr in enumerate(np.logspace(-4, 0, 20))
    ]
    spreads = {}
    for told in (True, False):
        pending = []
        for number in range(20, 30):
            pending.append(next(make(Tpe, codecs).proposals(observations, pending if told else [], number)))
        spreads[told] = np.std(np.log([config.params["lr"] for config in pending]))
    assert spreads[True] > 1.3 * spreads[False]


def test_tpe_accepts_values_that_a_codec_has_snapped_out_of_its_domain() -> None:
    instance = make(Tpe)
    observations = observe(instance, 12)
    observations[0].config.params.update({"width": 20, "levels": 1000})
    assert next(instance.proposals(observations, [], 12)).codec in CODECS


def test_tpe_beats_random_on_a_space_with_a_known_optimum() -> None:
    def hypervolume(sampler: type[Sampler], seed: int) -> float:
        search = make_search(make_space(sampler=sampler, trials=60, seed=seed))
        while (job := search.next_job()) is not None:
            search.tell(measure(job))
        return search.hypervolume("kodak")

    gains = [hypervolume("tpe", seed) - hypervolume("random", seed) for seed in range(12)]
    assert np.mean(gains) > 1.0  # dB x octaves, of about 85
    assert sum(gain > 0 for gain in gains) >= 8


def test_optuna_says_nothing_and_keeps_its_settings(capfd: pytest.CaptureFixture[str]) -> None:
    instance = make(Tpe)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            next(instance.proposals(observe(instance, 12), [], 12))
        assert optuna.logging.get_verbosity() == logging.INFO
    finally:
        optuna.logging.set_verbosity(verbosity)
    assert capfd.readouterr() == ("", "")
