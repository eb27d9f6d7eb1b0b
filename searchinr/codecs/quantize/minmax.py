"""Uniform quantisation of the whole range of a tensor."""

from typing import ClassVar

from torch import Tensor

from searchinr.codecs.bitstream.steps import SymbolRange
from searchinr.codecs.quantize.uniform import Uniform, steps_that_cover


class MinMax(Uniform):
    """Chooses the smallest step that clips nothing; a single outlier makes it coarse for all weights."""

    name: ClassVar[str] = "minmax"
    id: ClassVar[int] = 1

    def _choose(self, grouped: Tensor, symbols: SymbolRange) -> Tensor:
        return steps_that_cover(grouped.amin(-1), grouped.amax(-1), symbols)


QUANTIZER = MinMax
