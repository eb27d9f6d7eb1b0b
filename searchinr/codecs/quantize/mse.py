"""Uniform quantisation with the step of least squared error."""

from typing import ClassVar

from torch import Tensor

from searchinr.codecs.bitstream.steps import SymbolRange
from searchinr.codecs.quantize.uniform import Uniform, best_steps


class Mse(Uniform):
    """Tries all steps and takes the best: if there are few symbols, it pays to clip a few outliers."""

    name: ClassVar[str] = "mse"
    id: ClassVar[int] = 4

    def _choose(self, grouped: Tensor, symbols: SymbolRange) -> Tensor:
        return best_steps(grouped, symbols)


QUANTIZER = Mse
