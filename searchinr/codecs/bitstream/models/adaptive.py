"""Counts that are learnt while decoding: for arrays long enough to say by themselves how they are distributed.

    code 242-246: the weight of the first shape
    code of the first shape (1 byte)

That shape counts as much as `STRENGTHS[code - 242]` symbols. Counts grow after blocks of symbols instead of after every
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
        first: The code of the shape.
        strength: How many symbols the shape counts as, one of `STRENGTHS`.
    """

    first: int
    strength: int

    def counts(self) -> NDArray[np.int64]:
        """See `Model.counts`; those of the first shape."""
        return Shape(self.low, self.high, self.first).counts()

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
        out.byte(self.first)

    @classmethod
    def read(cls, code: int, reader: Reader, low: int, high: int) -> Self:
        """What `write` wrote, after its code.

        Raises:
            InvalidFileError: The file ends, or there is no such shape.
        """
        first = reader.byte()
        if first > FLAT:
            raise InvalidFileError(f"shape {first} found in an adaptive model: allowed are 0 to {FLAT}")
        return cls(low, high, first, STRENGTHS[CODES.index(code)])
