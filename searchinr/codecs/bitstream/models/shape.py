"""Models that one byte names: discrete Laplace and Gaussian distributions on a grid of scales, and the flat one.

Both bells are defined on the integers themselves (inverse weights q**|k| and q**(k*k)) instead of by integrating a
density: their tables then need only float64 products of one constant, which IEEE 754 rounds alike on every machine,
and no exp() of a C library, whose last bit may differ and would break decoding.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.bits import Writer
from searchinr.codecs.bitstream.grid import exp_neg, power_of_two
from searchinr.codecs.bitstream.models.contract import Model, code_lengths

SCALES = 120
LAPLACE, GAUSSIAN, FLAT = 0, SCALES, 2 * SCALES
"""Codes of the narrowest Laplace, of the narrowest Gaussian, and of the flat distribution."""

_PER_OCTAVE = 7  # scales 2**((code - 20) / 7): 0.14 to 18,000 symbols
_OFFSET = 20
_PEAK = 2**20  # every symbol keeps a count of at least one


@dataclass(frozen=True)
class Shape(Model):
    """A distribution without parameters other than its code.

    Attributes:
        code: Its byte: 0 to `FLAT`.
    """

    code: int

    def counts(self) -> NDArray[np.int64]:
        """See `Model.counts`; falling from zero to both sides, or all equal."""
        return _counts(self.code, self.low, self.high)

    def write(self, out: Writer) -> None:
        """See `Model.write`."""
        out.byte(self.code)


@lru_cache(maxsize=64)
def _counts(code: int, low: int, high: int) -> NDArray[np.int64]:
    largest = max(-low, high)
    if code == FLAT:
        weights = np.ones(largest + 1)
    else:
        family, scale_code = divmod(code, SCALES)
        scale = power_of_two(scale_code - _OFFSET, _PER_OCTAVE)
        if family == 0:
            ratios = np.full(largest, exp_neg(1 / scale))
        else:
            # w_k / w_(k-1) = q**(2k - 1) with q = exp(-1 / (2 scale**2))
            q = exp_neg(1 / (2 * scale * scale))
            ratios = q * np.cumprod(np.concatenate([[1.0], np.full(largest - 1, q * q)]))
        weights = np.cumprod(np.concatenate([[1.0], ratios]))  # (largest + 1,), symbols 0 ... largest
    one_sided = np.floor(weights * _PEAK).astype(np.int64) + 1
    counts = np.concatenate([one_sided[1 : 1 - low][::-1], one_sided[: high + 1]])
    counts.flags.writeable = False  # it is shared
    return counts


def best_shape(symbols: NDArray[np.int32], low: int, high: int) -> Shape:
    """The shape with the shortest code for `symbols`.

    All of them are compared: with outliers the code length has more than one minimum over the scale, and where a
    scale is so small that all symbols but zero are equally improbable it has none to walk down to.
    """
    magnitudes = np.bincount(np.abs(symbols).ravel(), minlength=max(-low, high) + 1).astype(np.float64)
    # einsum adds in one fixed order, whatever the number of threads
    return Shape(low, high, int(np.einsum("mk,k->m", _all_code_lengths(low, high), magnitudes).argmin()))


@lru_cache(maxsize=8)  # one per bit-width of a codec; 63 MB at 16 bits
def _all_code_lengths(low: int, high: int) -> NDArray[np.float64]:
    """Code lengths of every magnitude under every shape, `(shapes, max(-low, high) + 1)`."""
    longer_side = slice(-low, None) if high >= -low else slice(-low, None, -1)
    return np.stack([code_lengths(Shape(low, high, code).counts())[longer_side] for code in range(FLAT + 1)])
