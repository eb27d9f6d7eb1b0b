"""Quantiser steps by what they cost in the end: error and real bits, after training.

Strong overfitted codecs search the steps of their networks this way (C3, Kim et al. 2024, arXiv 2312.02753; Cool-Chic).
A bit-width then only says how many symbols there may be; what sets the rate is the step.

Coordinate descent: first all tensors together, then each by itself, by strides of an octave down to single places on
the grid of steps. A direction that pays is followed as far as it does. All signals are tried at once, and each decides
for itself. Costs are compared with the code length of the best model, its description included, since whole bytes would
hide what a bias gains; whichever signal has gained nothing in whole bytes keeps the steps it had.

Notation used for tensor shapes: B signals, k of them on trial, P parts, p of them on trial.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream.models.registry import best_model
from searchinr.codecs.quantize.contract import Quantizer

_STRIDES = (6, 3, 1)  # places on the grid; the first is an octave

Losses = Callable[[Mapping[str, Tensor], Tensor], Tensor]
"""`(weights of k signals, which these are (k,)) -> losses (k,)`, on all points."""
Sizes = Callable[[Mapping[str, Tensor]], Sequence[int]]
"""Latents of all signals -> bytes of each one's file."""


def search_steps(
    quantizer: Quantizer, latents: Mapping[str, Tensor], losses: Losses, sizes: Sizes, bit_weight: float
) -> dict[str, Tensor]:
    """Latents whose steps make loss + `bit_weight` * bits small.

    Args:
        quantizer: One that has steps.
        latents: Of B signals, trained.
        losses: Of the weights that a decoder will have.
        sizes: Of whole files.
        bit_weight: What a bit adds to a loss.

    Returns:
        All latents. For no signal loss + `bit_weight` * 8 * bytes is above what it was.
    """
    descent = _Descent(quantizer, latents, losses, bit_weight)
    descent.run()

    def cost(of: Mapping[str, Tensor]) -> Tensor:
        loss = losses(quantizer.values(of), descent.everyone).double()
        return loss + 8 * bit_weight * torch.tensor(sizes(of), device=loss.device)  # (B,)

    worse = cost(quantizer.move_steps(latents, descent.places)) > cost(latents)
    return quantizer.move_steps(latents, {name: by.masked_fill(worse, 0) for name, by in descent.places.items()})


class _Descent:
    """Where the steps stand.

    Attributes:
        everyone: The number of each signal, `(B,)`.
        places: How far the steps of each part have moved, `{part.name: (B,)}`.
    """

    def __init__(self, quantizer: Quantizer, latents: Mapping[str, Tensor], losses: Losses, bit_weight: float) -> None:
        self._quantizer, self._start = quantizer, latents
        self._losses, self._bit_weight = losses, bit_weight
        self._names = [part.name for part in quantizer.parts]
        first = latents[self._names[0]]
        self.everyone = torch.arange(len(first), device=first.device)
        self.places = {name: torch.zeros_like(self.everyone) for name in self._names}
        self._loss, self._bits = self._measure(range(len(self._names)), self.places, self.everyone)  # (B,), (B, P)

    def run(self) -> None:
        """Goes down along every coordinate, once with each stride."""
        every_part = range(len(self._names))
        for stride in _STRIDES:
            for parts in (every_part, *([number] for number in every_part)):
                self._follow(parts, stride)

    def _follow(self, parts: Sequence[int], stride: int) -> None:
        """Moves the steps of these parts together, coarser or else finer, as far as it pays."""
        moved = torch.zeros_like(self.everyone, dtype=torch.bool)
        for by in (stride, -stride):
            trying = self.everyone[~moved]
            while len(trying):
                trying = self._try(parts, by, trying)
                moved[trying] = True

    def _try(self, parts: Sequence[int], by: int, signals: Tensor) -> Tensor:
        """Moves the steps of these parts where that lowers the cost; of the signals `(k,)`, those where it did."""
        places = {name: at[signals] for name, at in self.places.items()}
        for part in parts:
            places[self._names[part]] = places[self._names[part]] + by
        loss, bits_of_parts = self._measure(parts, places, signals)  # (k,), (k, p)
        bits = self._bits[signals]  # (k, P)
        before = self._loss[signals] + self._bit_weight * bits.sum(1)
        bits[:, list(parts)] = bits_of_parts
        better = loss + self._bit_weight * bits.sum(1) < before
        winners = signals[better]
        self._loss[winners], self._bits[winners] = loss[better], bits[better]
        for name, at in places.items():
            self.places[name][winners] = at[better]
        return winners

    def _measure(self, parts: Sequence[int], places: Mapping[str, Tensor], signals: Tensor) -> tuple[Tensor, Tensor]:
        """Losses `(k,)`, and the bits of these parts `(k, p)`, with steps so far from where they started; float64."""
        of_signals = {name: latent[signals] for name, latent in self._start.items()}
        latents = self._quantizer.move_steps(of_signals, places)
        loss = self._losses(self._quantizer.values(latents), signals).double()
        coded = self._quantizer.coded(latents)
        bits = [
            [_bits(symbols, *part.symbols) for symbols in coded[part.name].symbols.cpu().numpy()]
            for part in (self._quantizer.parts[number] for number in parts)
        ]
        return loss, torch.tensor(bits, dtype=torch.float64, device=loss.device).T


def _bits(symbols: NDArray[np.int64], low: int, high: int) -> float:
    """Code length of a tensor's symbols, as files pack them."""
    narrow = symbols.ravel().astype(np.int32)
    model = best_model(narrow, low, high)
    return model.description_bits + model.bits(narrow)
