import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchinr.codecs.bitstream.bits import (
    MAX_BYTE_FLOAT,
    MIN_BYTE_FLOAT,
    Reader,
    Writer,
    byte_float_code,
    byte_float_value,
    snap_to_byte,
)
from searchinr.errors import InvalidFileError


def test_every_code_is_the_code_of_its_value() -> None:
    values = [byte_float_value(code) for code in range(256)]
    assert [byte_float_code(value) for value in values] == list(range(256))
    assert values == sorted(values)
    assert (values[0], values[-1]) == (MIN_BYTE_FLOAT, MAX_BYTE_FLOAT) == (0.25, 15872)


@given(st.floats(MIN_BYTE_FLOAT, MAX_BYTE_FLOAT))
def test_code_is_that_of_the_nearest_value(value: float) -> None:
    nearest = min(abs(byte_float_value(code) - value) for code in range(256))
    assert abs(snap_to_byte(value) - value) == nearest
    assert nearest <= value / 32


@pytest.mark.parametrize("value", [5, 10, 20, 30, 60, 256])
def test_constants_of_the_papers_are_exact(value: float) -> None:
    assert snap_to_byte(value) == value


@pytest.mark.parametrize(("value", "limit"), [(0.0, MIN_BYTE_FLOAT), (1e-9, MIN_BYTE_FLOAT), (1e30, MAX_BYTE_FLOAT)])
def test_values_out_of_range_snap_to_its_ends(value: float, limit: float) -> None:
    assert snap_to_byte(value) == limit


@given(st.lists(st.integers(0, 2**35 - 1)))
def test_varints_are_read_back(values: list[int]) -> None:
    out = Writer()
    for value in values:
        out.varint(value)
    assert len(out.data) == sum(max(1, math.ceil(value.bit_length() / 7)) for value in values)
    reader = Reader(bytes(out.data) + b"end")
    assert [reader.varint() for _ in values] == values
    assert reader.rest() == b"end"


def test_end_of_the_header_is_noticed() -> None:
    reader = Reader(b"\x05678")
    assert reader.byte() == 5
    with pytest.raises(InvalidFileError, match="truncated"):
        reader.take(4)
    assert reader.take(3) == b"678"
    with pytest.raises(InvalidFileError, match="truncated"):
        reader.byte()
    with pytest.raises(InvalidFileError, match="truncated"):
        Reader(b"\x80\x80").varint()


def test_endless_integers_are_refused() -> None:
    with pytest.raises(InvalidFileError, match="too large"):
        Reader(b"\xff" * 20).varint()
