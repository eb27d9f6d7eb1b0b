"""Mixtures of two Laplace distributions: for symbols that are mostly zero, with a tail.

code 247
share of the narrow one, in 64ths (1 byte, 1 to 63)
code of the narrow one (1 byte), code of the wide one (1 byte)
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.models.contract import Model
from searchinr.codecs.bitstream.models.shape import SCALES, Shape
from searchinr.errors import InvalidFileError

CODE = 247
_PARTS = 64
_UNITS = 2**24
_TRIED_SCALES = range(0, SCALES, 3)
_TRIED_SHARES = range(8, _PARTS, 8)


@dataclass(frozen=True)
class Mixture(Model):
    """Two Laplace shapes.

    Attributes:
        share: Of the first, in 64ths.
        narrow: Code of the first.
        wide: Code of the second.
    """

    share: int
    narrow: int
    wide: int

    def counts(self) -> NDArray[np.int64]:
        """See `Model.counts`; by integers, and at least one."""
        first, second = _units(self.low, self.high, self.narrow), _units(self.low, self.high, self.wide)
        return self.share * first + (_PARTS - self.share) * second + 1

    def write(self, out: Writer) -> None:
        """See `Model.write`."""
        for byte in (CODE, self.share, self.narrow, self.wide):
            out.byte(byte)

    @classmethod
    def read(cls, reader: Reader, low: int, high: int) -> Self:
        """What `write` wrote, after its code.

        Raises:
            InvalidFileError: The file ends, or a number is out of range.
        """
        share, narrow, wide = reader.byte(), reader.byte(), reader.byte()
        if not (0 < share < _PARTS and narrow < SCALES and wide < SCALES):
            raise InvalidFileError(
                f"a mixture of {share}/{_PARTS} of shape {narrow} and shape {wide} found: no encoder writes it"
            )
        return cls(low, high, share, narrow, wide)


@lru_cache(maxsize=2 * SCALES)
def _units(low: int, high: int, code: int) -> NDArray[np.int64]:
    """Probabilities under a shape, in 2**24ths rounded down."""
    counts = Shape(low, high, code).counts()
    return counts * _UNITS // int(counts.sum())


def best_mixture(symbols: NDArray[np.int32], low: int, high: int) -> Mixture:
    """The mixture with the shortest code for `symbols`, on a grid of every third scale and every eighth share."""
    occurrences = np.bincount(symbols.ravel() - low, minlength=high - low + 1)
    used = np.flatnonzero(occurrences)
    narrow, wide = np.triu_indices(len(_TRIED_SCALES), 1)
    units = np.stack([_units(low, high, code)[used] for code in _TRIED_SCALES])  # (scales, symbols in use)
    best, least = Mixture(low, high, _TRIED_SHARES[0], 0, 0), np.inf
    for share in _TRIED_SHARES:
        counts = share * units[narrow] + (_PARTS - share) * units[wide] + 1  # (pairs, symbols in use)
        costs = -np.log2(counts / (_PARTS * _UNITS)) @ occurrences[used]
        place = int(costs.argmin())
        if costs[place] < least:
            least = costs[place]
            best = Mixture(low, high, share, _TRIED_SCALES[narrow[place]], _TRIED_SCALES[wide[place]])
    return best
