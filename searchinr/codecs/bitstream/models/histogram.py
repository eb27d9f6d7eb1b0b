"""A histogram that is sent before the symbols: for indices into a code book, whose distribution has no shape.

code 241
first symbol in use - low (varint)
symbols from the first to the last one in use - 1 (varint)
resolution (2 bits): levels per doubling of a count are 1, 2, 4, 8 | levels - 1 (6 bits)
one level per symbol, 0 for a symbol not in use, as digits of one number: base levels + 1, most significant first
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.grid import power_of_two
from searchinr.codecs.bitstream.models.contract import Model
from searchinr.errors import InvalidFileError

CODE = 241
RESOLUTIONS = range(4)
_MAX_LEVELS = 64
_PEAK_LOG2 = 20  # the highest level's count is 2**20


@dataclass(frozen=True)
class Histogram(Model):
    """Counts on a logarithmic scale.

    Attributes:
        first: First symbol in use.
        resolution: Two to this power are the levels per doubling of a count.
        top: The highest level, 1 to 64.
        levels: Of the symbols from `first` on, 0 (not in use) to `top`.
    """

    first: int
    resolution: int
    top: int
    levels: tuple[int, ...]

    @classmethod
    def of(cls, symbols: NDArray[np.int32], low: int, high: int, resolution: int) -> Self:
        """The histogram of `symbols`, at least one, snapped to the levels of a resolution."""
        occurrences = np.bincount(symbols.ravel() - low)
        first = int(np.flatnonzero(occurrences)[0])
        occurrences = occurrences[first:]  # bincount ends with the last symbol in use
        used = occurrences > 0
        below_top = np.zeros(occurrences.size, np.int64)
        below_top[used] = np.rint(np.log2(occurrences.max() / occurrences[used]) * 2**resolution)
        top = min(int(below_top.max()) + 1, _MAX_LEVELS)
        levels = np.where(used, np.maximum(top - below_top, 1), 0)
        return cls(low, high, low + first, resolution, top, tuple(levels.tolist()))

    def counts(self) -> NDArray[np.int64]:
        """See `Model.counts`; zero for symbols not in use, which the coder then makes as improbable as it can."""
        of_level = np.array([0, *(_count(self.top - level, self.resolution) for level in range(1, self.top + 1))])
        counts = np.zeros(self.count, np.int64)
        start = self.first - self.low
        counts[start : start + len(self.levels)] = of_level[list(self.levels)]
        return counts

    def write(self, out: Writer) -> None:
        """See `Model.write`."""
        out.byte(CODE)
        out.varint(self.first - self.low)
        out.varint(len(self.levels) - 1)
        out.byte(self.resolution << 6 | (self.top - 1))
        number = 0
        for level in self.levels:
            number = number * (self.top + 1) + level
        out.data += number.to_bytes(_bytes_of_digits(len(self.levels), self.top + 1), "big")

    @classmethod
    def read(cls, reader: Reader, low: int, high: int) -> Self:
        """What `write` wrote, after its code.

        Raises:
            InvalidFileError: The table is truncated, reaches beyond `high`, or names no symbol.
        """
        first, length = low + reader.varint(), reader.varint() + 1
        last = first + length - 1
        if last > high:
            raise InvalidFileError(
                f"the file holds a histogram of the symbols {first} to {last}: allowed are {low} to {high}"
            )
        packed = reader.byte()
        base = (packed & 63) + 2
        number = int.from_bytes(reader.take(_bytes_of_digits(length, base)), "big")
        levels = []
        for _ in range(length):
            number, level = divmod(number, base)
            levels.append(level)
        if number or not any(levels):
            raise InvalidFileError("the file holds a histogram that no encoder writes: it is corrupt")
        return cls(low, high, first, packed >> 6, base - 1, tuple(reversed(levels)))


@lru_cache(maxsize=256)
def _count(below_top: int, resolution: int) -> int:
    """The count of a level so many below the highest one, at least 1."""
    return max(int(power_of_two((_PEAK_LOG2 << resolution) - below_top, 1 << resolution)), 1)


def _bytes_of_digits(digits: int, base: int) -> int:
    """Bytes of the largest number with so many digits."""
    largest: int = base**digits - 1
    return (largest.bit_length() + 7) // 8
