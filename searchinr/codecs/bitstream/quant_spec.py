"""How a weight tensor becomes numbers in a file: its symbols, its steps, its offsets, its code book.

Notation used for tensor shapes:
    B: signals fitted together
    G: groups of a tensor that have a step of their own: 1, or one per output channel
    m: weights in a group
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from searchinr.codecs.bitstream.steps import SymbolRange, symbol_range

OFFSETS_PER_STEP = 16

BOOK = SymbolRange(-512, 511)
"""Entries of a code book, in steps: a code book is quantised as well."""

_WEIGHTS_PER_ENTRY = 4  # a tensor with fewer weights per entry pays more for its book than it gains


@dataclass(frozen=True)
class QuantSpec:
    """One weight tensor, as it is to be quantised.

    Attributes:
        name: Key in the weight dictionaries.
        shape: Shape for one signal.
        bits: Bit-width of its symbols (`steps.symbol_range`).
        per_channel: Whether a matrix has a step for each output channel; a vector always has one step.
    """

    name: str
    shape: tuple[int, ...]
    bits: int
    per_channel: bool = False

    @property
    def symbols(self) -> SymbolRange:
        """The symbols."""
        return symbol_range(self.bits)

    @property
    def groups(self) -> int:
        """G."""
        return self.shape[-1] if self.per_channel and len(self.shape) > 1 else 1

    @property
    def size(self) -> int:
        """Weights of one signal, G * m."""
        return torch.Size(self.shape).numel()

    def group(self, weights: Tensor) -> Tensor:
        """`(B, *shape)` -> `(B, G, m)`."""
        if self.groups == 1:
            return weights.reshape(len(weights), 1, -1)
        return weights.reshape(len(weights), -1, self.groups).transpose(1, 2)  # (B, m, G) -> (B, G, m)

    def ungroup(self, grouped: Tensor) -> Tensor:
        """`(B, G, m)` -> `(B, *shape)`."""
        return grouped.transpose(1, 2).reshape(len(grouped), *self.shape)  # (B, m, G) -> (B, *shape)


def worth_a_book(part: QuantSpec) -> bool:
    """Whether a part gets a code book. Parts that are too small for one are quantised uniformly.

    A book has as many entries as there are symbols, and each costs about as much as two symbols.
    """
    return part.size >= _WEIGHTS_PER_ENTRY * part.symbols.number
