"""Random numbers that encoder and decoder share without storing them.

They are computed with integers only, so that every machine and every library version makes the same ones. Each number
depends on its position only: any part can be made without the rest, and a longer sequence begins with the shorter one.
"""

from statistics import NormalDist

import torch
from torch import Tensor

NORMAL_GRID = 2.0**-12


def _signed(value: int) -> int:
    """The int64 that has the same bits as an unsigned 64-bit constant, since PyTorch computes with int64."""
    return value - 2**64 if value >= 2**63 else value


_GAMMA = _signed(0x9E3779B97F4A7C15)
_MULTIPLIERS = (_signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB))


def _shift_right(bits: Tensor, by: int) -> Tensor:
    """Shifts 64-bit words to the right and fills with zeros; the shift of int64 would copy the sign."""
    return (bits >> by) & ((1 << (64 - by)) - 1)


def random_bits(counter: Tensor, n_bits: int) -> Tensor:
    """Makes random words: the upper bits of output `counter` of SplitMix64 (Steele, Lea, Flood 2014) with seed 0.

    Args:
        counter: int64 of any shape, 0 or more.
        n_bits: Number of bits of a word, 1 to 63.

    Returns:
        int64 of the same shape, in [0, 2**n_bits).
    """
    z = (counter + 1) * _GAMMA
    z = (z ^ _shift_right(z, 30)) * _MULTIPLIERS[0]
    z = (z ^ _shift_right(z, 27)) * _MULTIPLIERS[1]
    return _shift_right(z ^ _shift_right(z, 31), 64 - n_bits)


def standard_normals(count: int) -> Tensor:
    """Makes the first `count` numbers of one fixed sequence from N(0, 1), in float32, `(count,)`.

    Each number is one of 65,536 equally likely quantiles, rounded to a multiple of `NORMAL_GRID`. The grid is so coarse
    that rounding errors of the quantile function do not show, and products with floats of few bits are exact.
    """
    inverse = NormalDist().inv_cdf
    words = random_bits(torch.arange(count), 16).tolist()
    multiples = [round(inverse((word + 0.5) / 2**16) / NORMAL_GRID) for word in words]
    return torch.tensor(multiples, dtype=torch.float32) * NORMAL_GRID
