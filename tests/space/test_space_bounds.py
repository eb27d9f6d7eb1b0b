"""Bounds: `constraints` of a space file."""

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from space_case import VALID, load, load_with

from searchinr.space import Bound, Space, dump_space, space_hash

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("written", "bound"),
    [
        ("<= 2000", Bound("<=", 2000.0)),
        (">=0.95", Bound(">=", 0.95)),
        ("  <=   1e3 ", Bound("<=", 1000.0)),
        (">= -1.5E+2", Bound(">=", -150.0)),
        ("<= .5", Bound("<=", 0.5)),
        ("<= 3.", Bound("<=", 3.0)),
    ],
)
def test_how_a_bound_may_be_written(tmp_path: Path, written: str, bound: Bound) -> None:
    assert load_with(tmp_path, constraints={"rate": written}).constraints == {"rate": bound}


@pytest.mark.parametrize(
    ("bound", "value", "excess"),
    [
        (Bound("<=", 2000.0), 2500.0, 0.25),
        (Bound("<=", 2000.0), 2000.0, 0.0),
        (Bound("<=", 2000.0), 1000.0, -0.5),
        (Bound(">=", 0.8), 0.6, 0.25),
        (Bound(">=", 40.0), 50.0, -0.25),
        (Bound("<=", -4.0), -3.0, 0.25),
        (Bound(">=", 0.0), -3.0, 3.0),
    ],
)
def test_excess_is_a_fraction_of_the_limit(bound: Bound, value: float, excess: float) -> None:
    assert bound.excess(value) == pytest.approx(excess)


@given(st.sampled_from(["<=", ">="]), FINITE, FINITE)
def test_excess_is_above_0_just_where_the_bound_is_broken(sense: str, limit: float, value: float) -> None:
    bound = Bound(sense, limit)  # type: ignore[arg-type]
    excess = bound.excess(value)
    kept = value <= limit if sense == "<=" else value >= limit
    if math.isfinite(excess) and (excess != 0 or value == limit):  # neither overflow nor underflow
        assert (excess <= 0) == kept


@given(st.sampled_from(["<=", ">="]), FINITE)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_bound_survives_being_written_and_read(tmp_path: Path, sense: str, limit: float) -> None:
    space = load_with(tmp_path, constraints={"rate": str(Bound(sense, limit))})  # type: ignore[arg-type]
    assert space.constraints == {"rate": Bound(sense, limit)}  # type: ignore[arg-type]
    assert load(tmp_path, dump_space(space)) == space


def test_bounds_read_well() -> None:
    assert [str(Bound("<=", limit)) for limit in (2000.0, 0.95, 1e-7)] == ["<= 2000", "<= 0.95", "<= 1e-07"]


@pytest.mark.parametrize("empty", ["constraints: {}\n", "constraints:\n", ""])
def test_no_bounds_are_no_constraints(tmp_path: Path, empty: str) -> None:
    space = load(tmp_path, dump_space(Space.model_validate(VALID | {"datasets": ({"name": "kodak"},)})) + empty)
    assert space.constraints is None


def test_constraints_are_part_of_what_results_depend_on_and_confirmation_is_not(tmp_path: Path) -> None:
    plain = space_hash(load_with(tmp_path))
    assert space_hash(load_with(tmp_path, confirm={"seeds": 3})) == plain
    bounded = space_hash(load_with(tmp_path, constraints={"rate": "<= 2"}))
    assert bounded != plain
    assert space_hash(load_with(tmp_path, constraints={"rate": "<=2.0"})) == bounded
    assert space_hash(load_with(tmp_path, constraints={"rate": ">= 2"})) != bounded
