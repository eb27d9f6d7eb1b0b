"""Arrays of symbols and probability models of every kind, for property tests."""

import numpy as np
from hypothesis import strategies as st

from searchinr.codecs.bitstream.models.adaptive import STRENGTHS, Adaptive
from searchinr.codecs.bitstream.models.contract import MAX_LEARNT_COUNT, Model, code_lengths
from searchinr.codecs.bitstream.models.histogram import RESOLUTIONS, Histogram
from searchinr.codecs.bitstream.models.mixture import Mixture
from searchinr.codecs.bitstream.models.shape import FLAT, SCALES, Shape

RANGES = [(-1, 1), (0, 1), (-1, 0), (0, 15), (-8, 7), (-15, 0), (-3, 200), (-511, 511), (-2047, 2047), (-32768, 32767)]


@st.composite
def symbol_arrays(draw: st.DrawFn, low: int, high: int, min_size: int = 0) -> np.ndarray:
    """Symbols in [low, high], of many distributions."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(min_size, 80) | st.integers(min_size, 600))
    kind = draw(st.sampled_from(["uniform", "narrow", "outlier", "few", "sorted", "low", "zero", "high"]))
    uniform = rng.integers(low, high, size, endpoint=True)
    narrow = np.rint(rng.normal(0, 2, size))
    symbols = {
        "uniform": uniform,
        "narrow": narrow,
        "outlier": np.where(np.arange(size) == size // 2, high, narrow),
        "few": rng.choice(rng.integers(low, high, 3, endpoint=True), size, p=[0.7, 0.2, 0.1]),
        "sorted": np.sort(uniform),
        "low": np.full(size, low),
        "zero": np.zeros(size),
        "high": np.full(size, high),
    }[kind]
    return np.clip(symbols, low, high).astype(np.int32)


@st.composite
def models(draw: st.DrawFn, low: int, high: int) -> Model:
    """Any model that a file can name; it need not suit any symbols."""
    shape = Shape(low, high, draw(st.integers(0, FLAT)))
    if shape.count > MAX_LEARNT_COUNT:
        return shape
    adaptive = Adaptive(low, high, shape.code, draw(st.sampled_from(STRENGTHS)))
    others = draw(symbol_arrays(low, high, min_size=1))
    histogram = Histogram.of(others, low, high, draw(st.sampled_from(RESOLUTIONS)))
    mixture = Mixture(low, high, draw(st.integers(1, 63)), *draw(st.tuples(*[st.integers(0, SCALES - 1)] * 2)))
    return draw(st.sampled_from([shape, adaptive, histogram, mixture]))


def rare_symbols(symbols: np.ndarray, model: Model) -> int:
    """How many symbols are so improbable that the coder, which counts in 2**-24, rounds their code length."""
    histograms = model.histograms(symbols)
    counts = model.counts() + model.increment * (np.cumsum(histograms, axis=0) - histograms)
    return int(histograms[code_lengths(counts) > 18].sum())
