"""Searches quantiser steps after training by their true cost: the error, and the bits of the files.

Strong overfitted codecs search the steps of their networks this way (C3, Kim et al. 2024, arXiv 2312.02753; Cool-Chic).
The bit-width then only limits the number of symbols; the rate follows from the step.

The search is a coordinate descent. First the steps of all tensors are moved together, then those of each tensor, by an
octave at first and by single places on the grid of steps at last. A direction is followed as long as the cost falls.
All signals are tried at once, and each decides for itself. The bits are the code length of the best model with its
description: whole bytes would hide the gain of a small tensor. A signal that gains no whole byte keeps its steps.

Notation used for tensor shapes: B signals, k of them being tried, P parts, p of them being tried.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream.models.registry import best_model
from searchinr.codecs.quantize.contract import Quantizer

_STRIDES = (6, 3, 1)  # in places on the grid; six places are an octave

Losses = Callable[[Mapping[str, Tensor], Tensor], Tensor]
"""`(weights of k signals, numbers of these signals (k,)) -> losses (k,)`, on all points."""
Sizes = Callable[[Mapping[str, Tensor]], Sequence[int]]
"""Latents of all signals -> size of each signal's file in bytes."""


def search_steps(
    quantizer: Quantizer, latents: Mapping[str, Tensor], losses: Losses, sizes: Sizes, bit_weight: float
) -> dict[str, Tensor]:
    """Changes steps so that loss + `bit_weight` * bits becomes small.

    Args:
        quantizer: A quantiser that has steps.
        latents: Trained latents of B signals.
        losses: Computes losses from the weights that a decoder will have.
        sizes: Computes the sizes of whole files.
        bit_weight: What one bit adds to the loss of a signal.

    Returns:
        All latents. For no signal has loss + `bit_weight` * 8 * bytes become larger.
    """
    descent = _Descent(quantizer, latents, losses, bit_weight)
    descent.run()

    def cost(of: Mapping[str, Tensor]) -> Tensor:
        loss = losses(quantizer.values(of), descent.everyone).double()
        return loss + 8 * bit_weight * torch.tensor(sizes(of), device=loss.device)  # (B,)

    worse = cost(quantizer.move_steps(latents, descent.places)) > cost(latents)
    return quantizer.move_steps(latents, {name: by.masked_fill(worse, 0) for name, by in descent.places.items()})


class _Descent:
    """The state of the coordinate descent.

    Attributes:
        everyone: The numbers of all signals, `(B,)`.
        places: By how many places the steps of each part have been moved, `{part.name: (B,)}`.
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
        """Descends along every coordinate, once with each stride."""
        every_part = range(len(self._names))
        for stride in _STRIDES:
            for parts in (every_part, *([number] for number in every_part)):
                self._follow(parts, stride)

    def _follow(self, parts: Sequence[int], stride: int) -> None:
        """Moves the steps of these parts together, as long as the cost falls: to coarser ones or else to finer ones."""
        moved = torch.zeros_like(self.everyone, dtype=torch.bool)
        for by in (stride, -stride):
            trying = self.everyone[~moved]
            while len(trying):
                trying = self._try(parts, by, trying)
                moved[trying] = True

    def _try(self, parts: Sequence[int], by: int, signals: Tensor) -> Tensor:
        """Moves the steps of these parts for those of the signals, `(k,)`, whose cost this lowers; returns these."""
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
        """Losses `(k,)` and bits of these parts `(k, p)`, in float64, if steps are moved by `places` from the start."""
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
    """The code length of a tensor's symbols with the model that files would use."""
    narrow = symbols.ravel().astype(np.int32)
    model = best_model(narrow, low, high)
    return model.description_bits + model.bits(narrow)
