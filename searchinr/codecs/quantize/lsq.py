"""Learned step size quantisation (Esser et al., "Learned Step Size Quantization", ICLR 2020)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from searchinr.codecs.quantize.contract import Coded, Part, Quantizer
from searchinr.codecs.quantize.levels import log_step, nearest_code
from searchinr.codecs.quantize.rate import laplace_bits
from searchinr.codecs.quantize.uniform import best_steps, learnt_step, nearest, round_through


class Lsq(Quantizer):
    """Weights and steps are trained together; rounding passes gradients straight through.

    Three differences from the paper: the logarithm of the step is learnt, so it stays positive, and with Adam it needs
    no scaled gradient; the step starts from the least squared error instead of 2 mean|w| / sqrt(Q); and the forward
    pass uses the step that the file will name, so nothing is left to round at the end.
    """

    name: ClassVar[str] = "lsq"
    id: ClassVar[int] = 5
    learns: ClassVar[bool] = True
    learns_rate: ClassVar[bool] = True

    def start(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Quantizer.start`: the weights, and `name:step` `(B, G)`, the logarithms of the steps."""
        latents = {}
        for part in self.parts:
            latents[part.name] = weights[part.name].detach().clone()
            latents[f"{part.name}:step"] = log_step(best_steps(part.group(weights[part.name]), part.levels))
        return latents

    def values(self, latents: Mapping[str, Tensor], progress: float = 1.0) -> dict[str, Tensor]:
        """See `Quantizer.values`."""
        values = {}
        for part in self.parts:
            symbols = round_through(self._numbers(part, latents).clamp(*part.levels))
            values[part.name] = part.ungroup(symbols * self._step(part, latents))
        return values

    def coded(self, latents: Mapping[str, Tensor]) -> dict[str, Coded]:
        """See `Quantizer.coded`."""
        coded = {}
        for part in self.parts:
            steps = nearest_code(latents[f"{part.name}:step"])
            symbols = nearest(part.group(latents[part.name].detach()), steps, part.levels)
            coded[part.name] = Coded(symbols.long(), steps)
        return coded

    def bits(self, latents: Mapping[str, Tensor]) -> Tensor:
        """See `Quantizer.bits`."""
        each = [laplace_bits(self._numbers(part, latents).clamp(*part.levels).flatten(1)) for part in self.parts]
        return torch.stack(each).sum(0)

    def _numbers(self, part: Part, latents: Mapping[str, Tensor]) -> Tensor:
        """Weights in units of their steps, `(B, G, m)`."""
        return part.group(latents[part.name]) / self._step(part, latents)

    def _step(self, part: Part, latents: Mapping[str, Tensor]) -> Tensor:
        return learnt_step(latents[f"{part.name}:step"]).unsqueeze(-1)  # (B, G, 1)


QUANTIZER = Lsq
