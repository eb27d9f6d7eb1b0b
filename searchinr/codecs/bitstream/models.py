"""Probability models of integer symbols: discrete Laplace and Gaussian, each named by one byte.

Both are defined on the integers themselves (inverse weights q**|k| and q**(k*k)) instead of by integrating a density:
their tables then need only float64 products of one constant, which IEEE 754 rounds alike on every machine, and no
exp() of a C library, whose last bit may differ and would break decoding.
"""

from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.grid import exp_neg, power_of_two

SCALES = 128
_PER_OCTAVE = 7  # scales 2**((code - 20) / 7): 0.14 to 40,000 symbols
_OFFSET = 20
_FLOOR_BITS = 20  # every symbol keeps a weight of at least 2**-20 of the most probable one
_LEAST_PROBABILITY = 2.0**-24  # the range coder computes in these units and gives every symbol one to begin with


class Family(IntEnum):
    """Shape of a model; the value is bit 7 of its byte."""

    LAPLACE = 0
    GAUSSIAN = 1


@lru_cache(maxsize=64)
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


def code_lengths(code: int, bound: int) -> NDArray[np.float64]:
    """Bits that the range coder spends on a symbol of each magnitude under a model, `(bound + 1,)`, ascending."""
    one_sided = probabilities(code, bound)[bound:]
    return -np.log2(one_sided * (1 - (2 * bound + 1) * _LEAST_PROBABILITY) + _LEAST_PROBABILITY)


def bits(symbols: NDArray[np.int32], code: int, bound: int) -> float:
    """Ideal code length of `symbols` under a model, in bits."""
    return float(code_lengths(code, bound) @ _histogram(symbols, bound))


def best_model(symbols: NDArray[np.int32], bound: int) -> int:
    """The byte of the model with the shortest code for `symbols`.

    All models are compared: with outliers the code length has more than one minimum over the scale, and where a scale
    is so small that all symbols but zero are equally improbable it has none to walk down to.
    """
    # einsum adds in one fixed order, whatever the number of threads
    return int(np.einsum("mk,k->m", _all_code_lengths(bound), _histogram(symbols, bound)).argmin())


@lru_cache(maxsize=2)  # one per bit-width of a codec; 64 MB at 16 bits
def _all_code_lengths(bound: int) -> NDArray[np.float64]:
    """Code lengths of every magnitude under every model, `(models, bound + 1)`."""
    return np.stack([code_lengths(code, bound) for code in range(len(Family) * SCALES)])


def _histogram(symbols: NDArray[np.int32], bound: int) -> NDArray[np.float64]:
    """How often each magnitude occurs, `(bound + 1,)`."""
    return np.bincount(np.abs(symbols).ravel(), minlength=bound + 1).astype(np.float64)
