import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchinr.codecs.bitstream import range_coder
from searchinr.codecs.bitstream.models import best_model, bits, code_lengths
from searchinr.codecs.bitstream.range_coder import SymbolModel
from searchinr.errors import InvalidFileError

BOUNDS = [1, 3, 15, 127, 2047, 32767]


@st.composite
def arrays_and_models(draw: st.DrawFn) -> tuple[list[np.ndarray], list[SymbolModel]]:
    """Symbols that need not suit their model at all."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    arrays, models = [], []
    for _ in range(draw(st.integers(1, 4))):
        bound, size = draw(st.sampled_from(BOUNDS)), draw(st.integers(0, 60))
        kind = draw(st.sampled_from(["uniform", "narrow", "lowest", "zero", "highest"]))
        symbols = {
            "uniform": rng.integers(-bound, bound, size, endpoint=True),
            "narrow": np.clip(np.rint(rng.normal(0, 2, size)), -bound, bound),
            "lowest": np.full(size, -bound),
            "zero": np.zeros(size),
            "highest": np.full(size, bound),
        }[kind]
        arrays.append(symbols.astype(np.int32))
        models.append(SymbolModel(size, bound, draw(st.integers(0, 255))))
    return arrays, models


def ideal_bits(arrays: list[np.ndarray], models: list[SymbolModel]) -> float:
    return sum(bits(symbols, model.code, model.bound) for symbols, model in zip(arrays, models, strict=True))


@settings(max_examples=150, deadline=None)
@given(arrays_and_models())
def test_symbols_are_read_back_from_a_stream_of_ideal_length(case: tuple[list[np.ndarray], list[SymbolModel]]) -> None:
    arrays, models = case
    stream = range_coder.encode(arrays, models)
    decoded = range_coder.decode(stream, models)
    assert all(np.array_equal(a, b) and b.dtype == np.int32 for a, b in zip(arrays, decoded, strict=True))
    # The coder rounds probabilities to multiples of 2**-24: the rarest symbols by up to a factor of two.
    rare = sum(
        int((code_lengths(model.code, model.bound)[np.abs(symbols)] > 20).sum())
        for symbols, model in zip(arrays, models, strict=True)
    )
    assert 8 * len(stream) <= 1.01 * ideal_bits(arrays, models) + rare + 8


@pytest.mark.parametrize("bits_per_weight", [2, 4, 8, 12, 16])
def test_long_streams_are_within_a_thousandth_of_ideal(bits_per_weight: int) -> None:
    bound = 2 ** (bits_per_weight - 1) - 1
    rng = np.random.default_rng(0)
    symbols = np.clip(np.rint(rng.normal(0, bound / 3, 20_000)), -bound, bound).astype(np.int32)
    models = [SymbolModel(symbols.size, bound, best_model(symbols, bound))]
    assert 8 * len(range_coder.encode([symbols], models)) == pytest.approx(ideal_bits([symbols], models), rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(arrays_and_models())
def test_no_byte_can_be_spared(case: tuple[list[np.ndarray], list[SymbolModel]]) -> None:
    arrays, models = case
    stream = range_coder.encode(arrays, models)
    if len(stream) < 2:
        return
    shorter = stream[:-1]
    for last in range(256):
        try:
            decoded = range_coder.decode(shorter[:-1] + bytes([last]), models)
        except InvalidFileError:
            continue
        assert not all(np.array_equal(a, b) for a, b in zip(arrays, decoded, strict=True))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), arrays_and_models())
def test_any_bytes_are_decoded_or_refused(stream: bytes, case: tuple[list[np.ndarray], list[SymbolModel]]) -> None:
    models = case[1]
    try:
        decoded = range_coder.decode(stream, models)
    except InvalidFileError:
        return
    for symbols, model in zip(decoded, models, strict=True):
        assert symbols.shape == (model.size,)
        assert np.abs(symbols).max(initial=0) <= model.bound


def test_more_symbols_than_the_bytes_can_hold_are_refused() -> None:
    with pytest.raises(InvalidFileError, match="3000000000 weights, more than its 20 coded bytes"):
        range_coder.decode(bytes(20), [SymbolModel(3_000_000_000, 127, 40)])


SYMBOLS = [
    np.array([0, 1, -1, 5, -7, 0, 0, 2], np.int32),
    np.array([-127, 127, 3, -20, 64], np.int32),
    np.array([1, 0, -1, -1], np.int32),
]
MODELS = [SymbolModel(8, 7, 25), SymbolModel(5, 127, 128 + 62), SymbolModel(4, 1, 20)]
STREAM = "8fb66a3504022079ae28"


def test_stream_is_that_of_earlier_versions() -> None:
    """The range coder is part of the file format: if this fails, the version of the format must change."""
    assert range_coder.encode(SYMBOLS, MODELS).hex() == STREAM
    assert [symbols.tolist() for symbols in range_coder.decode(bytes.fromhex(STREAM), MODELS)] == [
        symbols.tolist() for symbols in SYMBOLS
    ]
