"""Multiplicative filter networks (Fathony et al. 2021, "Multiplicative Filter Networks", ICLR)."""

import math
from collections.abc import Iterator
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field as Key
from torch import Tensor

from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import Between, Field, FieldParams, FieldShape, TensorSpec, unchanged
from searchinr.codecs.fields.layers import affine_specs, fan_in_bound, uniform
from searchinr.errors import InvalidFileError

_FILTERS: tuple[Literal["fourier", "gabor"], ...] = ("fourier", "gabor")  # files hold these indices
_GABOR_ALPHA, _GABOR_BETA = 6.0, 1.0


class MfnParams(FieldParams):
    """Parameters of the multiplicative filter network."""

    filter: Literal["fourier", "gabor"] = Key(
        "fourier", description="sinusoids (FourierNet), or sinusoids under Gaussian envelopes (GaborNet)"
    )
    input_scale: float = Key(
        256.0,
        gt=0,
        le=1e6,
        description="spread of the filters' frequencies at the start of training, shared out over the layers",
        json_schema_extra={"unit": "rad per unit of the coordinates"},
    )


class Mfn(Field):
    """z_1 = g_1(x), z_{i+1} = (W_i z_i + b_i) * g_{i+1}(x), and a linear last layer (the paper's equation 4).

    A Fourier filter is sin(omega x + phi) (equation 6); a Gabor filter is that times exp(-gamma/2 |x - mu|^2) (equation
    12). Between the `depth` filters there are `depth - 1` matrices. The parameters of all filters are stacked in one
    tensor, since they have the same distribution and can share a quantiser step.

    The initialisation is that of the authors' code: omega ~ U(-1/sqrt(d_in), 1/sqrt(d_in)) * input_scale / sqrt(depth),
    for Gabor times sqrt(gamma); phi ~ U(-pi, pi); mu ~ U over the domain; gamma ~ Gamma(6 / depth, 1); W ~
    U(-1/sqrt(w), 1/sqrt(w)); everything else has PyTorch's default.
    """

    name: ClassVar[str] = "mfn"
    id: ClassVar[int] = 2
    lr_at_24: ClassVar[float] = 3e-2
    Params: ClassVar[type[FieldParams]] = MfnParams
    params: MfnParams

    @property
    def _gabor(self) -> bool:
        return self.params.filter == "gabor"

    def tensors(self) -> list[TensorSpec]:
        """See `Field.tensors`."""
        shape = self.shape
        specs = [
            TensorSpec("filters.weight", (shape.depth, shape.d_in, shape.width), "first"),
            TensorSpec("filters.bias", (shape.depth, shape.width), "first"),
        ]
        if self._gabor:
            specs += [
                TensorSpec("filters.mu", (shape.depth, shape.d_in, shape.width), "first"),
                TensorSpec("filters.gamma", (shape.depth, shape.width), "first"),
            ]
        for layer in range(1, shape.depth):
            specs += affine_specs(f"layer{layer}", shape.width, shape.width, "hidden")
        return [*specs, *affine_specs("out", shape.width, shape.d_out, "last")]

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Field.init`."""
        shape = self.shape
        weights = {name: uniform(rng, size, fan_in_bound(shape.width)) for name, size, _ in self.tensors()}
        filters = (shape.depth, shape.d_in, shape.width)
        spread = self.params.input_scale / math.sqrt(shape.depth)
        weights["filters.weight"] = uniform(rng, filters, fan_in_bound(shape.d_in) * spread)
        weights["filters.bias"] = uniform(rng, (shape.depth, shape.width), math.pi)
        if self._gabor:
            # PyTorch cannot draw from a Gamma distribution with a given generator
            numpy_rng = np.random.default_rng(int(torch.randint(2**62, (), generator=rng)))
            gamma = numpy_rng.gamma(_GABOR_ALPHA / shape.depth, 1 / _GABOR_BETA, (shape.depth, shape.width))
            weights["filters.gamma"] = torch.from_numpy(gamma.astype(np.float32))
            weights["filters.mu"] = uniform(rng, filters, 1.0) * torch.tensor(shape.extent).unsqueeze(1)
            weights["filters.weight"] *= weights["filters.gamma"].sqrt().unsqueeze(1)
        return weights

    def layers(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Iterator[Tensor]:
        """See `Field.layers`."""
        # unbound all at once, so that autograd stacks the gradients instead of padding each of them with zeros
        frequencies = weights["filters.weight"].unbind(1)  # depth times (B, d_in, w)
        phases = weights["filters.bias"].unbind(1)  # depth times (B, w)
        envelopes = self._envelopes(weights) if self._gabor else []
        squares = torch.cat([coords, coords.square().sum(-1, keepdim=True)], dim=-1) if self._gabor else coords

        hidden = coords
        for layer in range(self.shape.depth):
            filtered = torch.sin(affine(coords, frequencies[layer], phases[layer]))  # (B, n, w)
            if self._gabor:
                filtered = filtered * torch.exp(affine(squares, *envelopes[layer]))
            if layer == 0:
                hidden = filtered
            else:
                hidden = affine(hidden, weights[f"layer{layer}.weight"], weights[f"layer{layer}.bias"]) * filtered
            hidden = between(layer, hidden)
            yield hidden  # (B, n, w)

    @staticmethod
    def _envelopes(weights: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Writes -gamma/2 |x - mu|^2 of each filter as an affine map of (x, |x|^2), without temporaries of n points.

        Returns:
            For each filter the weight `(B, d_in + 1, w)` and the bias `(B, w)`.
        """
        mu, gamma = (
            weights["filters.mu"],
            weights["filters.gamma"].unsqueeze(2),
        )  # (B, depth, d_in, w), (B, depth, 1, w)
        weight = torch.cat([gamma * mu, -0.5 * gamma], dim=2)  # (B, depth, d_in + 1, w)
        bias = -0.5 * gamma.squeeze(2) * mu.square().sum(2)  # (B, depth, w)
        return list(zip(weight.unbind(1), bias.unbind(1), strict=True))

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`; only matrix products count."""
        shape = self.shape
        per_filter = 2 * shape.d_in + 1 if self._gabor else shape.d_in
        return shape.width * (shape.depth * per_filter + (shape.depth - 1) * shape.width + shape.d_out)

    def pack(self, out: Writer) -> None:
        """See `Field.pack`; it writes one byte."""
        out.byte(_FILTERS.index(self.params.filter))

    @classmethod
    def unpack(cls, shape: FieldShape, reader: Reader) -> Self:
        """See `Field.unpack`."""
        number = reader.byte()
        if number >= len(_FILTERS):
            raise InvalidFileError(f"unknown filter number {number} of backbone mfn: update searchinr")
        return cls(shape, MfnParams(filter=_FILTERS[number]))


FIELD = Mfn
