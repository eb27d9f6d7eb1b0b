"""The contract of a quantiser: weights of B signals -> symbols, and what turns symbols back into weights.

Notation used for tensor shapes:
    B: signals fitted together
    G: groups of a tensor that have a step of their own: 1, or one per output channel
    m: weights in a group
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from searchinr.codecs.bitstream.quant_spec import QuantSpec

STEP = ":step"
"""Latents whose names end with it are logarithms of steps, `(B, G)`."""


@dataclass(frozen=True)
class Coded:
    """A tensor of B signals in the numbers that files hold.

    The weight of a symbol k is `step * (k + offset / 16)` or, with a code book, `step * book[k]`.

    Attributes:
        symbols: `(B, G, m)`, int64, in the part's levels; with a code book indices into it.
        steps: `(B, G)`, int64: the byte that names the step.
        offsets: `(B, G)`, int64 in -128 ... 127, or None where all are 0.
        book: `(B, K)`, int64, ascending in -512 ... 511; or None.
    """

    symbols: Tensor
    steps: Tensor
    offsets: Tensor | None = None
    book: Tensor | None = None


class Quantizer(ABC):
    """A way of turning weights into symbols. Stateless: what it learns are tensors that the training holds.

    Attributes:
        name: Name in space files.
        id: Number in `.inr` files (1 to 15; 0 is fp16), never reused.
        learns: Whether it takes part in training: then `values` is differentiable in the latents.
        keeps_weights: Whether what it learns is how to round weights that are trained to their end before.
        learns_rate: Whether it has `bits`, so that training can weigh them against the error.
        has_steps: Whether it has `move_steps`, so that steps can be changed once training is over.
        has_offsets: Whether files hold offsets.
        has_book: Whether files may hold code books.
    """

    name: ClassVar[str]
    id: ClassVar[int]
    learns: ClassVar[bool] = False
    keeps_weights: ClassVar[bool] = False
    learns_rate: ClassVar[bool] = False
    has_steps: ClassVar[bool] = False
    has_offsets: ClassVar[bool] = False
    has_book: ClassVar[bool] = False

    def __init__(self, parts: Sequence[QuantSpec]) -> None:
        self.parts = tuple(parts)

    @abstractmethod
    def start(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Latents from trained weights, `{part.name: (B, *part.shape)}`.

        Returns:
            Tensors whose first axis is B. Those named after a part take its place in training; the names of the others
            contain a colon.
        """

    @abstractmethod
    def values(self, latents: Mapping[str, Tensor], progress: float = 1.0) -> dict[str, Tensor]:
        """The weights that the network computes with: at progress 1 those that the decoder will have.

        Args:
            latents: What `start` returned, perhaps trained.
            progress: How much of the quantisation-aware training is done, 0 to 1.

        Returns:
            `{part.name: (B, *part.shape)}`.
        """

    @abstractmethod
    def coded(self, latents: Mapping[str, Tensor]) -> dict[str, Coded]:
        """What files hold, by part."""

    def move_steps(self, latents: Mapping[str, Tensor], places: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Latents of other steps, in which the weights are rounded anew. Only where `has_steps`.

        Args:
            latents: What `start` returned, perhaps trained.
            places: `{part.name: (B,)}`, int64: by how many places of the grid of steps all steps of a part become
                coarser, or finer where it is negative; they stop at the grid's ends. Parts left out stay as they are.

        Returns:
            All latents, those of the parts named changed.
        """
        raise NotImplementedError(f"the steps of {self.name} are not free")

    def bits(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Estimated size of the symbols of each signal, differentiable: `(B,)`, bits. Only where `learns_rate`."""
        raise NotImplementedError(f"{self.name} is not trained against its rate")

    def penalty(self, latents: Mapping[str, Tensor], progress: float) -> Tensor | None:
        """What the loss of each signal is charged with beside its error and its rate, `(B,)`; None for nothing."""
        return None
