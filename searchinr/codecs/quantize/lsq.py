"""Learned step size quantisation (Esser et al., "Learned Step Size Quantization", ICLR 2020)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from searchinr.codecs.bitstream.quant_spec import QuantSpec
from searchinr.codecs.bitstream.steps import SymbolRange
from searchinr.codecs.quantize.contract import STEP
from searchinr.codecs.quantize.rate import laplace_bits
from searchinr.codecs.quantize.uniform import Uniform, best_steps, learnt_step, round_through


class Lsq(Uniform):
    """Weights and steps are trained together; rounding passes gradients straight through.

    There are three differences from the paper. The logarithm of the step is learnt, so the step stays positive, and
    with Adam its gradient needs no scaling. The step starts at the least squared error instead of 2 mean|w| / sqrt(Q).
    And the forward pass uses the step that the file will name, so no step has to be rounded at the end.
    """

    name: ClassVar[str] = "lsq"
    id: ClassVar[int] = 5
    learns: ClassVar[bool] = True
    learns_rate: ClassVar[bool] = True

    def _choose(self, grouped: Tensor, symbols: SymbolRange) -> Tensor:
        return best_steps(grouped, symbols)

    def values(self, latents: Mapping[str, Tensor], progress: float = 1.0) -> dict[str, Tensor]:
        """See `Quantizer.values`."""
        values = {}
        for part in self.parts:
            symbols = round_through(self._numbers(part, latents).clamp(*part.symbols))
            values[part.name] = part.ungroup(symbols * self._step(part, latents))
        return values

    def bits(self, latents: Mapping[str, Tensor]) -> Tensor:
        """See `Quantizer.bits`."""
        each = [laplace_bits(self._numbers(part, latents).clamp(*part.symbols).flatten(1)) for part in self.parts]
        return torch.stack(each).sum(0)

    def _numbers(self, part: QuantSpec, latents: Mapping[str, Tensor]) -> Tensor:
        """The weights in units of their steps, `(B, G, m)`."""
        return part.group(latents[part.name]) / self._step(part, latents)

    def _step(self, part: QuantSpec, latents: Mapping[str, Tensor]) -> Tensor:
        return learnt_step(latents[f"{part.name}{STEP}"]).unsqueeze(-1)  # (B, G, 1)


QUANTIZER = Lsq
