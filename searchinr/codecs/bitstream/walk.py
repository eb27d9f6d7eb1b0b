"""In what order symbols are coded, and what their probabilities may depend on: the contract of an entropy model.

    seen: all symbols of the blocks before --> tables --> range coder <--> symbols of the block --> seen

A walk goes through an array of symbols block by block. The tables of a block may depend on everything that was coded
before it, and within a block they may differ from symbol to symbol. One loop in `range_coder` takes walks in both
directions, so that an encoder cannot know more than its decoder. What a walk computes from `seen` must come out alike
on every machine: integers, or floats that no rounding can change.

The models of one array (`bitstream.models`) are walks of one block, or of a few where they learn. A context model is a
walk of many: the pixels of a latent grid along diagonals, say, each block by the neighbours that the ones before hold.

Notation used for array shapes: n symbols of a walk, m of a block, K tables, count different symbols.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

UNITS = 2**24
"""The range coder's probabilities are multiples of 1 / `UNITS`, and no symbol has less than one."""


@dataclass(frozen=True, eq=False)
class Tables:
    """How probable symbols are; K tables of equal length.

    Attributes:
        counts: In proportion, `(K, count)`, int64, not negative, and with a sum above zero in each row.
    """

    counts: NDArray[np.int64]

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """`(K, count)`. Sums of integers are exact in any order, unlike sums of floats."""
        ratios: NDArray[np.float64] = self.counts / self.counts.sum(axis=-1, keepdims=True)
        return ratios

    @cached_property
    def least_bits(self) -> NDArray[np.float64]:
        """Bits that a symbol of each table takes at least, `(K,)`."""
        return least_bits(self.counts.max(axis=-1), self.counts.sum(axis=-1), self.counts.shape[-1])


def least_bits(highest: NDArray[np.int64], total: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Bits that the most probable symbol of tables takes at least.

    The coder rounds a probability up by less than two units, and leaves one to each of the other symbols.

    Args:
        highest: Largest count of each table, of any shape.
        total: Sum of its counts, of the same shape.
        count: Different symbols.
    """
    units = np.minimum(highest / total * (UNITS - count) + 2, UNITS - count + 1)
    bits: NDArray[np.float64] = -np.log2(units / UNITS)
    return bits


@dataclass(frozen=True, eq=False)
class Block:
    """Symbols that are coded together: what each of them depends on lies in earlier blocks.

    Attributes:
        places: Where they lie in the walk's array: a slice, or `(m,)` integers.
        tables: What they are coded by.
        low: The symbol that stands first in its table: one for all, or `(m,)`.
        choice: Which of the tables each symbol is coded by, `(m,)`; None if there is one.
        least_bits: Bits that they take at least, whatever they are.
    """

    places: slice | NDArray[np.integer]
    tables: Tables
    low: int | NDArray[np.int32]
    choice: NDArray[np.integer] | None
    least_bits: float

    @property
    def size(self) -> int:
        """How many symbols they are."""
        if isinstance(self.places, slice):
            return int(self.places.stop - self.places.start)
        return len(self.places)

    @classmethod
    def chosen(
        cls,
        places: NDArray[np.integer],
        tables: Tables,
        choice: NDArray[np.integer],
        low: int | NDArray[np.int32],
    ) -> "Block":
        """A block whose symbols have tables of their own; see the attributes."""
        return cls(places, tables, low, choice, float(tables.least_bits[choice].sum()))


class Walk(ABC):
    """The way through one array of symbols.

    Attributes:
        size: n.
    """

    size: int

    @property
    @abstractmethod
    def least_bits(self) -> float:
        """Bits that any n symbols take at least, as far as that is known before anything is decoded.

        It is what keeps a decoder from making room for millions of symbols that a few bytes claim. Where nothing is
        known it is 0; then `size` must be bounded by something else that the file has paid for.
        """

    @abstractmethod
    def blocks(self, seen: NDArray[np.int32]) -> Iterator[Block]:
        """The blocks, which together have every place once.

        Args:
            seen: `(n,)`, not to be written to: symbols of the blocks that were asked for before, and zeros elsewhere.
        """
