"""What the backbones share: the tensors of affine maps, and the initialisations that papers refer to."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from searchinr.codecs.fields.contract import FieldShape, Role, TensorSpec


def affine_specs(name: str, n_in: int, n_out: int, role: Role) -> tuple[TensorSpec, TensorSpec]:
    """The two tensors of an affine map: `{name}.weight` `(n_in, n_out)` and `{name}.bias` `(n_out,)`.

    Biases of hidden layers have a role of their own; those of the first and the last layer are as their weights.
    """
    of_bias: Role = "bias" if role == "hidden" else role
    return TensorSpec(f"{name}.weight", (n_in, n_out), role), TensorSpec(f"{name}.bias", (n_out,), of_bias)


def uniform(rng: torch.Generator, shape: tuple[int, ...], bound: float) -> Tensor:
    """A tensor of `shape` drawn from U(-bound, bound)."""
    return (2 * torch.rand(shape, generator=rng) - 1) * bound


def fan_in_bound(n_in: int) -> float:
    """1/sqrt(n_in): the bound of the weights and biases of a PyTorch `Linear` that nobody has initialised."""
    return 1 / math.sqrt(n_in)


def perceptron_specs(shape: FieldShape, n_in: int, first: Role = "first") -> list[TensorSpec]:
    """The tensors of a plain perceptron: `layer0` to `layer{depth - 1}`, and the linear layer `out`.

    Args:
        shape: Depth, width and values per point.
        n_in: Inputs of the first layer.
        first: Role of the first layer.
    """
    specs = [*affine_specs("layer0", n_in, shape.width, first)]
    for layer in range(1, shape.depth):
        specs += affine_specs(f"layer{layer}", shape.width, shape.width, "hidden")
    return [*specs, *affine_specs("out", shape.width, shape.d_out, "last")]


def perceptron_macs(shape: FieldShape, n_in: int) -> int:
    """Multiply-accumulates of such a perceptron at one point."""
    return shape.width * (n_in + (shape.depth - 1) * shape.width + shape.d_out)


def pytorch_init(specs: Iterable[TensorSpec], rng: torch.Generator) -> dict[str, Tensor]:
    """Affine maps as PyTorch initialises them: weights and biases alike, by the inputs of their layer."""
    weights, n_in = {}, 0
    for name, shape, _ in specs:
        n_in = shape[0] if name.endswith(".weight") else n_in  # a bias follows its weight
        weights[name] = uniform(rng, shape, fan_in_bound(n_in))
    return weights
