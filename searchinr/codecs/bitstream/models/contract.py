"""The contract of a probability model: integer counts of every symbol, which may grow as symbols are coded.

Notation used for array shapes:
    n: symbols of one array
    count: different symbols, low ... high
    blocks: parts of an array that are coded with the same counts
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.bits import Writer
from searchinr.codecs.bitstream.walk import UNITS, Block, Tables, Walk, least_bits

MAX_LEARNT_COUNT = 1024
"""Different symbols up to which counts are learnt or sent: networks have too few weights to know more of them."""


@dataclass(frozen=True)
class Model(ABC):
    """How an array of symbols is coded.

    Attributes:
        low: Smallest symbol, 0 or less.
        high: Largest symbol, 0 or more, and more than `low`.
    """

    low: int
    high: int

    @property
    def count(self) -> int:
        """Number of different symbols."""
        return self.high - self.low + 1

    @abstractmethod
    def counts(self) -> NDArray[np.int64]:
        """How probable each symbol is at first, in proportion: `(count,)`, not negative, not to be written to."""

    @property
    def increment(self) -> int:
        """What is added to the count of a symbol each time that it has been coded."""
        return 0

    def blocks(self, size: int) -> list[slice]:
        """The parts of `size` symbols after each of which the counts grow."""
        return [slice(0, size)]

    @abstractmethod
    def write(self, out: Writer) -> None:
        """Appends the bytes that `registry.read_model` reads back."""

    @property
    def description_bits(self) -> int:
        """Bits that `write` appends."""
        out = Writer()
        self.write(out)
        return 8 * len(out.data)

    def histograms(self, symbols: NDArray[np.int32]) -> NDArray[np.int64]:
        """How often each symbol occurs in each block of `symbols`, `(blocks, count)`."""
        indices = symbols.ravel() - self.low
        rows = [np.bincount(indices[block], minlength=self.count) for block in self.blocks(indices.size)]
        return np.array(rows, np.int64).reshape(-1, self.count)  # (blocks, count), also where there are no blocks

    def bits_of(self, histograms: NDArray[np.int64]) -> float:
        """Ideal code length, in bits, of the symbols that `histograms` counts, without the description.

        The coder comes within a thousandth of it, but for symbols rarer than about 2**-20.
        """
        seen = np.cumsum(histograms, axis=0) - histograms  # before each block
        return float((histograms * code_lengths(self.counts() + self.increment * seen)).sum())

    def bits(self, symbols: NDArray[np.int32]) -> float:
        """Ideal code length of `symbols` in bits, without the description."""
        return self.bits_of(self.histograms(symbols))

    def walk(self, size: int) -> "ModelWalk":
        """The walk through `size` symbols."""
        return ModelWalk(self, size)


class ModelWalk(Walk):
    """An array of symbols from its first to its last, in the blocks of a model."""

    def __init__(self, model: Model, size: int) -> None:
        self._model, self.size = model, size

    @property
    def least_bits(self) -> float:
        """See `Walk.least_bits`: the bits of the most probable symbol, over and over."""
        return sum(self.least_bits_of_blocks(), start=0.0)

    def least_bits_of_blocks(self) -> Iterator[float]:
        """The same, block after block."""
        model = self._model
        highest, total = model.counts().max(), model.counts().sum()
        for block in model.blocks(self.size):
            learnt = model.increment * block.start
            yield (block.stop - block.start) * float(least_bits(highest + learnt, total + learnt, model.count))

    def blocks(self, seen: NDArray[np.int32]) -> Iterator[Block]:
        """See `Walk.blocks`; of blocks there are several only where counts grow."""
        model, tables = self._model, _first_tables(self._model)
        for block, bits in zip(model.blocks(self.size), self.least_bits_of_blocks(), strict=True):
            yield Block(block, tables, model.low, None, bits)
            if model.increment:
                occurrences = np.bincount(seen[block] - model.low, minlength=model.count)
                tables = Tables(tables.counts + model.increment * occurrences)


@lru_cache(maxsize=64)
def _first_tables(model: Model) -> Tables:
    return Tables(model.counts()[np.newaxis])


def code_lengths(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Bits that the range coder spends on each symbol: `(..., count)` of counts in, the same shape out."""
    probabilities = counts / counts.sum(axis=-1, keepdims=True)
    lengths: NDArray[np.float64] = -np.log2(probabilities * (1 - counts.shape[-1] / UNITS) + 1 / UNITS)
    return lengths
