import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import RANGES, models, symbol_arrays

from searchinr.codecs.bitstream import range_coder
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.models.adaptive import STRENGTHS, Adaptive
from searchinr.codecs.bitstream.models.contract import MAX_LEARNT_COUNT, Model
from searchinr.codecs.bitstream.models.histogram import RESOLUTIONS, Histogram
from searchinr.codecs.bitstream.models.registry import best_model, read_model
from searchinr.codecs.bitstream.models.shape import FLAT, Shape, best_shape
from searchinr.errors import InvalidFileError


def written(model: Model) -> bytes:
    out = Writer()
    model.write(out)
    return bytes(out.data)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(RANGES))
def test_what_is_written_is_read(data: st.DataObject, limits: tuple[int, int]) -> None:
    model = data.draw(models(*limits))
    reader = Reader(written(model) + b"rest")
    assert read_model(reader, *limits) == model
    assert reader.rest() == b"rest"
    assert model.description_bits == 8 * len(written(model))


def test_every_first_byte_is_read_or_refused() -> None:
    table = bytes([0, 1, 0, 1])  # two symbols of levels 0 and 1
    kinds = [type(read_model(Reader(bytes([code]) + table), -8, 7)) for code in range(247)]
    assert kinds == [Shape] * 241 + [Histogram] + [Adaptive] * 5
    for code in range(248, 256):
        with pytest.raises(InvalidFileError, match=f"model {code}"):
            read_model(Reader(bytes([code]) + table), -8, 7)
    for code in range(241, 256):  # too many different symbols to be learnt
        with pytest.raises(InvalidFileError, match="unknown probability model"):
            read_model(Reader(bytes([code]) + table), -MAX_LEARNT_COUNT // 2, MAX_LEARNT_COUNT // 2)
    with pytest.raises(InvalidFileError, match="truncated"):
        read_model(Reader(b""), -8, 7)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.integers(235, 255), st.sampled_from(RANGES))
def test_any_bytes_are_a_model_or_refused(data: bytes, code: int, limits: tuple[int, int]) -> None:
    try:
        model = read_model(Reader(bytes([code]) + data), *limits)
    except InvalidFileError:
        return
    counts = model.counts()
    assert counts.shape == (model.count,) and counts.min() >= 0 and counts.max() > 0
    assert (bytes([code]) + data).startswith(written(model))


def kinds(symbols: np.ndarray, low: int, high: int) -> list[Model]:
    """The best of each kind, and the flat shape."""
    shape = best_shape(symbols, low, high)
    found: list[list[Model]] = [[Shape(low, high, FLAT)], [shape]]
    if shape.count <= MAX_LEARNT_COUNT:
        found.append([Histogram.of(symbols, low, high, resolution) for resolution in RESOLUTIONS])
        found.append([Adaptive(low, high, FLAT, strength) for strength in STRENGTHS])
        found.append([Adaptive(low, high, shape.code, strength) for strength in STRENGTHS])
    return [min(models, key=lambda model: model.description_bits + model.bits(symbols)) for models in found]


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(RANGES))
def test_best_model_is_never_longer_than_each_kind(data: st.DataObject, limits: tuple[int, int]) -> None:
    symbols = data.draw(symbol_arrays(*limits, min_size=1))

    def ideal(model: Model) -> float:
        return model.description_bits + model.bits(symbols)

    def real(model: Model) -> int:
        return len(written(model)) + len(range_coder.encode([symbols], [model.walk(symbols.size)]))

    best, alone = best_model(symbols, *limits), kinds(symbols, *limits)
    assert ideal(best) <= min(map(ideal, alone)) + 1e-6
    # zeros at the end of a stream are not stored: by luck, a model whose code length is a little longer wins a little
    assert real(best) <= min(map(real, alone)) + 2


def test_best_model_takes_the_kind_that_suits() -> None:
    rng = np.random.default_rng(0)

    def kind(symbols: np.ndarray, low: int, high: int) -> type[Model]:
        return type(best_model(symbols.astype(np.int32), low, high))

    peaks = rng.choice(16, 2000, p=rng.dirichlet(np.ones(16)))
    assert kind(np.clip(np.rint(rng.normal(0, 3, 200)), -8, 7), -8, 7) is Shape
    assert kind(peaks, 0, 15) is Adaptive
    assert kind(np.sort(peaks), 0, 15) is Histogram  # what comes first says nothing of what comes later
    assert best_model(rng.permutation(np.arange(320, dtype=np.int32) % 16), 0, 15) == Shape(0, 15, FLAT)
    assert kind(rng.choice([3, 30_000], 2000), -32768, 32767) is Shape  # nothing else is tried


def test_arrays_without_symbols_cost_one_byte() -> None:
    nothing = np.zeros(0, np.int32)
    model = best_model(nothing, -8, 7)
    assert (model.description_bits, model.bits(nothing)) == (8, 0)
    assert Adaptive(-8, 7, FLAT, 8).bits(nothing) == 0


@pytest.mark.parametrize("shape", [(6, 50), (2, 3, 50)])
def test_symbols_may_have_any_shape(shape: tuple[int, ...]) -> None:
    symbols = np.random.default_rng(0).choice([-3, 0, 5], 300).astype(np.int32)
    model = best_model(symbols, -8, 7)
    assert best_model(symbols.reshape(shape), -8, 7) == model
    assert model.bits(symbols.reshape(shape)) == model.bits(symbols)
