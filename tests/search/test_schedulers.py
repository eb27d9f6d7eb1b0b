from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject
from scheduler_conformance import PROPERTIES, REDUCTION, Result, Rung, continues, fate, promotion

from searchinr.search.mo_asha import MoAsha, MoAshaStopping
from searchinr.search.scheduler import Fifo, Scheduler

Values = Sequence[tuple[float, float]]

vectors = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30)


def rungs_of(number: st.SearchStrategy[float]) -> st.SearchStrategy[list[Result]]:
    """Rungs of 1 to 4 objectives, some of them with results that violate a constraint."""
    violations = st.sampled_from([0.0, 0.0, 0.0, 0.5, 2.0])
    return st.integers(1, 4).flatmap(
        lambda k: st.lists(st.builds(Result, st.tuples(*[number] * k), violations), min_size=1, max_size=20)
    )


# Few different values, so that ties and duplicates are common; and such that have none.
rungs = rungs_of(st.integers(0, 5).map(float)) | rungs_of(st.floats(-1e3, 1e3))


@pytest.mark.parametrize("scheduler", [MoAsha, MoAshaStopping])
@pytest.mark.parametrize("holds", PROPERTIES.values(), ids=PROPERTIES)
def test_conformance(scheduler: type[MoAsha], holds: Callable[..., bool | None]) -> None:
    @settings(max_examples=150, deadline=None)
    @given(rungs)
    def check(rung: Rung) -> None:
        assert holds(fate(lambda: scheduler(2, REDUCTION)), rung) is not False

    check()


@settings(max_examples=150, deadline=None)
@given(rungs, st.integers(2, 4), st.data())
def test_promotions_are_those_of_the_plain_rules(rung: Rung, reduction: int, data: DataObject) -> None:
    """Results come, promotions are taken now or later, trials fail."""
    scheduler, present, promoted = MoAsha(2, reduction), {}, []
    for index, result in enumerate(rung):
        name = f"t{index}"
        scheduler.report(name, 0, np.array(result.vector), result.violation)
        present[name] = result
        if data.draw(st.integers(0, 4)) == 0:
            failed = data.draw(st.sampled_from(sorted(present)))
            scheduler.drop(failed)
            del present[failed]
            promoted = [trial for trial in promoted if trial != failed]
        names = list(present)
        while data.draw(st.booleans()):
            expected = promotion(list(present.values()), [names.index(trial) for trial in promoted], reduction)
            following = scheduler.next_promotion()
            assert following == (None if expected is None else (names[expected], 1))
            if following is None:
                break
            scheduler.promote(*following)
            promoted.append(following[0])


def test_promotions_along_a_front_that_grows_longer_follow_the_plain_rules() -> None:
    rng = np.random.default_rng(0)
    scheduler, rung, promoted = MoAsha(2, 3), [], []
    for index in range(120):
        x = rng.random() * (1 + index / 30)  # the range grows, and gaps shrink with it
        rung.append(Result((x, -x)))
        scheduler.report(str(index), 0, np.array(rung[-1].vector))
        expected = promotion(rung, promoted, 3)
        assert scheduler.next_promotion() == (None if expected is None else (str(expected), 1))
        if expected is not None:
            scheduler.promote(str(expected), 1)
            promoted.append(expected)
    assert len(promoted) == 40


@settings(max_examples=150, deadline=None)
@given(rungs, st.integers(2, 4), st.data())
def test_who_continues_follows_the_plain_rules(rung: Rung, reduction: int, data: DataObject) -> None:
    scheduler, present = MoAshaStopping(2, reduction), {}
    for index, result in enumerate(rung):
        name = f"t{index}"
        present[name] = result
        scheduler.report(name, 0, np.array(result.vector), result.violation)
        expected = continues(list(present.values()), reduction)
        assert scheduler.next_promotion() == ((name, 1) if expected else None)
        if expected:
            scheduler.promote(name, 1)
        if data.draw(st.integers(0, 4)) == 0:
            failed = data.draw(st.sampled_from(sorted(present)))
            scheduler.drop(failed)
            del present[failed]


def test_the_first_at_a_rung_continues() -> None:
    scheduler = MoAshaStopping(3, 4)
    scheduler.report("only", 0, np.array([1.0, 2.0]), violation=3.0)
    assert scheduler.next_promotion() == ("only", 1)


def test_those_that_continue_go_on_in_order_of_arrival() -> None:
    scheduler = MoAshaStopping(3, 2)
    report(scheduler, [(9, 9), (8, 8), (7, 7), (9, 8)])
    assert drain(scheduler) == [("t0", 1), ("t1", 1), ("t2", 1)]
    report(scheduler, [(4, 4), (3, 3)], rung=1)
    report(scheduler, [(0, 0)] * 6)
    assert drain(scheduler) == [("t0", 2), ("t1", 2), ("t4", 1), ("t5", 1)]


def test_what_is_stopped_stays_stopped() -> None:
    scheduler = MoAshaStopping(2, 2)
    report(scheduler, [(0, 0), (1, 1)])
    assert drain(scheduler) == [("t0", 1)]
    scheduler.drop("t0")
    report(scheduler, [(0, 0), (1, 1), (2, 2), (3, 3)])
    assert "t1" not in [trial for trial, _ in drain(scheduler)]


def test_a_large_front_still_continues_with_its_share() -> None:
    angles = np.random.default_rng(0).random(600) * np.pi / 2
    scheduler = MoAshaStopping(2, 3)
    report(scheduler, [(1 - np.cos(angle), 1 - np.sin(angle)) for angle in angles])
    assert len(drain(scheduler)) == pytest.approx(200, abs=40)


def test_a_result_out_of_range_is_refused() -> None:
    for scheduler in (MoAsha(2, 2), MoAshaStopping(2, 2), Fifo(2)):
        with pytest.raises(ValueError, match=r"trial a at rung 0: .*nan"):
            scheduler.report("a", 0, np.array([1.0, np.nan]))
        with pytest.raises(ValueError, match="violation inf"):
            scheduler.report("a", 0, np.array([1.0, 2.0]), violation=float("inf"))


def test_of_two_results_at_a_rung_the_first_stands() -> None:
    scheduler = MoAsha(2, 2)
    report(scheduler, [(5, 5), (4, 4)])
    scheduler.report("t0", 0, np.array([0.0, 0.0]))
    assert drain(scheduler) == [("t1", 1)]


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


def test_a_failed_trial_no_longer_stretches_the_range() -> None:
    scheduler = MoAsha(2, 2)
    report(scheduler, [(5, 5), (0, 6), (6, 1), (100, 4)])
    scheduler.promote("t0", 1)
    assert scheduler.next_promotion() == ("t2", 1)  # t1 differs in what the last one makes look alike
    scheduler.drop("t3")
    scheduler.report("t4", 0, np.array([6.0, 6.0]))
    assert scheduler.next_promotion() == ("t1", 1)


@pytest.mark.parametrize("kind", [MoAsha, MoAshaStopping, Fifo])
def test_reports_alone_rebuild_the_state(kind: Callable[..., Scheduler]) -> None:
    settings = (3,) if kind is Fifo else (3, 3)
    values = np.random.default_rng(0).random((18, 2))
    lived, reports = kind(*settings), []

    def tell(trial: str, rung: int) -> None:
        vector = values[int(trial[1:])] - rung
        reports.append((trial, rung, vector))
        lived.report(trial, rung, vector)

    for index in range(18):
        tell(f"t{index}", 0)
        while (promotion := lived.next_promotion()) is not None:
            rebuilt = kind(*settings)
            for entry in reports:
                rebuilt.report(*entry)
            assert rebuilt.next_promotion() == promotion
            lived.promote(*promotion)
            tell(*promotion)
    assert [rung for _, rung, _ in reports].count(2) == {MoAsha: 2, MoAshaStopping: 2, Fifo: 18}[kind]


def test_fifo_takes_every_trial_to_the_last_rung() -> None:
    scheduler = Fifo(3)
    report(scheduler, [(9, 9), (0, 0)])
    assert drain(scheduler) == [("t0", 1), ("t1", 1)]
    report(scheduler, [(9, 9), (0, 0)], rung=1)
    assert drain(scheduler) == [("t0", 2), ("t1", 2)]
    report(scheduler, [(9, 9), (0, 0)], rung=2)
    assert scheduler.next_promotion() is None


def test_a_single_rung_promotes_nothing() -> None:
    for scheduler in (MoAsha(1, 3), MoAshaStopping(1, 3), Fifo(1)):
        report(scheduler, [(i, -i) for i in range(9)])
        assert scheduler.next_promotion() is None


def test_a_reduction_that_does_not_reduce_is_refused() -> None:
    for kind in (MoAsha, MoAshaStopping):
        with pytest.raises(ValueError, match="2 or more, not 1"):
            kind(3, 1)
