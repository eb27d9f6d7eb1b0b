"""Which symbols there are at a bit-width, and the steps that one byte can name."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream.grid import power_of_two

TERNARY = 1
"""The bit-width that stands for the three symbols -1, 0, 1 (log2(3) = 1.58 bits)."""

MIN_BITS, MAX_BITS = TERNARY, 16
PER_OCTAVE = 6  # steps 2**((code - 180) / 6): 2**-30 to 2**12.5
_OFFSET = 180
LAST_STEP = 255


class SymbolRange(NamedTuple):
    """The symbols `low ... high`; zero is among them."""

    low: int
    high: int

    @property
    def number(self) -> int:
        """How many symbols there are."""
        return self.high - self.low + 1


def symbol_range(bits: int) -> SymbolRange:
    """The symbols at a bit-width: -2**(bits - 1) ... 2**(bits - 1) - 1, as in LSQ, or -1, 0, 1 for `TERNARY`."""
    return SymbolRange(-1, 1) if bits == TERNARY else SymbolRange(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


@cache
def step_sizes() -> NDArray[np.float32]:
    """The step that each byte names, `(256,)`: the same floats on every machine."""
    steps = [float(power_of_two(code - _OFFSET, PER_OCTAVE)) for code in range(LAST_STEP + 1)]
    return np.array(steps, np.float32)


def code_at_least(step: Tensor) -> Tensor:
    """The byte of the smallest step that is not below the one asked for (of the largest, if none is).

    int64, of the same shape.
    """
    octaves = torch.log2(step.double().clamp_min(2.0**-40))
    return (torch.ceil(octaves * PER_OCTAVE - 1e-6) + _OFFSET).clamp(0, LAST_STEP).long()


def log_step(code: Tensor) -> Tensor:
    """Logarithm of the step that a byte names, the form in which steps are learnt: float32, of the same shape."""
    return ((code - _OFFSET) * (math.log(2) / PER_OCTAVE)).float()


def nearest_code(log_step: Tensor) -> Tensor:
    """The byte of the step whose logarithm is nearest: int64, of the same shape."""
    return (torch.round(log_step.detach() * (PER_OCTAVE / math.log(2))) + _OFFSET).clamp(0, LAST_STEP).long()
