"""Uniform quantisation of a range that follows from the mean and the standard deviation of the weights."""

from typing import ClassVar

from torch import Tensor

from searchinr.codecs.bitstream.steps import SymbolRange
from searchinr.codecs.quantize.uniform import Uniform, steps_that_cover

_DEVIATIONS = 3.0
"""Number of standard deviations. Gordon et al. do not give it; LSQ+ (Bhalgat et al. 2020, section 3.2) uses three."""


class Distributional(Uniform):
    """Symbols cover three standard deviations to each side of the mean; weights beyond are clipped."""

    name: ClassVar[str] = "distributional"
    id: ClassVar[int] = 3

    def _choose(self, grouped: Tensor, symbols: SymbolRange) -> Tensor:
        mean = grouped.mean(-1)  # (B, G)
        reach = _DEVIATIONS * grouped.std(-1, correction=0)
        return steps_that_cover(mean - reach, mean + reach, symbols)


QUANTIZER = Distributional
