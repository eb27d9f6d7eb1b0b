"""A plain perceptron on coordinates or on features of them, which is the form of most backbones."""

from collections.abc import Iterator

import torch
from torch import Tensor

from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import Between, Field, Role, TensorSpec, unchanged
from searchinr.codecs.fields.layers import affine_specs, pytorch_init


class Perceptron(Field):
    """A chain of layers of one width; the first takes the coordinates, or the features of them that `seen` computes.

    Attributes:
        first: Role of the first layer's weights; it is ``"hidden"`` if the inputs are features, not coordinates.
    """

    first: Role = "first"

    @property
    def inputs(self) -> int:
        """Number of inputs of the first layer."""
        return self.shape.d_in

    def seen(self, coords: Tensor) -> Tensor:
        """Computes the inputs of the first layer from coordinates, `(n, d_in)` -> `(n, inputs)`."""
        return coords

    def nonlinear(self, layer: int, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Applies a hidden layer to its inputs and gives activations, `(B, n, w)`; with ReLU by default."""
        return affine(hidden, weight, bias).relu_()

    def tensors(self) -> list[TensorSpec]:
        """See `Field.tensors`: `layer0` to `layer{depth - 1}`, and the linear layer `out`."""
        shape = self.shape
        specs = [*affine_specs("layer0", self.inputs, shape.width, self.first)]
        for layer in range(1, shape.depth):
            specs += affine_specs(f"layer{layer}", shape.width, shape.width, "hidden")
        return [*specs, *affine_specs("out", shape.width, shape.d_out, "last")]

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Field.init`; this is PyTorch's default."""
        return pytorch_init(self.tensors(), rng)

    def layers(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Iterator[Tensor]:
        """See `Field.layers`."""
        return self.layers_on(self.seen(coords), weights, between)

    def layers_on(self, seen: Tensor, weights: dict[str, Tensor], between: Between = unchanged) -> Iterator[Tensor]:
        """Computes `layers` from the inputs of the first layer, `(n, inputs)` or `(B, n, inputs)`."""
        hidden = seen
        for layer in range(self.shape.depth):
            weight, bias = weights[f"layer{layer}.weight"], weights[f"layer{layer}.bias"]
            hidden = between(layer, self.nonlinear(layer, hidden, weight, bias))
            yield hidden  # (B, n, w)

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`."""
        shape = self.shape
        return shape.width * (self.inputs + (shape.depth - 1) * shape.width + shape.d_out)
