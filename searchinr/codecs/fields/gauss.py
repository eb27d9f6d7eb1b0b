"""Gaussian activations (Ramasinghe and Lucey, "Beyond Periodicity", ECCV 2022, arXiv 2111.15135)."""

import math
from collections.abc import Iterator
from typing import ClassVar, Self

import torch
from pydantic import Field as Key
from torch import Tensor

from searchinr.codecs.bitstream.bits import ByteFloat, Reader, Writer
from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import Between, Field, FieldParams, FieldShape, TensorSpec, unchanged
from searchinr.codecs.fields.layers import perceptron_macs, perceptron_specs, pytorch_init

_LATER = 4.0


class GaussParams(FieldParams):
    """Parameters of the Gaussian network."""

    scale: ByteFloat = Key(
        15.0,
        description="factor on the coordinates' layer, the inverse of the bells' width: larger means finer detail",
        json_schema_extra={"unit": "per unit of the coordinates"},
    )


class Gauss(Field):
    """Hidden layers compute exp(-(s (W x + b))^2 / 2); the last layer is linear.

    In the first layer, s is `scale`. It has the effect that the small sigma (0.05 to 0.1 for images) has in the paper.
    In later layers, whose inputs lie in [0, 1], s is `_LATER`.
    """

    name: ClassVar[str] = "gauss"
    id: ClassVar[int] = 6
    signed: ClassVar[bool] = False
    Params: ClassVar[type[FieldParams]] = GaussParams

    def __init__(self, shape: FieldShape, params: GaussParams) -> None:
        super().__init__(shape, params)
        self.params = params

    @staticmethod
    def default_lr(width: int) -> float:
        """See `Field.default_lr`."""
        return 1e-2 * math.sqrt(24 / width)

    def tensors(self) -> list[TensorSpec]:
        """See `Field.tensors`."""
        return perceptron_specs(self.shape, self.shape.d_in)

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Field.init`; this is PyTorch's default."""
        return pytorch_init(self.tensors(), rng)

    def layers(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Iterator[Tensor]:
        """See `Field.layers`."""
        hidden = coords
        for layer in range(self.shape.depth):
            # the scale multiplies the weights, since there are fewer of them than of activations
            scale = _LATER if layer else self.params.scale
            weight, bias = weights[f"layer{layer}.weight"], weights[f"layer{layer}.bias"]
            hidden = between(layer, torch.exp(-0.5 * affine(hidden, scale * weight, scale * bias).square()))
            yield hidden  # (B, n, w)

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`."""
        return perceptron_macs(self.shape, self.shape.d_in)

    def pack(self, out: Writer) -> None:
        """See `Field.pack`; it writes one byte."""
        out.byte_float(self.params.scale)

    @classmethod
    def unpack(cls, shape: FieldShape, reader: Reader) -> Self:
        """See `Field.unpack`; every byte is valid."""
        return cls(shape, GaussParams(scale=reader.byte_float()))


FIELD = Gauss
