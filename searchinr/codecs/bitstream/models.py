"""Probability models of integer symbols: discrete Laplace and Gaussian, each named by one byte.

Both are defined on the integers themselves (inverse weights q**|k| and q**(k*k)) instead of by integrating a density:
their tables then need only float64 products of one constant, which IEEE 754 rounds alike on every machine, and no
exp() of a C library, whose last bit may differ and would break decoding.
"""

from decimal import Decimal
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.grid import exp_neg, power_of_two

SCALES = 128
_PER_OCTAVE = 7  # scales 2**((code - 20) / 7): 0.14 to 40,000 symbols
_OFFSET = 20
_FLOOR_BITS = 20  # every symbol keeps a weight of at least 2**-20 of the most probable one


class Family(IntEnum):
    """Shape of a model; the value is bit 7 of its byte."""

    LAPLACE = 0
    GAUSSIAN = 1


@lru_cache(maxsize=1024)
def probabilities(code: int, bound: int) -> NDArray[np.float64]:
    """Probabilities of the symbols -bound ... bound under the model named by one byte.

    Args:
        code: Family (bit 7) and scale (bits 0-6).
        bound: Largest symbol.

    Returns:
        `(2 * bound + 1,)`, positive; ratios of integers to their exact sum.
    """
    scale = power_of_two((code & 0x7F) - _OFFSET, _PER_OCTAVE)
    if code >> 7 == Family.LAPLACE:
        ratios = np.full(bound, exp_neg(1 / scale))
    else:
        # w_k / w_(k-1) = q**(2k - 1) with q = exp(-1 / (2 scale**2))
        q = exp_neg(1 / (2 * scale * scale))
        ratios = q * np.cumprod(np.concatenate([[1.0], np.full(max(bound - 1, 0), q * q)]))[:bound]
    weights = np.cumprod(np.concatenate([[1.0], ratios]))  # (bound + 1,), symbols 0 ... bound
    counts = np.floor(weights * 2.0**_FLOOR_BITS).astype(np.int64) + 1
    both = np.concatenate([counts[:0:-1], counts])
    return both / np.float64(both.sum())


def bits(symbols: NDArray[np.int32], code: int, bound: int) -> float:
    """Ideal code length of `symbols` under a model, in bits."""
    return float(-np.log2(probabilities(code, bound)[symbols + bound]).sum())


def best_model(symbols: NDArray[np.int32], bound: int) -> int:
    """The byte of the model with the shortest code for `symbols`, out of both families.

    The scale's estimate from the moments is only where the search starts: the code length decides (for Laplace the
    mean of |q| is a poor scale once most symbols are zero).
    """

    def code_near(scale: float) -> int:
        return round(float(np.clip(np.log2(max(scale, 1e-3)) * _PER_OCTAVE + _OFFSET, 0, SCALES - 1)))

    magnitude = np.abs(symbols.astype(np.float64))
    starts = {
        Family.LAPLACE: code_near(float(magnitude.mean())),
        Family.GAUSSIAN: code_near(float(np.sqrt((magnitude**2).mean()))),
    }
    best: tuple[float, int] | None = None
    for family, start in starts.items():
        # The code length is unimodal in the scale: walk downhill from the estimate.
        at = start
        lengths: dict[int, float] = {}

        def length(scale: int, family: Family = family, lengths: dict[int, float] = lengths) -> float:
            if scale not in lengths:
                valid = 0 <= scale < SCALES
                lengths[scale] = bits(symbols, family << 7 | scale, bound) if valid else float("inf")
            return lengths[scale]

        while (step := min((-1, 0, 1), key=lambda d: (length(at + d), abs(d)))) != 0:
            at += step
        if best is None or length(at) < best[0]:
            best = length(at), family << 7 | at
    assert best is not None
    return best[1]


def scale_of(code: int) -> Decimal:
    """The scale that a model's byte names, in symbols."""
    return power_of_two((code & 0x7F) - _OFFSET, _PER_OCTAVE)
