from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchinr.engine.search.mo_asha import MoAsha
from searchinr.engine.search.scheduler import Fifo, Scheduler

Values = Sequence[tuple[float, float]]

vectors = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30)


def drain(scheduler: Scheduler) -> list[tuple[str, int]]:
    """Takes every promotion that there is now."""
    taken = []
    while (promotion := scheduler.next_promotion()) is not None:
        scheduler.promote(*promotion)
        taken.append(promotion)
    return taken


def report(scheduler: Scheduler, values: Values, rung: int = 0) -> None:
    for index, value in enumerate(values):
        scheduler.report(f"t{index}", rung, np.array(value, dtype=float))


@given(vectors, st.integers(2, 5))
def test_the_quota_of_a_rung_is_used_in_full_and_never_passed(values: Values, reduction: int) -> None:
    scheduler = MoAsha(2, reduction)
    promoted = 0
    for index, value in enumerate(values):
        scheduler.report(f"t{index}", 0, np.array(value, dtype=float))
        promoted += len(drain(scheduler))
        assert promoted == (index + 1) // reduction


@given(vectors, st.integers(2, 5))
def test_nothing_is_promoted_before_what_dominates_it(values: Values, reduction: int) -> None:
    scheduler = MoAsha(2, reduction)
    report(scheduler, values)
    points = np.array(values)
    order = [int(trial[1:]) for trial, _ in drain(scheduler)]
    for position, index in enumerate(order):
        better = (points <= points[index]).all(axis=1) & (points < points[index]).any(axis=1)
        assert set(np.flatnonzero(better)) <= set(order[:position])
        assert better.sum() <= len(values) / reduction  # so never one dominated by most of its rung


@settings(max_examples=50)
@given(vectors, st.integers(2, 4), st.integers(0, 2**31))
def test_no_trial_is_promoted_twice_and_rungs_are_climbed_one_by_one(values: Values, reduction: int, seed: int) -> None:
    """A random number of workers reports in a random order."""
    rng = np.random.default_rng(seed)
    scheduler, rungs = MoAsha(3, reduction), {}
    waiting, running = [(f"t{i}", 0) for i in range(len(values))], []
    while waiting or running or scheduler.next_promotion():
        if (promotion := scheduler.next_promotion()) is not None:
            scheduler.promote(*promotion)
            running.append(promotion)
        elif waiting:
            running.append(waiting.pop(0))
        while running and (rng.random() < 0.5 or not waiting):
            trial, rung = running.pop(rng.integers(len(running)))
            assert rungs.get(trial, -1) == rung - 1
            rungs[trial] = rung
            scheduler.report(trial, rung, np.array(values[int(trial[1:])], dtype=float) - rung)
    reached = [sum(rung >= r for rung in rungs.values()) for r in range(3)]
    assert reached[1] == reached[0] // reduction
    assert reached[2] == reached[1] // reduction


def test_asking_changes_nothing() -> None:
    scheduler = MoAsha(2, 2)
    report(scheduler, [(1, 2), (2, 1)])
    assert scheduler.next_promotion() == scheduler.next_promotion() is not None


def test_the_highest_rung_goes_first() -> None:
    scheduler = MoAsha(3, 2)
    report(scheduler, [(i, i) for i in range(6)])
    for trial in ("t0", "t1"):
        scheduler.promote(trial, 1)
        scheduler.report(trial, 1, np.array([0.0, float(trial[1:])]))
    assert scheduler.next_promotion() == ("t0", 2)
    scheduler.promote("t0", 2)
    assert scheduler.next_promotion() == ("t2", 1)


def test_promotions_spread_along_the_front() -> None:
    scheduler = MoAsha(2, 3)
    front = [(0, 10), (1, 9.5), (2, 4), (9.5, 1), (10, 0)]
    report(scheduler, [*front, *[(20 + i, 20 + i) for i in range(4)]])
    # The one nearest the ideal corner, then both ends: not the neighbours that crowd there.
    assert {trial for trial, _ in drain(scheduler)} == {"t2", "t0", "t4"}


def test_a_failed_trial_frees_its_place() -> None:
    scheduler = MoAsha(2, 3)
    report(scheduler, [(i, i) for i in range(6)])
    assert drain(scheduler) == [("t0", 1), ("t1", 1)]
    scheduler.drop("t0")
    assert scheduler.next_promotion() is None  # five are left, and one of them is promoted: a third of them
    scheduler.report("t6", 0, np.array([9.0, 9.0]))
    assert drain(scheduler) == [("t2", 1)]


def test_reports_alone_rebuild_the_state() -> None:
    values = np.random.default_rng(0).random((18, 2))
    lived, reports = MoAsha(3, 3), []

    def tell(trial: str, rung: int) -> None:
        vector = values[int(trial[1:])] - rung
        reports.append((trial, rung, vector))
        lived.report(trial, rung, vector)

    for index in range(18):
        tell(f"t{index}", 0)
        while (promotion := lived.next_promotion()) is not None:
            rebuilt = MoAsha(3, 3)
            for entry in reports:
                rebuilt.report(*entry)
            assert rebuilt.next_promotion() == promotion
            lived.promote(*promotion)
            tell(*promotion)
    assert [rung for _, rung, _ in reports].count(2) == 2


def test_fifo_takes_every_trial_to_the_last_rung() -> None:
    scheduler = Fifo(3)
    report(scheduler, [(9, 9), (0, 0)])
    assert drain(scheduler) == [("t0", 1), ("t1", 1)]
    report(scheduler, [(9, 9), (0, 0)], rung=1)
    assert drain(scheduler) == [("t0", 2), ("t1", 2)]
    report(scheduler, [(9, 9), (0, 0)], rung=2)
    assert scheduler.next_promotion() is None


def test_a_single_rung_promotes_nothing() -> None:
    for scheduler in (MoAsha(1, 3), Fifo(1)):
        report(scheduler, [(i, -i) for i in range(9)])
        assert scheduler.next_promotion() is None


def test_a_reduction_that_does_not_reduce_is_refused() -> None:
    with pytest.raises(ValueError, match="2 or more, not 1"):
        MoAsha(3, 1)
