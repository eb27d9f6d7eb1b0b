"""What others publish, behind our contract: Ray's ASHA decides as it does alone; where syne-tune's MOASHA fails."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from ray.tune.schedulers import AsyncHyperBandScheduler
from scheduler_conformance import PROPERTIES, REDUCTION, Fate, Result, Rung, fate

from benchmarks.search import fast_priority
from benchmarks.search.fast_tpe import FastTpe
from benchmarks.search.rivals import RayAsha, SyneTuneMoAsha
from searchinr.search.mo_asha import MoAsha, MoAshaStopping
from searchinr.search.optuna_study import quiet
from searchinr.search.scheduler import Scheduler

RUNGS = 100
ASKS = 100


@pytest.mark.parametrize("seed", range(5))
def test_ray_asha_decides_as_it_does_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    alone = AsyncHyperBandScheduler(
        time_attr="steps", metric="psnr_db", mode="max", grace_period=100, max_t=900, reduction_factor=3
    )
    ours = RayAsha(3, 3, lambda vector: float(vector[0]))
    decisions = []
    for index in range(40):
        name, psnr_db = f"t{index}", 25 + 5 * rng.normal()
        alone.on_trial_add(None, SimpleNamespace(trial_id=name))
        for rung, steps in enumerate((100, 300, 900)):
            result = {"steps": steps, "psnr_db": psnr_db + rng.normal()}
            ours.report(name, rung, np.array([-result["psnr_db"], rng.normal()]))
            following = ours.next_promotion()
            goes_on = alone.on_trial_result(None, SimpleNamespace(trial_id=name), result) == "CONTINUE"
            decisions.append(goes_on)
            assert following == ((name, rung + 1) if goes_on else None)
            if not goes_on:
                break
            ours.promote(*following)
    assert 10 < sum(decisions) < len(decisions) - 10


def suggestions(sampler: optuna.samplers.TPESampler) -> list[tuple[int, ...]]:
    """What a study of three parameters asks for, again and again: four of five fail, beside some that go on."""
    rng = np.random.default_rng(0)
    with quiet():
        study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
        kinds = {"a": IntDistribution(0, 9), "b": CategoricalDistribution([0, 1]), "c": IntDistribution(0, 2)}
        for number in range(16):
            a, b, c = (int(rng.integers(count)) for count in (10, 2, 3))
            values = {"values": [(a - 3.0) ** 2 + b + c, (a - 6.0) ** 2 - c], "state": TrialState.COMPLETE}
            running = {"state": TrialState.RUNNING}
            study.add_trial(
                create_trial(
                    params={"a": a, "b": b, "c": c}, distributions=kinds, **(values if number < 12 else running)
                )
            )
        asked = []
        for number in range(ASKS):
            trial = study.ask()
            a, b, c = trial.suggest_int("a", 0, 9), trial.suggest_categorical("b", [0, 1]), trial.suggest_int("c", 0, 2)
            asked.append((a, b, c))
            if number % 5:
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, [(a - 3.0) ** 2 + b + c, (a - 6.0) ** 2 - c])
    return asked


def test_fast_tpe_suggests_what_optunas_does() -> None:
    asked = suggestions(FastTpe(seed=1))
    assert asked == suggestions(optuna.samplers.TPESampler(seed=1, constant_liar=True))
    assert len(set(asked)) > 1


def random_rungs(size: int, front: bool) -> list[Rung]:
    """Rungs of two objectives: a cloud, or a front with a little noise, as rate and distortion have it."""
    rng = np.random.default_rng(size)
    rungs = []
    for _ in range(RUNGS):
        points = rng.normal(size=(size, 2))
        if front:
            angles = rng.random(size) * np.pi / 2
            points = 0.02 * points - np.stack([np.cos(angles), np.sin(angles)], axis=1)
        rungs.append([Result(tuple(point)) for point in points.tolist()])
    return rungs


def failures(fate: Fate, holds: Callable[[Fate, Rung], bool | None], rungs: list[Rung]) -> tuple[int, int]:
    """In how many rungs a property fails, and to how many it applies, with one result of the rung as the newest."""
    found = []
    for rung in rungs:
        turned = ([*rung[turn:], *rung[:turn]] for turn in range(len(rung)))
        found.append(next((held for held in (holds(fate, other) for other in turned) if held is not None), None))
    return found.count(False), len(found) - found.count(None)


def corrected(objectives: NDArray[np.float64]) -> NDArray[np.int64]:
    """What syne-tune's `NonDominatedPriority` promises: a priority for each element, from its own fronts and nets.

    Its `compute_epsilon_net` returns ranks, which its `nondominated_sort` takes for an order; and the order that comes
    out, the priority takes for ranks. Here ranks are used as ranks.
    """
    from syne_tune.optimizer.schedulers.multiobjective.non_dominated_priority import (
        compute_epsilon_net,
        pareto_efficient,
    )

    places = np.zeros(len(objectives), np.int64)
    rest, placed = np.arange(len(objectives)), 0
    while rest.size:
        efficient = pareto_efficient(objectives[rest])  # (rest,)
        front, rest = rest[efficient], rest[~efficient]
        places[front] = placed + compute_epsilon_net(objectives[front], dim=0)
        placed += len(front)
    return places


CASES = {"cloud of 9": (9, False), "cloud of 20": (20, False), "front of 20": (20, True)}
FAILURES = {
    "ignores_the_order_of_the_others": {
        "cloud of 9": (100, 42, 0),
        "cloud of 20": (100, 59, 0),
        "front of 20": (100, 57, 0),
    },
    "ignores_the_scale_of_an_objective": {
        "cloud of 9": (100, 0, 2),
        "cloud of 20": (100, 0, 0),
        "front of 20": (100, 1, 29),
    },
    "stops_what_most_dominate": {"cloud of 9": (30, 2, 0), "cloud of 20": (73, 13, 0)},
    "keeps_a_front_that_fits": {"cloud of 9": (65, 36, 0), "cloud of 20": (97, 57, 0)},
}
"""In how many rungs a property applies, and in how many MOASHA breaks it as published and corrected: see
`docs/decisions/0005-mo-asha-of-our-own.md`."""


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in FAILURES.items() for case in cases])
def test_what_syne_tune_fails(name: str, case: str) -> None:
    pytest.importorskip("syne_tune")
    makes: list[Callable[[], Scheduler]] = [
        partial(SyneTuneMoAsha, 2, REDUCTION),
        partial(SyneTuneMoAsha, 2, REDUCTION, corrected),
        partial(MoAsha, 2, REDUCTION),
        partial(MoAshaStopping, 2, REDUCTION),
    ]
    rungs = random_rungs(*CASES[case])
    applies, as_published, as_corrected = FAILURES[name][case]
    found = [failures(fate(make), PROPERTIES[name], rungs) for make in makes]
    assert found == [(as_published, applies), (as_corrected, applies), (0, applies), (0, applies)]


@pytest.mark.parametrize("is_corrected", [False, True])
def test_the_fast_priorities_are_those_of_syne_tune(is_corrected: bool) -> None:
    pytest.importorskip("syne_tune")
    rng = np.random.default_rng(0)
    for ties in (False, True):
        vectors = rng.integers(0, 8, (80, 2)).astype(float) if ties else rng.random((80, 2))
        slow = SyneTuneMoAsha(3, REDUCTION, corrected if is_corrected else None)
        fast = SyneTuneMoAsha(3, REDUCTION, fast_priority.corrected if is_corrected else fast_priority.published)
        for index, vector in enumerate(vectors):
            for scheduler in (slow, fast):
                scheduler.report(f"t{index}", 0, vector)
            while (promotion := slow.next_promotion()) is not None:
                assert fast.next_promotion() == promotion
                for scheduler in (slow, fast):
                    scheduler.promote(*promotion)
                    scheduler.report(*promotion, vector - promotion[1])
            assert fast.next_promotion() is None
