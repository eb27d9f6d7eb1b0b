"""The gain of targets: how it is made, applied to values, and taken back by a file.

Networks are initialised for values of about 1, and many signals are quieter. So every signal is fitted divided by its
gain 2**(g / 6), where g is a whole number of places on the grid of quantiser steps (`bitstream.steps`). What a network
gives must be multiplied by the gain again, and most files do that without spending a bit: the last layer is linear, so
its steps are named g places further along the grid, or its fp16 weights are multiplied. Files that hold no such layer
spend a byte on g.

Notation used for tensor shapes: B signals, m points, c channels, G groups of weights that have a step of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream.steps import LAST_STEP, PER_OCTAVE

_LEAST_PEAK = 2.0**-20


@dataclass(frozen=True, eq=False)
class Gains:
    """The gains of B signals.

    Attributes:
        places: g of each signal, `(B,)`, int64, on the CPU.
    """

    places: Tensor

    @classmethod
    def of_peaks(cls, peaks: Tensor) -> Self:
        """The smallest gains that bring signals of these peaks, `(B,)`, to at most 1."""
        return cls(torch.ceil(PER_OCTAVE * torch.log2(peaks.clamp_min(_LEAST_PEAK))).long())

    @cached_property
    def _factors(self) -> Tensor:
        return torch.exp2(self.places / PER_OCTAVE)  # (B,)

    def divide(self, values: Tensor) -> Tensor:
        """What signals with values `(B, m, c)` are fitted to."""
        return values / self._factors.view(-1, 1, 1).to(values.device)

    def multiply_weights(self, signal: int, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of one signal whose network gives the signal itself, from those that were fitted."""
        gain = float(self._factors[signal])
        return {name: weight * (gain if _is_last(name) else 1) for name, weight in weights.items()}

    def move_steps(self, signal: int, name: str, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Steps of one tensor of a signal, `(G,)`, as `multiply_weights` changes the weights that they scale."""
        return np.clip(steps + int(self.places[signal]), 0, LAST_STEP) if _is_last(name) else steps

    def byte(self, signal: int) -> int:
        """G of one signal as a byte in two's complement; -120 to 6 occur."""
        return int(self.places[signal]) & 0xFF


def factor_of_byte(byte: int) -> float:
    """The gain that `Gains.byte` names, by which decoded values are to be multiplied."""
    return float(2 ** ((byte - 256 if byte > 127 else byte) / PER_OCTAVE))


def _is_last(name: str) -> bool:
    """Whether a tensor is of the last layer; see `Field.tensors`."""
    return name.startswith("out.")
