import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchinr.codecs.bitstream import models
from searchinr.codecs.bitstream.models import best_model, bits, code_lengths, probabilities

LAPLACE, GAUSSIAN = 0, 128


@pytest.mark.parametrize("bound", [1, 7, 127, 32767])
@pytest.mark.parametrize("code", [0, 20, 60, 127, GAUSSIAN, GAUSSIAN + 20, GAUSSIAN + 60, GAUSSIAN + 127])
def test_probabilities_are_a_symmetric_falling_distribution(code: int, bound: int) -> None:
    p = probabilities(code, bound)
    assert p.shape == (2 * bound + 1,)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert (p == p[::-1]).all()
    assert (np.diff(p[bound:]) <= 0).all() and p[-1] > 0


@pytest.mark.parametrize("scale_code", [27, 34, 48])  # scales 2, 4, 16
def test_shapes_are_those_of_their_names(scale_code: int) -> None:
    scale, bound = 2 ** ((scale_code - 20) / 7), 100
    k = np.arange(bound + 1)
    for family, weights in ((LAPLACE, np.exp(-k / scale)), (GAUSSIAN, np.exp(-((k / scale) ** 2) / 2))):
        p = probabilities(family + scale_code, bound)[bound:]
        np.testing.assert_allclose(p / p[0], weights, atol=2e-6)


COUNTS = [1048577, 816632, 635994, 495313, 86073, 1]  # of 0, 1, 2, 3, 10 and 100
TABLES = "345a61b161539a895ae3ce665c4b52f238165d871dfec69a9494d918f700b4bc"


def test_tables_are_those_of_earlier_versions() -> None:
    """They are part of the file format: a change makes old files unreadable, so it needs a new version number."""
    bound = 127
    one_sided = probabilities(LAPLACE + 34, bound)[bound:]
    smallest = probabilities(LAPLACE + 34, bound).min()
    assert np.rint(one_sided / smallest)[[0, 1, 2, 3, 10, 100]].tolist() == COUNTS
    tables = b"".join(probabilities(code, bound).astype("<f8").tobytes() for code in range(256))
    assert hashlib.sha256(tables).hexdigest() == TABLES


def exhaustive_best(symbols: np.ndarray, bound: int) -> float:
    return min(float(code_lengths(code, bound)[np.abs(symbols)].sum()) for code in range(256))


@settings(max_examples=150, deadline=None)
@given(
    bound=st.sampled_from([1, 3, 7, 31, 127, 511]),
    size=st.integers(1, 400),
    spread=st.floats(1e-3, 1e3),
    outliers=st.integers(0, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_best_model_is_the_best_of_all(bound: int, size: int, spread: float, outliers: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    symbols = np.clip(np.rint(spread * rng.standard_normal(size)), -bound, bound).astype(np.int32)
    symbols[:outliers] = bound
    assert bits(symbols, best_model(symbols, bound), bound) == pytest.approx(exhaustive_best(symbols, bound))


@pytest.mark.parametrize(
    ("share_of_ones", "narrowest"), [(0.0, True), (0.01, False), (0.2, False)], ids=["zeros", "sparse", "dense"]
)
def test_best_model_of_mostly_zeros(share_of_ones: float, narrowest: bool) -> None:
    # where an estimate of the scale from moments would start, neighbouring models do not differ
    symbols = np.zeros(10_000, np.int32)
    symbols[: round(share_of_ones * symbols.size)] = 1
    code = best_model(symbols, 127)
    assert bits(symbols, code, 127) == pytest.approx(exhaustive_best(symbols, 127))
    entropy = symbols.size * sum(-p * np.log2(p) for p in (share_of_ones, 1 - share_of_ones) if p)
    assert bits(symbols, code, 127) < 1.03 * (entropy + symbols.sum()) + 12  # and a sign for every one
    assert (code & 127 < 10) == narrowest or not narrowest


def test_best_model_finds_the_family() -> None:
    rng = np.random.default_rng(0)
    assert best_model(np.rint(rng.laplace(0, 10, 5000)).astype(np.int32), 511) < GAUSSIAN
    assert best_model(np.rint(rng.normal(0, 10, 5000)).astype(np.int32), 511) >= GAUSSIAN


def test_arrays_without_symbols_cost_nothing() -> None:
    assert bits(np.zeros(0, np.int32), best_model(np.zeros(0, np.int32), 127), 127) == 0


def test_a_symbol_costs_the_same_with_either_sign() -> None:
    symbols = np.array([1, -2, 5, 0, -5], np.int32)
    expected = -np.log2(probabilities(40, 7)[symbols + 7]).sum()
    assert bits(symbols, 40, 7) == pytest.approx(expected, rel=1e-4) == bits(-symbols, 40, 7)


def test_number_of_models_fits_one_byte() -> None:
    assert len(models.Family) * models.SCALES == 256
