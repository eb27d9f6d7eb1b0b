import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject
from scheduler_conformance import Result, ranks

from searchinr.search.nondominated import NondominatedLevels

rungs = st.integers(1, 4).flatmap(
    lambda k: st.lists(
        st.tuples(st.tuples(*[st.integers(0, 5)] * k), st.sampled_from([0.0, 0.0, 0.0, 0.5, 2.0])),
        min_size=1,
        max_size=25,
    )
)


@settings(max_examples=200, deadline=None)
@given(rungs, st.data())
def test_levels_are_the_ranks_by_definition_whatever_comes_and_goes(
    rung: list[tuple[tuple[int, ...], float]], data: DataObject
) -> None:
    levels, present = NondominatedLevels(), {}
    for vector, violation in rung:
        point = levels.add(np.array(vector, dtype=float), violation)
        present[point] = Result(vector, violation)
        if data.draw(st.booleans()):
            levels.level(data.draw(st.integers(0, 8)))  # sorts so far
        if data.draw(st.integers(0, 3)) == 0:
            gone = data.draw(st.sampled_from(sorted(present)))
            levels.remove(gone)
            del present[gone]
        if data.draw(st.booleans()):
            expected = dict(zip(present, ranks(list(present.values())), strict=True))
            assert all(levels.rank_at_least(point) <= rank for point, rank in expected.items())
            for rank in range(max(expected.values(), default=-1) + 2):
                assert sorted(levels.level(rank)) == [point for point in sorted(present) if expected[point] == rank]
            assert {point: levels.rank(point) for point in present} == expected
    assert len(levels) == len(present)
    assert levels.present().tolist() == sorted(present)


@pytest.mark.parametrize("k", [2, 3])
def test_levels_of_hundreds_of_points(k: int) -> None:
    rng = np.random.default_rng(k)
    vectors = rng.normal(size=(300, k))
    levels = NondominatedLevels()
    for index, vector in enumerate(vectors):
        levels.add(vector, 0.0)
        levels.rank(int(rng.integers(index + 1)))
    for point in range(0, 300, 7):
        levels.remove(point)
    left = [point for point in range(300) if point % 7]
    expected = ranks([Result(tuple(vectors[point])) for point in left])
    assert [levels.rank(point) for point in left] == expected
