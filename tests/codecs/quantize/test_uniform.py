import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchinr.codecs.quantize.uniform import MAX_BITS, MIN_BITS, bound, dequantize, quantize, step_size

LARGEST_STEP, SMALLEST_STEP = step_size(255), step_size(0)


@given(
    bits=st.integers(MIN_BITS, MAX_BITS),
    peak=st.floats(-25, 12),
    shape=st.sampled_from([(1,), (7,), (3, 5), (2, 3, 4)]),
    seed=st.integers(0, 2**32 - 1),
)
def test_error_is_at_most_half_a_step(bits: int, peak: float, shape: tuple[int, ...], seed: int) -> None:
    values = (2.0**peak * np.random.default_rng(seed).uniform(-1, 1, shape)).astype(np.float32)
    symbols, code = quantize(values, bits)
    assert symbols.shape == shape and symbols.dtype == np.int32
    assert np.abs(symbols).max() <= bound(bits)
    decoded = dequantize(symbols, code)
    assert decoded.dtype == np.float32
    error = np.abs(decoded.astype(float) - values).max()
    assert error <= step_size(code) * (0.5 + 1e-6 * bound(bits))


@given(bits=st.integers(MIN_BITS, MAX_BITS), peak=st.floats(-12, 12))
def test_step_is_the_smallest_that_clips_nothing(bits: int, peak: float) -> None:
    values = np.array([2.0**peak, -(2.0**peak) / 3], np.float32)
    _, code = quantize(values, bits)
    assert step_size(code) * bound(bits) >= values[0] * (1 - 1e-6)
    assert step_size(code - 1) * bound(bits) < values[0]


@pytest.mark.parametrize("bits", [MIN_BITS, 8, MAX_BITS])
def test_zero_is_kept(bits: int) -> None:
    symbols, code = quantize(np.array([0.0, -0.0, 3.0, -1.0], np.float32), bits)
    assert symbols[:2].tolist() == [0, 0]
    assert dequantize(symbols, code)[:2].tolist() == [0, 0]


@pytest.mark.parametrize(
    "values", [np.zeros((2, 3), np.float32), np.zeros(0, np.float32), np.full(3, 1e-38, np.float32)]
)
def test_nothing_to_quantise_gives_zeros(values: np.ndarray) -> None:
    symbols, code = quantize(values, 8)
    assert symbols.shape == values.shape and not symbols.any()
    assert step_size(code) == SMALLEST_STEP


def test_values_beyond_the_largest_step_are_clipped() -> None:
    symbols, code = quantize(np.array([1e30, -1e30, 0], np.float32), 8)
    assert (symbols.tolist(), code) == ([127, -127, 0], 255)
    assert dequantize(symbols, code).tolist() == pytest.approx([127 * LARGEST_STEP, -127 * LARGEST_STEP, 0])


def test_steps_are_six_per_octave() -> None:
    steps = [step_size(code) for code in range(256)]
    np.testing.assert_allclose(np.diff(np.log2(steps)), 1 / 6)
    assert steps[180] == 1 and steps[186] == 2 and steps[174] == 0.5
