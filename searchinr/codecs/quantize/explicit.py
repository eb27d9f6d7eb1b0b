"""Uniform quantisation of a fixed range."""

from typing import ClassVar

import torch
from torch import Tensor

from searchinr.codecs.bitstream.steps import SymbolRange
from searchinr.codecs.quantize.uniform import Uniform, steps_that_cover


class Explicit(Uniform):
    """Symbols are spread over [-1, 1], whatever the weights are: "explicit [-1, 1]" of Gordon et al.

    This is meant as a contrast, not as a recommendation: the hidden weights of a SIREN fill a hundredth of that range.
    """

    name: ClassVar[str] = "explicit"
    id: ClassVar[int] = 2

    def _choose(self, grouped: Tensor, symbols: SymbolRange) -> Tensor:
        one = torch.ones_like(grouped[..., 0])  # (B, G)
        return steps_that_cover(-one, one, symbols)


QUANTIZER = Explicit
