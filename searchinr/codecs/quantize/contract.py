"""The contract of a quantiser, which turns the weights of B signals into symbols and symbols back into weights.

Notation used for tensor shapes:
    B: signals that are fitted together
    G: groups of a tensor, each with a step of its own: 1, or one per output channel
    m: weights in a group
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream.coded_tensors import Packed, unpack_fp16
from searchinr.codecs.bitstream.quant_spec import QuantSpec

STEP = ":step"
"""Latents whose names end with this are logarithms of steps, `(B, G)`."""


@dataclass(frozen=True)
class Coded:
    """A tensor of B signals in the numbers that files hold.

    The weight of a symbol k is `step * (k + offset / 16)` or, with a code book, `step * book[k]`.

    Attributes:
        symbols: `(B, G, m)`, int64, within the part's symbol range; if there is a code book, indices into it.
        steps: `(B, G)`, int64: the byte that names the step.
        offsets: `(B, G)`, int64 in -128 ... 127, or None if all of them are 0.
        book: `(B, K)`, int64, ascending in -512 ... 511, or None if there is no code book.
    """

    symbols: Tensor
    steps: Tensor
    offsets: Tensor | None = None
    book: Tensor | None = None


class Quantizer(ABC):
    """A way of turning weights into symbols. It has no state: the tensors that it learns are held by the training.

    Attributes:
        name: Name in space files.
        id: Number in `.inr` files (1 to 15; 0 is fp16), never reused.
        learns: Whether it takes part in training; `values` is then differentiable in the latents.
        keeps_weights: Whether it only learns how to round, so that the weights must be fully trained before.
        learns_rate: Whether it has `bits`, so that training can weigh the rate against the error.
        has_steps: Whether it has `move_steps`, so that steps can be changed when training is over.
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

    @classmethod
    def packed(cls, parts: Sequence[QuantSpec], data: bytes) -> Packed:
        """The tensors of one signal in a file that this quantiser is for."""
        return Packed(parts, data, has_offsets=cls.has_offsets, has_book=cls.has_book)

    def beside(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of the weights or latents that are trained beside the parts, and that no quantiser changes."""
        parts = {part.name for part in self.parts}
        return {name: tensor for name, tensor in tensors.items() if name not in parts and ":" not in name}

    @abstractmethod
    def start(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Makes latents from trained weights, `{part.name: (B, *part.shape)}`.

        Returns:
            Tensors whose first axis is B. A tensor with the name of a part is trained in the place of its weights; the
            names of all other tensors contain a colon.
        """

    @abstractmethod
    def values(self, latents: Mapping[str, Tensor], progress: float = 1.0) -> dict[str, Tensor]:
        """The weights that the network computes with; at progress 1 they are the weights that the decoder will have.

        Args:
            latents: The latents that `start` made, perhaps trained since.
            progress: How much of the quantisation-aware training is done, 0 to 1.

        Returns:
            `{part.name: (B, *part.shape)}`.
        """

    @abstractmethod
    def coded(self, latents: Mapping[str, Tensor]) -> dict[str, Coded]:
        """The numbers that files hold, by the name of the part."""

    def move_steps(self, latents: Mapping[str, Tensor], places: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Changes steps; weights are then rounded anew. Only quantisers with `has_steps` have this method.

        Args:
            latents: The latents that `start` made, perhaps trained since.
            places: `{part.name: (B,)}`, int64: the number of places on the grid of steps by which all steps of a part
                become coarser (finer if it is negative). They stop at the grid's ends. Other parts keep their steps.

        Returns:
            All latents; those of the parts in `places` are changed.
        """
        raise NotImplementedError(f"the steps of {self.name} are not free")

    def bits(self, latents: Mapping[str, Tensor]) -> Tensor:
        """A differentiable estimate of the bits of each signal's symbols, `(B,)`; only if `learns_rate`."""
        raise NotImplementedError(f"{self.name} is not trained against its rate")

    def penalty(self, latents: Mapping[str, Tensor], progress: float) -> Tensor | None:
        """A term that is added to each signal's loss beside error and rate, `(B,)`; None if there is none."""
        return None


def unpack_weights(
    parts: Sequence[QuantSpec], data: bytes, quantizer: type[Quantizer] | None
) -> dict[str, NDArray[np.float32]]:
    """The weights of one signal in a file, `{part.name: part.shape}`; in fp16 there is no quantiser.

    Raises:
        InvalidFileError: No encoder writes such bytes, or a weight is not finite.
    """
    return unpack_fp16(parts, data) if quantizer is None else quantizer.packed(parts, data).weights()
