"""WIRE: complex Gabor wavelets (Saragadam et al. 2023, arXiv 2301.05187)."""

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
from pydantic import Field as Key
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from searchinr.codecs.bitstream.bits import ByteFloat
from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import Between, Field, FieldParams, FieldShape, TensorSpec, unchanged
from searchinr.codecs.fields.layers import affine_specs, fan_in_bound, uniform

_MAX_EXPONENT = 4.0
"""The wavelet's magnitude is at most the exponential of this. Without a limit it could reach exp((omega / 2 sigma)^2)
and, layer after layer, overflow. For omega / sigma <= 4 the limit has no effect (in the paper, the ratio is 0.67)."""

_MIN_EXPONENT = -18.0
"""A magnitude below the exponential of this, 2e-8, counts as zero, since it is lost beside others in float32. Over some
layers, products of such numbers become subnormal, and CPUs compute several times slower with subnormal numbers."""


class WireParams(FieldParams):
    """Parameters of WIRE."""

    omega: ByteFloat = Key(
        20.0,
        description="frequency of the wavelets",
        json_schema_extra={"unit": "rad"},
    )
    sigma: ByteFloat = Key(
        30.0,
        description="inverse width of the wavelets' Gaussian envelope; below omega / 2 training becomes unstable",
        json_schema_extra={"unit": "1"},
    )


class Wire(Field):
    """Hidden layers compute exp(j omega z - |sigma z|^2) of z = W h + b; the output is the real part of a linear layer.

    As in the authors' code, the first layer has real weights and the later ones have complex weights. There are
    width / sqrt(2) complex channels, so that a `width` has about as many weights as in other backbones. A complex
    weight is stored as two reals, (real, imaginary). The last bias has no imaginary part, which would have no effect.

    Real and imaginary parts start as U(-1/sqrt(n_in), 1/sqrt(n_in)), PyTorch's default, which the authors use as well.
    """

    name: ClassVar[str] = "wire"
    id: ClassVar[int] = 3
    lr_at_24: ClassVar[float] = 1e-2
    Params: ClassVar[type[FieldParams]] = WireParams
    params: WireParams

    def __init__(self, shape: FieldShape, params: WireParams) -> None:
        super().__init__(shape, params)
        self.channels = max(1, round(shape.width / math.sqrt(2)))

    def tensors(self) -> list[TensorSpec]:
        """See `Field.tensors`; v, in the comments on shapes, is the number of complex channels."""
        v = self.channels
        specs = [*affine_specs("layer0", self.shape.d_in, v, "first")]
        for layer in range(1, self.shape.depth):
            specs += [
                TensorSpec(f"layer{layer}.weight", (2, v, v), "hidden"),
                TensorSpec(f"layer{layer}.bias", (2, v), "bias"),
            ]
        return [
            *specs,
            TensorSpec("out.weight", (2, v, self.shape.d_out), "last"),
            TensorSpec("out.bias", (self.shape.d_out,), "last"),
        ]

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Field.init`."""
        return {
            name: uniform(rng, shape, fan_in_bound(self.shape.d_in if name.startswith("layer0.") else self.channels))
            for name, shape, _ in self.tensors()
        }

    def layers(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Iterator[Tensor]:
        """See `Field.layers`.

        Complex numbers are kept as real channels followed by imaginary ones, with points last: `(B, 2v, n)`. A complex
        product is then one real product, and both halves are contiguous in the wavelet. On a CPU this is several times
        as fast as complex tensors.
        """
        omega, batch = self.params.omega, weights["layer0.bias"].shape[0]
        envelope = (self.params.sigma / omega) ** 2
        hidden = coords.T.expand(batch, -1, -1)  # (B, d_in, n)
        for layer in range(self.shape.depth):
            weight, bias = weights[f"layer{layer}.weight"], weights[f"layer{layer}.bias"]
            if layer == 0:  # this layer is real, so its imaginary channels are zero
                weight = torch.nn.functional.pad(weight, (0, self.channels))  # (B, d_in, 2v)
                bias = torch.nn.functional.pad(bias, (0, self.channels))  # (B, 2v)
            else:
                weight = _complex_as_real(weight)  # (B, 2v, 2v)
            column = bias.reshape(batch, -1, 1)  # (B, 2v, 1)
            phase = torch.baddbmm(omega * column, (omega * weight).mT, hidden)  # (B, 2v, n)
            hidden = between(layer, _Wavelet.apply(phase, envelope))  # type: ignore[no-untyped-call]
            yield hidden

    def output(self, weights: dict[str, Tensor], hidden: Tensor) -> Tensor:
        """See `Field.output`; `hidden` is `(B, 2v, n)`."""
        real, imaginary = weights["out.weight"].unbind(1)
        return affine(hidden.mT, torch.cat([real, -imaginary], dim=1), weights["out.bias"])

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`; a complex product counts as four real ones."""
        v = self.channels
        return v * (self.shape.d_in + 4 * (self.shape.depth - 1) * v + 2 * self.shape.d_out)


def _complex_as_real(weight: Tensor) -> Tensor:
    """The real form of complex matrices, for stacked (real, imaginary) channels: (B, 2, v, v) -> (B, 2v, 2v)."""
    real, imaginary = weight.unbind(1)
    return torch.cat([torch.cat([real, imaginary], dim=2), torch.cat([-imaginary, real], dim=2)], dim=1)


class _WaveletContext(FunctionCtx):
    """What the forward pass leaves for the backward pass."""

    limited: Tensor | None
    c: float
    saved_tensors: tuple[Tensor, Tensor]


class _Wavelet(torch.autograd.Function):
    """exp(j zeta - c |zeta|^2) with zeta = p + j q = omega z, c = (sigma / omega)^2, and a limit on the exponent.

    The magnitude is m = exp(-q - c (p^2 + q^2)) and the result is u + j v = m cos p + j m sin p. The derivatives follow
    from u and v, so the backward pass computes no cosine and no exponential: it is 3 times as fast as autograd's.
    """

    @staticmethod
    def forward(ctx: _WaveletContext, zeta: Tensor, c: float) -> Tensor:
        """`(B, 2v, n)` -> `(B, 2v, n)`."""
        v = zeta.shape[1] // 2
        p, q = zeta[:, :v], zeta[:, v:]
        exponent = (p * p).addcmul_(q, q).mul_(-c).sub_(q)
        ctx.limited = exponent > _MAX_EXPONENT if 1 / (4 * c) > _MAX_EXPONENT else None
        magnitude = exponent.clamp_(_MIN_EXPONENT, _MAX_EXPONENT).exp_()
        torch.threshold_(magnitude, math.exp(_MIN_EXPONENT) * (1 + 1e-5), 0.0)
        out = torch.empty_like(zeta)
        torch.cos(p, out=out[:, :v]).mul_(magnitude)
        torch.sin(p, out=out[:, v:]).mul_(magnitude)
        ctx.save_for_backward(zeta, out)
        ctx.c = c
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: _WaveletContext, grad: Tensor) -> tuple[Tensor, None]:
        """The gradients are -2 c p s + t for p and -(1 + 2 c q) s for q, with s = <grad, out> and t = <grad, j out>."""
        zeta, out = ctx.saved_tensors
        v = zeta.shape[1] // 2
        along = (grad[:, :v] * out[:, :v]).addcmul_(grad[:, v:], out[:, v:])
        across = (grad[:, v:] * out[:, :v]).addcmul_(grad[:, :v], out[:, v:], value=-1)
        if ctx.limited is not None:
            along.masked_fill_(ctx.limited, 0.0)
        result = torch.empty_like(zeta)
        torch.mul(zeta[:, :v], along, out=result[:, :v]).mul_(-2 * ctx.c).add_(across)
        torch.mul(zeta[:, v:], -2 * ctx.c, out=result[:, v:]).sub_(1).mul_(along)
        return result, None


FIELD = Wire
