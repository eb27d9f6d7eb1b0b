import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from searchinr.search.configs import Config
from searchinr.search.evidence import ENOUGH, ENOUGH_HIGHER, best, gather, informative
from searchinr.search.samplers import Observation

values = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(-3, 3)), min_size=1, max_size=40)


def results(values: list[tuple[int, int, int]], rung: int = 0, start: int = 0) -> list[Observation]:
    return [
        Observation(f"t{i}", Config("mlp", {"i": i}), rung, np.array([a, b], dtype=float), np.array([c], dtype=float))
        for i, (a, b, c) in enumerate(values, start)
    ]


def beats(a: Observation, b: Observation) -> bool:
    violations = max(a.excess[0], 0), max(b.excess[0], 0)
    if any(violations):
        return violations[0] < violations[1]
    return bool((a.vector <= b.vector).all() and (a.vector < b.vector).any())


def test_the_highest_rung_with_enough_results_and_who_never_got_there() -> None:
    first = results([(i, -i, 0) for i in range(40)])
    higher = results([(i, -i, 0) for i in range(ENOUGH_HIGHER)], rung=1)
    assert gather(first[: ENOUGH - 1]) is None
    assert gather([*first[: ENOUGH - 1], *higher]) is None
    assert gather(first[:ENOUGH], enough=ENOUGH + 1) is None
    low = gather([*first, *higher[1:]])
    assert low.results == first
    assert low.left_behind == []
    high = gather([*first, *higher])
    assert high.results == higher
    assert high.left_behind == first[ENOUGH_HIGHER:]


def test_a_trial_left_behind_is_there_once_with_its_latest_result() -> None:
    first = results([(i, -i, 0) for i in range(60)])
    second = results([(i, -i, 0) for i in range(45)], rung=1)
    third = results([(i, -i, 0) for i in range(ENOUGH_HIGHER)], rung=2)
    evidence = gather([*first, *second, *third])
    assert evidence.results == third
    assert {o.trial: o.rung for o in evidence.left_behind} == {f"t{i}": int(i < 45) for i in range(ENOUGH_HIGHER, 60)}
    assert len(evidence.left_behind) == 30


@given(values, st.integers(1, 40))
def test_nothing_is_chosen_before_what_beats_it(values: list[tuple[int, int, int]], count: int) -> None:
    known = results(values)
    chosen = best(known, count)
    assert len(chosen) == min(count, len(known))
    left = [result for result in known if not any(result is other for other in chosen)]
    assert not any(beats(other, result) for result in chosen for other in left)


def test_of_equals_the_latest_are_chosen() -> None:
    known = results([(i, -i, 0) for i in range(10)])
    assert {result.trial for result in best(known, 4)} == {"t6", "t7", "t8", "t9"}


def test_the_informative_are_the_best_and_the_latest_in_their_order() -> None:
    known = results([(i, i, 0) for i in range(100)])
    assert informative(known, 100) == known
    assert [result.trial for result in informative(known, 10)] == [f"t{i}" for i in (*range(5), *range(95, 100))]
