"""A plain perceptron on what it sees of coordinates: the form of most backbones."""

from collections.abc import Iterator

import torch
from torch import Tensor

from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import Between, Field, Role, TensorSpec, unchanged
from searchinr.codecs.fields.layers import perceptron_macs, perceptron_specs, pytorch_init


class Perceptron(Field):
    """Layers of one width behind each other, on the coordinates themselves unless `seen` says otherwise.

    Attributes:
        first: Role of the first layer's weights: ``"hidden"`` where it sees features and not coordinates.
    """

    first: Role = "first"

    @property
    def inputs(self) -> int:
        """Inputs of the first layer."""
        return self.shape.d_in

    def seen(self, coords: Tensor) -> Tensor:
        """What the first layer sees of coordinates, `(n, d_in)` -> `(n, inputs)`."""
        return coords

    def nonlinear(self, layer: int, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """What a layer makes of what it sees, `(B, n, w)`: ReLU by default."""
        return affine(hidden, weight, bias).relu_()

    def tensors(self) -> list[TensorSpec]:
        """See `Field.tensors`."""
        return perceptron_specs(self.shape, self.inputs, self.first)

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Field.init`: PyTorch's default."""
        return pytorch_init(self.tensors(), rng)

    def layers(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Iterator[Tensor]:
        """See `Field.layers`."""
        return self.layers_on(self.seen(coords), weights, between)

    def layers_on(self, seen: Tensor, weights: dict[str, Tensor], between: Between = unchanged) -> Iterator[Tensor]:
        """The same, from what the first layer sees: `(n, inputs)`, or `(B, n, inputs)`."""
        hidden = seen
        for layer in range(self.shape.depth):
            weight, bias = weights[f"layer{layer}.weight"], weights[f"layer{layer}.bias"]
            hidden = between(layer, self.nonlinear(layer, hidden, weight, bias))
            yield hidden  # (B, n, w)

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`."""
        return perceptron_macs(self.shape, self.inputs)
