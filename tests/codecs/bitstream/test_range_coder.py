import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import RANGES, models, rare_symbols, symbol_arrays

from searchinr.codecs.bitstream import range_coder
from searchinr.codecs.bitstream.models.adaptive import STRENGTHS, Adaptive
from searchinr.codecs.bitstream.models.contract import Model, ModelWalk
from searchinr.codecs.bitstream.models.histogram import Histogram
from searchinr.codecs.bitstream.models.registry import best_model
from searchinr.codecs.bitstream.models.shape import FLAT, GAUSSIAN, Shape
from searchinr.errors import InvalidFileError

Case = tuple[list[np.ndarray], list[Model]]


@st.composite
def arrays_and_models(draw: st.DrawFn) -> Case:
    """Symbols that need not suit their model at all."""
    limits = draw(st.lists(st.sampled_from(RANGES), min_size=1, max_size=4))
    return [draw(symbol_arrays(*pair)) for pair in limits], [draw(models(*pair)) for pair in limits]


def walks(case: Case) -> list[ModelWalk]:
    return [model.walk(symbols.size) for symbols, model in zip(*case, strict=True)]


@settings(max_examples=150, deadline=None)
@given(arrays_and_models())
def test_symbols_are_read_back_from_a_stream_of_ideal_length(case: Case) -> None:
    arrays, models = case
    stream = range_coder.encode(arrays, walks(case))
    decoded = range_coder.decode(stream, walks(case))
    assert all(np.array_equal(a, b) and b.dtype == np.int32 for a, b in zip(arrays, decoded, strict=True))
    # The coder rounds probabilities to multiples of 2**-24: the rarest symbols by up to a factor of two.
    rare = sum(rare_symbols(symbols, model) for symbols, model in zip(arrays, models, strict=True))
    ideal = sum(model.bits(symbols) for symbols, model in zip(arrays, models, strict=True))
    assert 8 * len(stream) <= 1.001 * ideal + rare + 8


@pytest.mark.parametrize("bits_per_weight", [1, 2, 4, 8, 12, 16])
def test_long_streams_are_within_a_thousandth_of_ideal(bits_per_weight: int) -> None:
    low, high = -(2 ** (bits_per_weight - 1)), 2 ** (bits_per_weight - 1) - 1
    rng = np.random.default_rng(0)
    symbols = np.clip(np.rint(rng.normal(0, (high + 1) / 3, 20_000)), low, high).astype(np.int32)
    model = best_model(symbols, low, high)
    assert 8 * len(range_coder.encode([symbols], [model.walk(symbols.size)])) == pytest.approx(
        model.bits(symbols), rel=1e-3
    )


@settings(max_examples=40, deadline=None)
@given(arrays_and_models())
def test_no_byte_can_be_spared(case: Case) -> None:
    arrays, _ = case
    stream = range_coder.encode(arrays, walks(case))
    if len(stream) < 2:
        return
    shorter = stream[:-1]
    for last in range(256):
        try:
            decoded = range_coder.decode(shorter[:-1] + bytes([last]), walks(case))
        except InvalidFileError:
            continue
        assert not all(np.array_equal(a, b) for a, b in zip(arrays, decoded, strict=True))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), arrays_and_models())
def test_any_bytes_are_decoded_or_refused(stream: bytes, case: Case) -> None:
    try:
        decoded = range_coder.decode(stream, walks(case))
    except InvalidFileError:
        return
    for symbols, expected, model in zip(decoded, *case, strict=True):
        assert symbols.shape == expected.shape
        assert symbols.size == 0 or model.low <= symbols.min() <= symbols.max() <= model.high


@settings(max_examples=100, deadline=None)
@given(arrays_and_models(), st.data())
def test_mutated_streams_are_decoded_or_refused(case: Case, data: st.DataObject) -> None:
    stream = bytearray(range_coder.encode(case[0], walks(case)))
    for _ in range(data.draw(st.integers(1, 4))):
        if stream:
            stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(stream)))
    for mutant in (bytes(stream), bytes(stream[:cut])):
        try:
            range_coder.decode(mutant, walks(case))
        except InvalidFileError:
            continue


@pytest.mark.parametrize("limits", [(-1, 1), (-8, 7), (-127, 127)])
def test_cheapest_symbols_are_not_refused(limits: tuple[int, int]) -> None:
    zeros = np.zeros(300_000, np.int32)
    narrowest = [Shape(*limits, 0), Shape(*limits, GAUSSIAN), Histogram.of(zeros, *limits, 0)]
    learnt = [Adaptive(*limits, prior, strength) for prior in (0, FLAT) for strength in STRENGTHS]
    for model in [*narrowest, *learnt]:
        stream = range_coder.encode([zeros], [model.walk(zeros.size)])
        assert 0.85 * model.bits(zeros) - 8 <= model.walk(zeros.size).least_bits <= 1.001 * model.bits(zeros)
        assert not range_coder.decode(stream, [model.walk(zeros.size)])[0].any()


@pytest.mark.parametrize(
    "model",
    [
        Shape(-127, 127, 40),
        Shape(-127, 127, FLAT),
        Shape(-32768, 32767, FLAT),
        Adaptive(-127, 127, 0, 8),
        Adaptive(-511, 511, FLAT, 2048),
        Histogram.of(np.arange(9, dtype=np.int32), 0, 15, 0),
    ],
    ids=str,
)
def test_more_symbols_than_the_bytes_can_hold_are_refused(model: Model) -> None:
    with pytest.raises(InvalidFileError, match="3000000000 weights, more than its 20 coded bytes"):
        range_coder.decode(bytes(20), [model.walk(3_000_000_000)])


SYMBOLS = [
    np.array([0, 1, -1, 5, -8, 0, 0, 2], np.int32),
    np.array([-127, 127, 3, -20, 64], np.int32),
    np.array([3, 0, 3, 9] * 2, np.int32),
    np.array([7, 0, 7, 7, 8, 7, 7, 7] * 9, np.int32),
    np.array([-32768, 32767], np.int32),
]
MODELS = [
    Shape(-8, 7, 25),
    Shape(-127, 127, GAUSSIAN + 62),
    Histogram.of(SYMBOLS[2], 0, 15, 2),
    Adaptive(0, 15, 30, 32),
    Shape(-32768, 32767, FLAT),
]
STREAM = "900985a1ef0fedf26f66863a24bdc6fe3c6dc8b174ad5ccd466d6262d2daf6f14ccc017588"


def test_stream_is_that_of_earlier_versions() -> None:
    """The range coder is part of the file format: if this fails, the version of the format must change."""
    assert range_coder.encode(SYMBOLS, walks((SYMBOLS, MODELS))).hex() == STREAM
    decoded = range_coder.decode(bytes.fromhex(STREAM), walks((SYMBOLS, MODELS)))
    assert [symbols.tolist() for symbols in decoded] == [symbols.tolist() for symbols in SYMBOLS]
