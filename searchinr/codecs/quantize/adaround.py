"""Learned rounding (Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", ICML 2020)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from searchinr.codecs.bitstream.quant_spec import QuantSpec
from searchinr.codecs.bitstream.steps import log_step, nearest_code
from searchinr.codecs.quantize.contract import STEP, Coded, Quantizer
from searchinr.codecs.quantize.uniform import best_steps, step_of

_STRETCH, _SHIFT = 1.2, -0.1  # zeta - gamma and gamma of equation 23, with which the sigmoid reaches 0 and 1
_SHARPEST, _SOFTEST = 2.0, 20.0  # the exponent beta of equation 24 is annealed from the second to the first
_HASTE = 30.0  # logits are learnt in units of this, so that a rounding can turn as fast as a weight can move
_WARM_UP = 0.2  # this part of the steps has no penalty, as in the authors' schedule
_WEIGHT = 1e-3  # factor of the penalty (a mean over the weights) beside the log of the MSE


class AdaRound(Quantizer):
    """Weights stay as they were trained; it is learnt whether each of them is rounded down or up.

    The paper fits the output of each layer, one after the other. A neural representation is small and its signal is at
    hand, so here all layers are fitted to the signal itself. Steps are chosen for the least squared error of weights.
    """

    name: ClassVar[str] = "adaround"
    id: ClassVar[int] = 7
    learns: ClassVar[bool] = True
    keeps_weights: ClassVar[bool] = True

    def start(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Quantizer.start`.

        Returns:
            For each part: the rounding variables `name:up` `(B, G, m)`, and the constants `name:floor` `(B, G, m)` and
            `name:step` `(B, G)`, which get no gradient from `values`.
        """
        latents = {}
        for part in self.parts:
            grouped = part.group(weights[part.name].detach())  # (B, G, m)
            steps = best_steps(grouped, part.symbols)
            numbers = grouped / step_of(steps).unsqueeze(-1)
            floor = torch.floor(numbers)
            share = ((numbers - floor - _SHIFT) / _STRETCH).clamp(1e-3, 1 - 1e-3)
            latents[f"{part.name}:up"] = torch.logit(share) / _HASTE
            latents[f"{part.name}:floor"] = floor
            latents[f"{part.name}{STEP}"] = log_step(steps)
        return latents

    def values(self, latents: Mapping[str, Tensor], progress: float = 1.0) -> dict[str, Tensor]:
        """See `Quantizer.values`; the rounding is soft until the end of training."""
        values = {}
        for part in self.parts:
            up = _up(part, latents)
            if progress >= 1:
                up = torch.round(up)
            numbers = (latents[f"{part.name}:floor"].detach() + up).clamp(*part.symbols)
            values[part.name] = part.ungroup(numbers * _step(part, latents).unsqueeze(-1))
        return values

    def coded(self, latents: Mapping[str, Tensor]) -> dict[str, Coded]:
        """See `Quantizer.coded`."""
        coded = {}
        for part in self.parts:
            floor = latents[f"{part.name}:floor"].detach()
            symbols = (floor + torch.round(_up(part, latents).detach())).clamp(*part.symbols)
            coded[part.name] = Coded(symbols.long(), nearest_code(latents[f"{part.name}{STEP}"]))
        return coded

    def penalty(self, latents: Mapping[str, Tensor], progress: float) -> Tensor | None:
        """See `Quantizer.penalty`; equation 24 drives every rounding variable to 0 or 1."""
        if progress < _WARM_UP:
            return None
        beta = _SOFTEST + (_SHARPEST - _SOFTEST) * (progress - _WARM_UP) / (1 - _WARM_UP)
        undecided = [(1 - (2 * _up(part, latents) - 1).abs() ** beta).flatten(1).sum(1) for part in self.parts]  # (B,)
        return _WEIGHT * torch.stack(undecided).sum(0)


def _up(part: QuantSpec, latents: Mapping[str, Tensor]) -> Tensor:
    """How far each weight is rounded up, from 0 to 1, by the rectified sigmoid of equation 23, `(B, G, m)`."""
    return (torch.sigmoid(_HASTE * latents[f"{part.name}:up"]) * _STRETCH + _SHIFT).clamp(0, 1)


def _step(part: QuantSpec, latents: Mapping[str, Tensor]) -> Tensor:
    return step_of(nearest_code(latents[f"{part.name}{STEP}"]))  # (B, G)


QUANTIZER = AdaRound
