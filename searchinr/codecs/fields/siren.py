"""SIREN: a network whose hidden layers all have sines as activations (Sitzmann et al. 2020, arXiv 2006.09661)."""

import math
from collections.abc import Iterator
from typing import ClassVar, Self

import torch
from pydantic import Field as Key
from torch import Tensor

from searchinr.codecs.bitstream.bits import ByteFloat, Reader, Writer
from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import Between, Field, FieldParams, FieldShape, TensorSpec, unchanged
from searchinr.codecs.fields.layers import fan_in_bound, perceptron_macs, perceptron_specs, uniform


class SirenParams(FieldParams):
    """Parameters of SIREN."""

    omega_first: ByteFloat = Key(
        30.0,
        description="frequency factor of the first layer: about the highest angular frequency at the start of"
        " training, per unit of the coordinates (30 for images, about 3000 for speech in seconds)",
        json_schema_extra={"unit": "rad"},
    )
    omega: ByteFloat = Key(
        30.0,
        description="frequency factor of the later layers; the larger, the faster they learn",
        json_schema_extra={"unit": "rad"},
    )


class Siren(Field):
    """Hidden layers compute sin(omega (W x + b)); the last layer is linear.

    Weights start as in section 3.2 of the paper, biases as in the authors' code: U(-1/sqrt(n_in), 1/sqrt(n_in)).
    """

    name: ClassVar[str] = "siren"
    id: ClassVar[int] = 0
    Params: ClassVar[type[FieldParams]] = SirenParams

    def __init__(self, shape: FieldShape, params: SirenParams) -> None:
        super().__init__(shape, params)
        self.params = params

    @staticmethod
    def default_lr(width: int) -> float:
        """See `Field.default_lr`."""
        return 2.5e-3 * math.sqrt(24 / width)

    def tensors(self) -> list[TensorSpec]:
        """See `Field.tensors`."""
        return perceptron_specs(self.shape, self.shape.d_in)

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Field.init`."""
        weights = {}
        for name, shape, _ in self.tensors():
            kind = name.partition(".")[2]
            n_in = self.shape.d_in if name.startswith("layer0.") else self.shape.width
            if kind == "bias":
                bound = fan_in_bound(n_in)
            elif name.startswith("layer0."):
                bound = 1 / n_in
            else:
                bound = math.sqrt(6 / n_in) / self.params.omega
            weights[name] = uniform(rng, shape, bound)
        return weights

    def layers(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Iterator[Tensor]:
        """See `Field.layers`; `coords` may also be `(B, n, d_in)` if each signal has coordinates of its own."""
        hidden = coords
        for layer in range(self.shape.depth):
            # omega multiplies the weights, since there are fewer of them than of activations
            omega = self.params.omega if layer else self.params.omega_first
            weight, bias = weights[f"layer{layer}.weight"], weights[f"layer{layer}.bias"]
            hidden = between(layer, torch.sin(affine(hidden, omega * weight, omega * bias)))
            yield hidden  # (B, n, w)

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`."""
        return perceptron_macs(self.shape, self.shape.d_in)

    def pack(self, out: Writer) -> None:
        """See `Field.pack`; it writes two bytes."""
        out.byte_float(self.params.omega_first)
        out.byte_float(self.params.omega)

    @classmethod
    def unpack(cls, shape: FieldShape, reader: Reader) -> Self:
        """See `Field.unpack`; every byte is a valid frequency factor."""
        omega_first, omega = reader.byte_float(), reader.byte_float()
        return cls(shape, SirenParams(omega_first=omega_first, omega=omega))


FIELD = Siren
