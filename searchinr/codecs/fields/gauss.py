"""Gaussian activations (Ramasinghe and Lucey, "Beyond Periodicity", ECCV 2022, arXiv 2111.15135)."""

from typing import ClassVar

import torch
from pydantic import Field as Key
from torch import Tensor

from searchinr.codecs.bitstream.bits import ByteFloat
from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import FieldParams
from searchinr.codecs.fields.perceptron import Perceptron

_LATER = 4.0


class GaussParams(FieldParams):
    """Parameters of the Gaussian network."""

    scale: ByteFloat = Key(
        15.0,
        description="factor on the coordinates' layer, the inverse of the bells' width: larger means finer detail",
        json_schema_extra={"unit": "per unit of the coordinates"},
    )


class Gauss(Perceptron):
    """Hidden layers compute exp(-(s (W x + b))^2 / 2); the last layer is linear.

    In the first layer, s is `scale`. It has the effect that the small sigma (0.05 to 0.1 for images) has in the paper.
    In later layers, whose inputs lie in [0, 1], s is `_LATER`.
    """

    name: ClassVar[str] = "gauss"
    id: ClassVar[int] = 6
    signed: ClassVar[bool] = False
    lr_at_24: ClassVar[float] = 1e-2
    Params: ClassVar[type[FieldParams]] = GaussParams
    params: GaussParams

    def nonlinear(self, layer: int, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See `Perceptron.nonlinear`; the scale multiplies the weights, which are fewer than activations."""
        scale = _LATER if layer else self.params.scale
        return torch.exp(-0.5 * affine(hidden, scale * weight, scale * bias).square())


FIELD = Gauss
