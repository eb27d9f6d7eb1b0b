"""SIREN: a network whose hidden layers all have sines as activations (Sitzmann et al. 2020, arXiv 2006.09661)."""

import math
from typing import ClassVar

import torch
from pydantic import Field as Key
from torch import Tensor

from searchinr.codecs.bitstream.bits import ByteFloat
from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import FieldParams
from searchinr.codecs.fields.layers import fan_in_bound, uniform
from searchinr.codecs.fields.perceptron import Perceptron


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


class Siren(Perceptron):
    """Hidden layers compute sin(omega (W x + b)); the last layer is linear.

    Weights start as in section 3.2 of the paper, biases as in the authors' code: U(-1/sqrt(n_in), 1/sqrt(n_in)).
    """

    name: ClassVar[str] = "siren"
    id: ClassVar[int] = 0
    lr_at_24: ClassVar[float] = 2.5e-3
    Params: ClassVar[type[FieldParams]] = SirenParams
    params: SirenParams

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

    def nonlinear(self, layer: int, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See `Perceptron.nonlinear`; omega multiplies the weights, of which there are fewer than of activations."""
        omega = self.params.omega if layer else self.params.omega_first
        return torch.sin(affine(hidden, omega * weight, omega * bias))


FIELD = Siren
