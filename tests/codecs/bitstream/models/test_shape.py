import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchinr.codecs.bitstream.models.contract import code_lengths
from searchinr.codecs.bitstream.models.shape import FLAT, GAUSSIAN, LAPLACE, SCALES, Shape, best_shape


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (-8, 7), (0, 15), (-127, 0), (-32768, 32767)])
@pytest.mark.parametrize("code", [0, 20, 60, 119, GAUSSIAN, GAUSSIAN + 20, GAUSSIAN + 60, GAUSSIAN + 119, FLAT])
def test_counts_fall_from_zero_alike_to_both_sides(code: int, low: int, high: int) -> None:
    counts = Shape(low, high, code).counts()
    assert counts.shape == (high - low + 1,) and counts.dtype == np.int64
    assert counts.min() >= 1 and counts[-low] == counts.max() > 2**20
    right, left = counts[-low:], counts[: 1 - low][::-1]
    assert (np.diff(right) <= 0).all() and (np.diff(left) <= 0).all()
    common = min(right.size, left.size)
    assert (right[:common] == left[:common]).all()


@pytest.mark.parametrize("scale_code", [27, 34, 48])  # scales 2, 4, 16
def test_shapes_are_those_of_their_names(scale_code: int) -> None:
    scale = 2 ** ((scale_code - 20) / 7)
    k = np.arange(101)
    for family, weights in ((LAPLACE, np.exp(-k / scale)), (GAUSSIAN, np.exp(-((k / scale) ** 2) / 2))):
        counts = Shape(-20, 100, family + scale_code).counts()[20:]
        np.testing.assert_allclose(counts / counts[0], weights, atol=2e-6)
    assert (Shape(-20, 100, FLAT).counts() == 2**20 + 1).all()


COUNTS = [1048577, 816632, 635994, 495313, 86073, 1]  # of 0, 1, 2, 3, 10 and 100
TABLES = "aabe20b426f361de961a5e4de9cf0d29c06663b63488987f8cfeb5582d4ae8e4"


def test_tables_are_those_of_earlier_versions() -> None:
    """They are part of the file format: a change makes old files unreadable, so it needs a new version number."""
    assert Shape(-127, 127, LAPLACE + 34).counts()[127:][[0, 1, 2, 3, 10, 100]].tolist() == COUNTS
    tables = b"".join(
        Shape(low, high, code).counts().astype("<i8").tobytes()
        for low, high in ((-127, 127), (-8, 7), (0, 15))
        for code in range(FLAT + 1)
    )
    assert hashlib.sha256(tables).hexdigest() == TABLES


def exhaustive_best(symbols: np.ndarray, low: int, high: int) -> float:
    shapes = [Shape(low, high, code) for code in range(FLAT + 1)]
    return min(float(code_lengths(shape.counts())[symbols - low].sum()) for shape in shapes)


@settings(max_examples=100, deadline=None)
@given(
    limits=st.sampled_from([(-1, 1), (-3, 3), (-8, 7), (0, 15), (-31, 0), (-127, 127), (-511, 511)]),
    size=st.integers(1, 400),
    spread=st.floats(1e-3, 1e3),
    outliers=st.integers(0, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_best_shape_is_the_best_of_all(
    limits: tuple[int, int], size: int, spread: float, outliers: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    symbols = np.clip(np.rint(spread * rng.standard_normal(size)), *limits).astype(np.int32)
    symbols[:outliers] = limits[1]
    assert best_shape(symbols, *limits).bits(symbols) == pytest.approx(exhaustive_best(symbols, *limits))


@pytest.mark.parametrize("share_of_ones", [0.0, 0.01, 0.2], ids=["zeros", "sparse", "dense"])
def test_best_shape_of_mostly_zeros(share_of_ones: float) -> None:
    # where an estimate of the scale from moments would start, neighbouring shapes do not differ
    symbols = np.zeros(10_000, np.int32)
    symbols[: round(share_of_ones * symbols.size)] = 1
    found = best_shape(symbols, -127, 127).bits(symbols)
    assert found == pytest.approx(exhaustive_best(symbols, -127, 127))
    entropy = symbols.size * sum(-p * np.log2(p) for p in (share_of_ones, 1 - share_of_ones) if p)
    assert found < 1.03 * (entropy + symbols.sum()) + 12  # and a sign for every one


def test_best_shape_finds_the_family() -> None:
    rng = np.random.default_rng(0)
    families = {
        LAPLACE: rng.laplace(0, 10, 5000),
        GAUSSIAN: rng.normal(0, 10, 5000),
        FLAT: rng.integers(-511, 511, 5000),
    }
    for family, values in families.items():
        assert best_shape(np.rint(values).astype(np.int32), -511, 511).code // SCALES * SCALES == family


def test_a_symbol_costs_the_same_with_either_sign() -> None:
    symbols = np.array([1, -2, 5, 0, -5], np.int32)
    shape = Shape(-7, 7, 40)
    expected = -np.log2(shape.counts()[symbols + 7] / shape.counts().sum()).sum()
    assert shape.bits(symbols) == pytest.approx(expected, rel=1e-4) == shape.bits(-symbols)
