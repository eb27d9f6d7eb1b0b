"""Counts that are learnt while decoding: for arrays long enough to say by themselves how they are distributed.

    code 242-246: the weight of the prior
    code of the prior, a shape (1 byte)

The prior counts as much as `STRENGTHS[code - 242]` symbols. Counts grow after blocks of symbols instead of after every
one, so that each block is coded by one vectorised call; blocks of an eighth of what went before cost 6 % more to learn
from than single symbols do.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.models.contract import Model
from searchinr.codecs.bitstream.models.shape import FLAT, Shape
from searchinr.errors import InvalidFileError

STRENGTHS = (8, 32, 128, 512, 2048)
CODES = range(242, 242 + len(STRENGTHS))
_SHORTEST_BLOCK = 16


@dataclass(frozen=True)
class Adaptive(Model):
    """A shape that gives way to the symbols seen.

    Attributes:
        prior: The code of the shape.
        strength: How many symbols the prior counts as, one of `STRENGTHS`.
    """

    prior: int
    strength: int

    def counts(self) -> NDArray[np.int64]:
        """See `Model.counts`; those of the prior."""
        return Shape(self.low, self.high, self.prior).counts()

    @property
    def increment(self) -> int:
        """See `Model.increment`; over 500, since a shape's counts add up to over 2**20."""
        return int(self.counts().sum()) // self.strength

    def blocks(self, size: int) -> list[slice]:
        """See `Model.blocks`."""
        blocks, start = [], 0
        while start < size:
            stop = min(start + max(_SHORTEST_BLOCK, start // 8), size)
            blocks.append(slice(start, stop))
            start = stop
        return blocks

    def write(self, out: Writer) -> None:
        """See `Model.write`."""
        out.byte(CODES[STRENGTHS.index(self.strength)])
        out.byte(self.prior)

    @classmethod
    def read(cls, code: int, reader: Reader, low: int, high: int) -> Self:
        """What `write` wrote, after its code.

        Raises:
            InvalidFileError: The file ends, or the prior is not a shape.
        """
        prior = reader.byte()
        if prior > FLAT:
            raise InvalidFileError(f"prior {prior} found in an adaptive model: allowed are 0 to {FLAT}")
        return cls(low, high, prior, STRENGTHS[CODES.index(code)])
