"""Walks whose tables depend on what was coded before, in both directions of the range coder."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchinr.codecs.bitstream import range_coder
from searchinr.codecs.bitstream.models.shape import FLAT, Shape
from searchinr.codecs.bitstream.walk import Block, Tables, Walk
from searchinr.errors import InvalidFileError

COUNTS = np.stack([Shape(-8, 7, code).counts() for code in (10, 30, 60, FLAT)])


class Wandering(Walk):
    """Places in any order, in blocks of any length, by tables that all earlier symbols decide.

    Attributes:
        asked: Blocks that were asked for.
    """

    least_bits = 0.0

    def __init__(self, size: int, seed: int, *, peeks: bool = False, length: int = 7) -> None:
        self.size, self.asked = size, 0
        self._seed, self._peeks, self._length = seed, peeks, length

    def blocks(self, seen: np.ndarray) -> Iterator[Block]:
        rng = np.random.default_rng(self._seed)
        tables, order = Tables(COUNTS), rng.permutation(self.size)
        start = 0
        while start < self.size:
            places = order[start : start + int(rng.integers(1, self._length + 1))]
            known = seen[order[:start]] if not self._peeks else seen
            low = (int(np.abs(known).sum()) + places) % 3 - 10
            self.asked += 1
            yield Block.chosen(places, tables, (int(known.sum()) + places) % len(COUNTS), low.astype(np.int32))
            start += len(places)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 300), st.integers(0, 2**32 - 1), st.booleans())
def test_what_is_coded_is_read_back(size: int, seed: int, peeks: bool) -> None:
    """A walk that looks ahead sees zeros in both directions, and codes no worse a stream."""
    symbols = np.random.default_rng(seed).integers(-8, 5, size, endpoint=True).astype(np.int32)
    walk = Wandering(size, seed, peeks=peeks)
    [found] = range_coder.decode(range_coder.encode([symbols], [walk]), [walk])
    assert found.dtype == np.int32 and np.array_equal(found, symbols)


def test_walks_share_a_stream_with_models() -> None:
    symbols = np.arange(-8, 6, dtype=np.int32).repeat(5)
    model = Shape(-8, 7, 40)
    walks = [model.walk(symbols.size), Wandering(symbols.size, 1), model.walk(symbols.size)]
    for found in range_coder.decode(range_coder.encode([symbols] * 3, walks), walks):
        assert np.array_equal(found, symbols)


def test_a_walk_must_pass_every_place() -> None:
    class Short(Wandering):
        def blocks(self, seen: np.ndarray) -> Iterator[Block]:
            yield from list(super().blocks(seen))[:-1]

    with pytest.raises(ValueError, match="every place"):
        range_coder.encode([np.full(50, 3, np.int32)], [Short(50, 0)])


def test_a_decoder_stops_where_the_bytes_cannot_hold_more() -> None:
    """Twenty bytes claim a million symbols that nothing bounds beforehand: the tables of the first blocks tell."""
    walk = Wandering(1_000_000, 0, length=100)
    with pytest.raises(InvalidFileError, match="1000000 weights, more than its 20 coded bytes"):
        range_coder.decode(bytes(range(1, 21)), [walk])
    assert walk.asked < 50


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=100), st.integers(0, 100), st.integers(0, 99))
def test_any_bytes_are_decoded_or_refused(stream: bytes, size: int, seed: int) -> None:
    try:
        [found] = range_coder.decode(stream, [Wandering(size, seed)])
    except InvalidFileError:
        return
    assert found.shape == (size,) and (found >= -10).all() and (found <= 7).all()
