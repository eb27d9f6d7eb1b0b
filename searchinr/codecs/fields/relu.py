"""Positional encoding and ReLU layers (NeRF, Mildenhall et al. 2020, arXiv 2003.08934, section 5.1)."""

import math
from collections.abc import Iterator
from typing import ClassVar, Self

import torch
from pydantic import Field as Key
from torch import Tensor

from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import Between, Field, FieldParams, FieldShape, TensorSpec, unchanged
from searchinr.codecs.fields.layers import perceptron_macs, perceptron_specs, pytorch_init
from searchinr.errors import InvalidFileError

_MAX_OCTAVES = 20


class ReluParams(FieldParams):
    """Parameters of the ReLU network."""

    octaves: int = Key(
        10,
        ge=0,
        le=_MAX_OCTAVES,
        description="frequencies of the positional encoding for each coordinate: pi, 2 pi, 4 pi, ...",
        json_schema_extra={"unit": "octaves"},
    )


class Relu(Field):
    """ReLU layers on the coordinates x and on sin(2^k pi x), cos(2^k pi x) for k < `octaves` (the paper's equation 4).

    The coordinates themselves are among the inputs, as in the authors' code.
    """

    name: ClassVar[str] = "relu"
    id: ClassVar[int] = 5
    signed: ClassVar[bool] = False
    Params: ClassVar[type[FieldParams]] = ReluParams

    def __init__(self, shape: FieldShape, params: ReluParams) -> None:
        super().__init__(shape, params)
        self.params = params

    @property
    def _inputs(self) -> int:
        return self.shape.d_in * (1 + 2 * self.params.octaves)

    @staticmethod
    def default_lr(width: int) -> float:
        """See `Field.default_lr`."""
        return 2e-2 * math.sqrt(24 / width)

    def tensors(self) -> list[TensorSpec]:
        """See `Field.tensors`."""
        return perceptron_specs(self.shape, self._inputs)

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Field.init`; this is PyTorch's default."""
        return pytorch_init(self.tensors(), rng)

    def layers(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Iterator[Tensor]:
        """See `Field.layers`."""
        octaves = torch.arange(self.params.octaves, dtype=coords.dtype, device=coords.device)
        frequencies = math.pi * 2.0**octaves  # (o,)
        phases = (coords.unsqueeze(-1) * frequencies).flatten(-2)  # (n, d_in, o) -> (n, d_in * o)
        hidden = torch.cat([coords, phases.sin(), phases.cos()], dim=-1)  # (n, inputs)
        for layer in range(self.shape.depth):
            weight, bias = weights[f"layer{layer}.weight"], weights[f"layer{layer}.bias"]
            hidden = between(layer, affine(hidden, weight, bias).relu_())
            yield hidden  # (B, n, w)

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`."""
        return perceptron_macs(self.shape, self._inputs)

    def pack(self, out: Writer) -> None:
        """See `Field.pack`; it writes one byte."""
        out.byte(self.params.octaves)

    @classmethod
    def unpack(cls, shape: FieldShape, reader: Reader) -> Self:
        """See `Field.unpack`."""
        octaves = reader.byte()
        if octaves > _MAX_OCTAVES:
            raise InvalidFileError(f"the file claims {octaves} octaves: at most {_MAX_OCTAVES} are allowed")
        return cls(shape, ReluParams(octaves=octaves))


FIELD = Relu
