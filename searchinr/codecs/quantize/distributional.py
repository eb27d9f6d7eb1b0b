"""Uniform quantisation of the range that the spread of the weights suggests."""

from typing import ClassVar

from torch import Tensor

from searchinr.codecs.bitstream.steps import SymbolRange
from searchinr.codecs.quantize.uniform import Uniform, steps_that_cover

_DEVIATIONS = 3.0
"""Gordon et al. name the method without the number; LSQ+ (Bhalgat et al. 2020, section 3.2) starts from three."""


class Distributional(Uniform):
    """Symbols cover the mean and three standard deviations to each side; what lies beyond is clipped."""

    name: ClassVar[str] = "distributional"
    id: ClassVar[int] = 3

    def _choose(self, grouped: Tensor, symbols: SymbolRange) -> Tensor:
        mean = grouped.mean(-1)  # (B, G)
        reach = _DEVIATIONS * grouped.std(-1, correction=0)
        return steps_that_cover(mean - reach, mean + reach, symbols)


QUANTIZER = Distributional
