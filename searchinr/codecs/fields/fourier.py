"""Random Fourier features and a ReLU network (Tancik et al. 2020, arXiv 2006.10739)."""

import math
from typing import ClassVar, Self

import torch
from pydantic import Field as Key
from torch import Tensor

from searchinr.codecs.bitstream.bits import ByteFloat, Reader, Writer
from searchinr.codecs.fields.contract import FieldParams, FieldShape, Role
from searchinr.codecs.fields.perceptron import Perceptron
from searchinr.codecs.fields.shared_random import standard_normals


class FourierParams(FieldParams):
    """Parameters of the Fourier-feature network."""

    features: int = Key(
        128,
        ge=1,
        le=256,
        description="random frequencies; each gives the first layer two inputs, a cosine and a sine",
        json_schema_extra={"unit": "frequencies"},
    )
    sigma: ByteFloat = Key(
        10.0,
        description="standard deviation of the random frequencies",
        json_schema_extra={"unit": "cycles per unit of the coordinates"},
    )


class Fourier(Perceptron):
    """ReLU layers on cos(2 pi B x), sin(2 pi B x) with B ~ N(0, sigma^2) (the paper's equation 5, Gaussian mapping).

    B is the same for every signal and every fit: the decoder makes it again from shared random numbers, so that it
    costs no bytes. The default of 128 frequencies is taken from the network that ANI compares with. The first learned
    layer holds most of the weights, and its inputs are features, not coordinates: its role is ``"hidden"``.
    """

    name: ClassVar[str] = "fourier"
    id: ClassVar[int] = 1
    signed: ClassVar[bool] = False
    lr_at_24: ClassVar[float] = 2e-2
    Params: ClassVar[type[FieldParams]] = FourierParams
    params: FourierParams
    first: Role = "hidden"

    def __init__(self, shape: FieldShape, params: FourierParams) -> None:
        super().__init__(shape, params)
        # Each frequency has one row of numbers, so that a smaller number of features is a prefix of a larger one.
        normals = standard_normals(params.features * shape.d_in).reshape(params.features, shape.d_in)  # (f, d_in)
        self._frequencies = params.sigma * normals.T.contiguous()  # (d_in, f), exact in float32

    @property
    def frequencies(self) -> Tensor:
        """B transposed, in cycles per unit of the coordinates: `(d_in, features)`, float32."""
        return self._frequencies

    @property
    def inputs(self) -> int:
        """See `Perceptron.inputs`."""
        return 2 * self.params.features

    def seen(self, coords: Tensor) -> Tensor:
        """See `Perceptron.seen`."""
        self._frequencies = self._frequencies.to(coords)  # moves once; the values are exact in float32
        phases = coords @ (2 * math.pi * self._frequencies)  # (n, f)
        return torch.cat([phases.cos(), phases.sin()], dim=-1)  # (n, 2f)

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`; the projection on B counts, although all signals share it."""
        return self.params.features * self.shape.d_in + super().macs_per_point()

    def pack(self, out: Writer) -> None:
        """See `Field.pack`; it writes two bytes."""
        out.byte(self.params.features - 1)
        out.byte_float(self.params.sigma)

    @classmethod
    def unpack(cls, shape: FieldShape, reader: Reader) -> Self:
        """See `Field.unpack`; every byte is valid."""
        features, sigma = reader.byte() + 1, reader.byte_float()
        return cls(shape, FourierParams(features=features, sigma=sigma))


FIELD = Fourier
