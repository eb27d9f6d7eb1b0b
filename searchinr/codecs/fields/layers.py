"""The common parts of the backbones: the tensors of affine maps, and the initialisations that papers refer to."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from searchinr.codecs.fields.contract import Role, TensorSpec


def affine_specs(name: str, n_in: int, n_out: int, role: Role) -> tuple[TensorSpec, TensorSpec]:
    """Describes the two tensors of an affine map: `{name}.weight` `(n_in, n_out)` and `{name}.bias` `(n_out,)`.

    Biases of hidden layers have a role of their own; biases of the first and the last layer have that of the weights.
    """
    of_bias: Role = "bias" if role == "hidden" else role
    return TensorSpec(f"{name}.weight", (n_in, n_out), role), TensorSpec(f"{name}.bias", (n_out,), of_bias)


def uniform(rng: torch.Generator, shape: tuple[int, ...], bound: float) -> Tensor:
    """Draws a tensor of `shape` from U(-bound, bound)."""
    return (2 * torch.rand(shape, generator=rng) - 1) * bound


def fan_in_bound(n_in: int) -> float:
    """1/sqrt(n_in): the bound of the weights and biases that PyTorch gives a new `Linear`."""
    return 1 / math.sqrt(n_in)


def pytorch_init(specs: Iterable[TensorSpec], rng: torch.Generator) -> dict[str, Tensor]:
    """Initialises affine maps as PyTorch does: weights and biases have the same bound, set by the layer's inputs."""
    weights, n_in = {}, 0
    for name, shape, _ in specs:
        n_in = shape[0] if name.endswith(".weight") else n_in  # a bias comes after its weight
        weights[name] = uniform(rng, shape, fan_in_bound(n_in))
    return weights
