"""Activations of few bits, in training as in decoding (LSQ, Esser et al., ICLR 2020, section 2; ANI, section 4.3).

The activations of each nonlinear layer are rounded to multiples of a step and clipped to the symbols of the bit-width.
These are the symbols that weights have, or 0 ... 2**bits - 1 if a backbone's activations are never negative. Each layer
of each signal has one step on the grid that weights use, so that a file names it by a byte. Real and imaginary channels
are rounded alike. The steps stand among the quantised weights under the name `ACTIVATIONS`. Training and decoding
compute the same function; if there are no steps, activations are not rounded.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.bitstream.steps import SymbolRange, log_step, nearest_code, symbol_range
from searchinr.codecs.fields.contract import Field
from searchinr.codecs.fitting.layouts import Targets
from searchinr.codecs.fitting.objective import Forward
from searchinr.codecs.quantize.contract import Coded, Quantizer
from searchinr.codecs.quantize.uniform import best_steps, learnt_step, round_through, step_of

MIN_ACTIVATION_BITS, MAX_ACTIVATION_BITS = 2, 8
ACTIVATIONS = "activations"
"""The name under which a network finds the steps of its activations among its weights: `(B, depth)`, float32."""

_STEPS = f"{ACTIVATIONS}:steps"  # it does not end with `STEP`, since the rate does not depend on these steps
_CALIBRATION_POINTS = 2048


def forward_of(field: Field, bits: int | None) -> Forward:
    """Makes `Field.forward` with activations of this many bits; with None, activations are not rounded."""
    if bits is None:
        return field.forward
    symbols = _symbols(field, bits)

    def forward(weights: dict[str, Tensor], coords: Tensor) -> Tensor:
        steps = weights.get(ACTIVATIONS)
        if steps is None:
            return field.forward(weights, coords)
        return field.forward(weights, coords, lambda layer, hidden: _rounded(hidden, steps[:, layer], symbols))

    return forward


def _symbols(field: Field, bits: int) -> SymbolRange:
    return symbol_range(bits) if field.signed else SymbolRange(0, (1 << bits) - 1)


def _rounded(hidden: Tensor, steps: Tensor, symbols: SymbolRange) -> Tensor:
    """Rounds activations, whose first of three axes is B, to multiples of their signal's step, `(B,)`."""
    step = steps.view(-1, 1, 1)
    return round_through((hidden / step).clamp(*symbols)) * step


def calibration_coords(targets: Targets) -> Tensor:
    """Chooses some places of the signals, `(m, d)`, whose activations are used to choose the steps."""
    points, observation = targets.points, targets.observation
    chosen = np.random.default_rng(0).permutation(points.count)[:_CALIBRATION_POINTS]
    coords = points.at(torch.from_numpy(chosen).to(points.device)).coords
    if observation is None:
        return coords
    queries = observation.queries(coords)
    return queries[:: max(1, len(queries) // _CALIBRATION_POINTS)]


class WithActivations(Quantizer):
    """A quantiser of weights, and the steps of a network's activations, which learn if the quantiser learns."""

    def __init__(self, weights: Quantizer, field: Field, bits: int, coords: Tensor) -> None:
        """Extends the quantiser `weights`; the steps start from the backbone's activations at `coords`, `(m, d_in)`."""
        super().__init__(weights.parts)
        self._weights, self._field, self._symbols = weights, field, _symbols(field, bits)
        self._coords = coords

    def start(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Quantizer.start`; the logarithms of the activations' steps, `(B, depth)`, are among the latents."""
        latents = self._weights.start(weights)
        return {**latents, _STEPS: log_step(self._calibrated(self._weights.values(latents)))}

    @torch.no_grad()
    def _calibrated(self, weights: dict[str, Tensor]) -> Tensor:
        """Finds the steps of least squared error, `(B, depth)`; the inputs of a layer are quantised activations."""
        codes: list[Tensor] = []

        def between(layer: int, hidden: Tensor) -> Tensor:
            codes.append(best_steps(hidden.reshape(len(hidden), 1, -1), self._symbols).squeeze(1))  # (B,)
            return _rounded(hidden, step_of(codes[layer]), self._symbols)

        self._field.forward(weights, self._coords, between)
        return torch.stack(codes, dim=1)

    def values(self, latents: Mapping[str, Tensor], progress: float = 1.0) -> dict[str, Tensor]:
        """See `Quantizer.values`; the steps stand under `ACTIVATIONS` among the weights."""
        return {**self._weights.values(latents, progress), ACTIVATIONS: learnt_step(latents[_STEPS])}

    def coded(self, latents: Mapping[str, Tensor]) -> dict[str, Coded]:
        """See `Quantizer.coded`; it has only the weights, since files hold the steps as `activation_steps`."""
        return self._weights.coded(latents)

    def move_steps(self, latents: Mapping[str, Tensor], places: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Quantizer.move_steps`."""
        return self._weights.move_steps(latents, places)

    def bits(self, latents: Mapping[str, Tensor]) -> Tensor:
        """See `Quantizer.bits`."""
        return self._weights.bits(latents)

    def penalty(self, latents: Mapping[str, Tensor], progress: float) -> Tensor | None:
        """See `Quantizer.penalty`."""
        return self._weights.penalty(latents, progress)


def activation_steps(latents: Mapping[str, Tensor]) -> Tensor | None:
    """The bytes that name the steps of each layer's activations, `(B, depth)`; None if they are not quantised."""
    return nearest_code(latents[_STEPS]) if _STEPS in latents else None
