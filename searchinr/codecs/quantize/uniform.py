"""Uniform quantisation after training: symmetric, mid-tread, one step per tensor."""

import math

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.grid import power_of_two

MIN_BITS, MAX_BITS = 2, 16
_PER_OCTAVE = 6  # steps 2**((code - 180) / 6): 2**-30 to 2**12.5, at most 12 % above what was asked for
_OFFSET = 180


def bound(bits: int) -> int:
    """Largest symbol at `bits` bits: the symbols are -bound ... bound, an odd number, so that zero is among them."""
    return (1 << (bits - 1)) - 1


def step_size(code: int) -> float:
    """The step that one byte names."""
    return float(power_of_two(code - _OFFSET, _PER_OCTAVE))


def quantize(values: NDArray[np.float32], bits: int) -> tuple[NDArray[np.int32], int]:
    """Symbols and step code of one tensor (min-max: the smallest step that clips nothing).

    The largest step is 2**12.5: values beyond `bound` times that are clipped.

    Args:
        values: Any shape, finite.
        bits: `MIN_BITS` to `MAX_BITS`.

    Returns:
        Symbols of the same shape in [-bound, bound], and the byte of the step.
    """
    largest = float(np.abs(values).max(initial=0.0))
    wanted = max(largest / bound(bits), 2.0**-30)
    code = min(max(math.ceil(math.log2(wanted) * _PER_OCTAVE - 1e-9) + _OFFSET, 0), 255)
    symbols = np.rint(values.astype(np.float64) / step_size(code))
    return np.clip(symbols, -bound(bits), bound(bits)).astype(np.int32), code


def dequantize(symbols: NDArray[np.int32], code: int) -> NDArray[np.float32]:
    """The values that the symbols stand for: the product of the symbol and the step, both as float32."""
    # Symbols are below 2**24, exact in float32; without temporaries, since a file can claim millions of them.
    return np.multiply(symbols, np.float32(step_size(code)), dtype=np.float32, casting="unsafe")
