"""Positional encoding and ReLU layers (NeRF, Mildenhall et al. 2020, arXiv 2003.08934, section 5.1)."""

import math
from typing import ClassVar

import torch
from pydantic import Field as Key
from torch import Tensor

from searchinr.codecs.fields.contract import FieldParams
from searchinr.codecs.fields.perceptron import Perceptron


class ReluParams(FieldParams):
    """Parameters of the ReLU network."""

    octaves: int = Key(
        10,
        ge=0,
        le=20,
        description="frequencies of the positional encoding for each coordinate: pi, 2 pi, 4 pi, ...",
        json_schema_extra={"unit": "octaves"},
    )


class Relu(Perceptron):
    """ReLU layers on the coordinates x and on sin(2^k pi x), cos(2^k pi x) for k < `octaves` (the paper's equation 4).

    The coordinates themselves are among the inputs, as in the authors' code.
    """

    name: ClassVar[str] = "relu"
    id: ClassVar[int] = 5
    signed: ClassVar[bool] = False
    lr_at_24: ClassVar[float] = 2e-2
    Params: ClassVar[type[FieldParams]] = ReluParams
    params: ReluParams

    @property
    def inputs(self) -> int:
        """See `Perceptron.inputs`."""
        return self.shape.d_in * (1 + 2 * self.params.octaves)

    def seen(self, coords: Tensor) -> Tensor:
        """See `Perceptron.seen`."""
        octaves = torch.arange(self.params.octaves, dtype=coords.dtype, device=coords.device)
        frequencies = math.pi * 2.0**octaves  # (o,)
        phases = (coords.unsqueeze(-1) * frequencies).flatten(-2)  # (n, d_in, o) -> (n, d_in * o)
        return torch.cat([coords, phases.sin(), phases.cos()], dim=-1)  # (n, inputs)


FIELD = Relu
