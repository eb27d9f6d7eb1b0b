import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import symbol_arrays

from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.models.histogram import RESOLUTIONS, Histogram
from searchinr.errors import InvalidFileError

LIMITS = (-5, 40)


@settings(max_examples=150, deadline=None)
@given(symbol_arrays(*LIMITS, min_size=1), st.sampled_from(RESOLUTIONS))
def test_counts_are_in_proportion_to_occurrences(symbols: np.ndarray, resolution: int) -> None:
    counts = Histogram.of(symbols, *LIMITS, resolution).counts()
    occurrences = np.bincount(symbols + 5, minlength=46)
    assert ((counts > 0) == (occurrences > 0)).all()
    used = occurrences > 0
    error = np.log2(counts[used] / counts.max()) - np.log2(occurrences[used] / occurrences.max())
    assert np.abs(error).max() <= 0.5 / 2**resolution + 1e-5


def test_counts_too_small_for_the_scale_become_its_least() -> None:
    symbols = np.array([0] * 2000 + [3] * 1000 + [7], np.int32)
    counts = Histogram.of(symbols, *LIMITS, 3).counts()[5:]  # 64 levels, 8 to a doubling
    assert counts[[0, 1, 3]].tolist() == [2**20, 0, 2**19]
    assert counts[7] == pytest.approx(2**20 / 2 ** (63 / 8), abs=1)


def test_description_is_short() -> None:
    # code, first, length, levels; 16 digits of 4 levels and of "not in use"
    symbols = np.repeat(np.arange(2, 18, dtype=np.int32), [1, 2, 4, 8] * 4)
    histogram = Histogram.of(symbols, *LIMITS, 0)
    assert histogram.description_bits == 8 * 4 + 8 * np.ceil(16 * np.log2(5) / 8)
    assert histogram.bits(symbols) == pytest.approx(sum(4 * n * np.log2(60 / n) for n in (1, 2, 4, 8)), rel=1e-4)


def read(data: bytes) -> Histogram:
    return Histogram.read(Reader(data), *LIMITS)


def test_bytes_are_those_of_earlier_versions() -> None:
    """If this fails, the version of the format must change."""
    symbols = np.array([4] * 9 + [6] * 3 + [9, 9], np.int32)
    out = Writer()
    Histogram.of(symbols, *LIMITS, 1).write(out)
    assert out.data.hex() == "f10905449991"
    assert read(bytes(out.data[1:])).counts()[9:16].tolist() == [1048576, 0, 370727, 0, 0, 262144, 0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes([0, 46, 0, 1]), "symbols -5 to 41: allowed are -5 to 40"),
        (bytes([46, 0, 0, 1]), "symbols 41 to 41"),
        (bytes([0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 1]), "allowed are -5 to 40"),
        (bytes([0, 0, 0, 2]), "no encoder writes"),  # one symbol of level 0 or 1
        (bytes([0, 9, 0, 0, 0]), "no encoder writes"),  # no symbol in use
        (bytes([0, 45, 255, 1]), "truncated"),
        (bytes([0, 45]), "truncated"),
    ],
)
def test_contradictions_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        read(data)
