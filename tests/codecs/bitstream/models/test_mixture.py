import numpy as np
import pytest

from searchinr.codecs.bitstream import range_coder
from searchinr.codecs.bitstream.bits import Reader
from searchinr.codecs.bitstream.models.mixture import Mixture, best_mixture
from searchinr.codecs.bitstream.models.registry import best_model, read_model
from searchinr.codecs.bitstream.models.shape import Shape, best_shape
from searchinr.errors import InvalidFileError


def test_counts_are_the_shares_of_both_shapes() -> None:
    shares = {}
    for code in (10, 60):
        counts = Shape(-8, 7, code).counts()
        shares[code] = counts / counts.sum()
    counts = Mixture(-8, 7, 48, 10, 60).counts()
    np.testing.assert_allclose(counts / counts.sum(), 0.75 * shares[10] + 0.25 * shares[60], atol=1e-6)
    assert counts.min() > 0


@pytest.mark.parametrize("data", [b"\x00\x01\x02", b"\x40\x01\x02", b"\x20\x78\x02", b"\x20\x02\x78", b"\x20\x02"])
def test_what_no_encoder_writes_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidFileError, match=r"mixture|truncated"):
        read_model(Reader(b"\xf7" + data), -8, 7)


def test_a_peak_and_a_tail_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    tail = np.rint(rng.laplace(0, 6, 2000))
    symbols = np.where(rng.random(2000) < 0.9, 0, tail).clip(-32, 31).astype(np.int32)
    mixture = best_mixture(symbols, -32, 31)
    assert mixture.bits(symbols) < 0.9 * best_shape(symbols, -32, 31).bits(symbols)
    assert mixture.description_bits + mixture.bits(symbols) < best_model(symbols, -32, 31).bits(symbols)
    walk = mixture.walk(symbols.size)
    [decoded] = range_coder.decode(range_coder.encode([symbols], [walk]), [walk])
    assert np.array_equal(decoded, symbols)


def test_no_mixture_of_those_tried_is_better() -> None:
    symbols = np.array([0] * 30 + [1, -1] * 4 + [5, -7, 3], np.int32)
    best = best_mixture(symbols, -8, 7).bits(symbols)
    for share in range(8, 64, 8):
        for narrow in range(0, 120, 3):
            for wide in range(narrow + 3, 120, 9):
                assert best <= Mixture(-8, 7, share, narrow, wide).bits(symbols) + 0.1
