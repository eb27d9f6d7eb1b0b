"""The gain of targets: how it is chosen, applied to values, and undone by a file.

Networks are initialised for values of about 1, and many signals are quieter. So every signal is divided by its gain
2**(g / 6) before it is fitted, where g is a whole number of places on the grid of quantiser steps (`bitstream.steps`).
The values of the network must be multiplied by the gain again. Most files do this without spending a bit: since the
last layer is linear, its steps are moved g places along the grid, or its fp16 weights are multiplied. Files that do not
hold such a layer spend a byte on g.

Notation used for tensor shapes: B signals, m points, c channels, G groups of weights, each with a step of its own.
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
        """Chooses the smallest gains that bring signals with these peaks, `(B,)`, to at most 1."""
        return cls(torch.ceil(PER_OCTAVE * torch.log2(peaks.clamp_min(_LEAST_PEAK))).long())

    @cached_property
    def _factors(self) -> Tensor:
        return torch.exp2(self.places / PER_OCTAVE)  # (B,)

    def divide(self, values: Tensor) -> Tensor:
        """Divides the values of the signals, `(B, m, c)`, by their gains; the signals are fitted to the result."""
        return values / self._factors.view(-1, 1, 1).to(values.device)

    def multiply_weights(self, signal: int, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Changes the fitted weights of one signal so that the network gives the signal itself, with its gain."""
        gain = float(self._factors[signal])
        return {name: weight * (gain if _is_last(name) else 1) for name, weight in weights.items()}

    def move_steps(self, signal: int, name: str, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Moves the steps of one tensor of a signal, `(G,)`, which multiplies its weights by the gain if need be."""
        return np.clip(steps + int(self.places[signal]), 0, LAST_STEP) if _is_last(name) else steps

    def byte(self, signal: int) -> int:
        """The number g of one signal as a byte in two's complement; it lies between -120 and 6."""
        return int(self.places[signal]) & 0xFF


def factor_of_byte(byte: int) -> float:
    """The gain that a byte of `Gains.byte` names; decoded values must be multiplied by it."""
    return float(2 ** ((byte - 256 if byte > 127 else byte) / PER_OCTAVE))


def _is_last(name: str) -> bool:
    """Whether a tensor belongs to the last layer; see `Field.tensors`."""
    return name.startswith("out.")
