"""What the backbones share: affine maps batched over signals, and the initialisations that papers refer to."""

import math
from typing import Literal

import torch
from torch import Tensor

from searchinr.codecs.fields.contract import TensorSpec


def affine(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """One affine map per signal.

    Args:
        inputs: `(n, d)` shared by all signals (not copied for each), or `(B, n, d)`.
        weight: `(B, d, w)`.
        bias: `(B, w)`.

    Returns:
        `(B, n, w)`.
    """
    return torch.baddbmm(bias.unsqueeze(1), inputs.expand(weight.shape[0], -1, -1), weight)


def affine_specs(
    name: str, n_in: int, n_out: int, role: Literal["hidden", "edge", "table"]
) -> tuple[TensorSpec, TensorSpec]:
    """The two tensors of an affine map: `{name}.weight` `(n_in, n_out)` and `{name}.bias` `(n_out,)`."""
    return TensorSpec(f"{name}.weight", (n_in, n_out), role), TensorSpec(f"{name}.bias", (n_out,), role)


def uniform(rng: torch.Generator, shape: tuple[int, ...], bound: float) -> Tensor:
    """A tensor of `shape` drawn from U(-bound, bound)."""
    return (2 * torch.rand(shape, generator=rng) - 1) * bound


def fan_in_bound(n_in: int) -> float:
    """1/sqrt(n_in): the bound of the weights and biases of a PyTorch `Linear` that nobody has initialised."""
    return 1 / math.sqrt(n_in)
