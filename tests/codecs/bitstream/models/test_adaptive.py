import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import symbol_arrays

from searchinr.codecs.bitstream.bits import Reader
from searchinr.codecs.bitstream.models.adaptive import STRENGTHS, Adaptive
from searchinr.codecs.bitstream.models.shape import FLAT, Shape
from searchinr.errors import InvalidFileError


def test_blocks_are_those_of_earlier_versions() -> None:
    """If this fails, the version of the format must change."""
    model = Adaptive(0, 1, FLAT, 8)
    assert [block.stop for block in model.blocks(200)] == [16, 32, 48, 64, 80, 96, 112, 128, 144, 162, 182, 200]
    assert [block.stop for block in model.blocks(16)] == [16]
    assert model.blocks(0) == []
    assert len(model.blocks(2**26)) < 130


@settings(max_examples=100, deadline=None)
@given(symbol_arrays(-8, 7), st.integers(0, FLAT), st.sampled_from(STRENGTHS))
def test_counts_are_those_of_the_shape_and_what_earlier_blocks_held(
    symbols: np.ndarray, first: int, strength: int
) -> None:
    model = Adaptive(-8, 7, first, strength)
    start = Shape(-8, 7, first).counts() / Shape(-8, 7, first).counts().sum()
    bits = 0.0
    for block in model.blocks(symbols.size):
        seen = np.bincount(symbols[: block.start] + 8, minlength=16)
        probabilities = (strength * start + seen) / (strength + block.start)
        bits -= np.log2(probabilities[symbols[block] + 8] * (1 - 16 / 2**24) + 2.0**-24).sum()
    assert model.bits(symbols) == pytest.approx(bits, rel=1e-3, abs=1e-3)  # the increment is a whole number


def test_it_learns_any_distribution() -> None:
    rng = np.random.default_rng(0)
    p = np.array([0.4, 0.0, 0.3, 0.0, 0.0, 0.05, 0.25])
    symbols = (rng.choice(7, 5000, p=p) - 3).astype(np.int32)
    entropy = -5000 * float((p[p > 0] * np.log2(p[p > 0])).sum())
    assert Adaptive(-3, 3, FLAT, 8).bits(symbols) < 1.02 * entropy
    assert Shape(-3, 3, FLAT).bits(symbols) > 1.5 * entropy


def test_it_starts_from_a_shape() -> None:
    assert Adaptive.read(242, Reader(bytes([FLAT])), 0, 3) == Adaptive(0, 3, FLAT, 8)
    with pytest.raises(InvalidFileError, match="shape 241"):
        Adaptive.read(242, Reader(bytes([FLAT + 1])), 0, 3)
