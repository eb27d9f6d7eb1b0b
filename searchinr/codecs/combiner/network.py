"""The network: sines on Fourier features, its weights as one vector.

Notation used for tensor shapes: B signals, m points, E features, n weights, c channels.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import FieldParams, FieldShape
from searchinr.codecs.fields.layers import fan_in_bound, uniform
from searchinr.codecs.fields.perceptron import Perceptron
from searchinr.codecs.fitting.layouts import field_shape
from searchinr.signals.signal import Layout


class SineNetwork(Perceptron):
    """sin(W x + b) in every hidden layer, a linear last layer, on cosines and sines of the coordinates.

    SIREN's factor omega is part of the weights, so that those of all layers have one magnitude, like their inputs.
    Frequencies are the same along each axis. They begin with one period over the signal and are equally spaced on a
    logarithmic scale, as in COMBINER's code. Nothing depends on a signal's size, so that all sizes can share a prior.

    Attributes:
        size: n.
    """

    def __init__(self, shape: FieldShape, features: int, max_frequency: float) -> None:
        """The network, whose first layer sees a cosine and a sine of each of so many frequencies along each axis.

        The highest frequency is given in periods over the signal.
        """
        super().__init__(shape, FieldParams())
        exponents = torch.arange(features, dtype=torch.float64) / max(1, features - 1)
        self._frequencies = max(1.0, max_frequency) ** exponents  # (E / (2 axes),)
        self._inputs = 2 * shape.d_in * features
        self.size = sum(math.prod(spec.shape) for spec in self.tensors())

    @classmethod
    def of(cls, layout: Layout, depth: int, width: int, features: int, max_frequency: float) -> "SineNetwork":
        """The network for signals of a layout."""
        return cls(field_shape(layout, depth, width), features, max_frequency)

    @property
    def inputs(self) -> int:
        """See `Perceptron.inputs`."""
        return self._inputs

    def seen(self, coords: Tensor) -> Tensor:
        """See `Perceptron.seen`; phases of long clips need 64 bits."""
        extent = torch.tensor(self.shape.extent, dtype=torch.float64, device=coords.device)
        phases = math.pi * (coords.double() / extent).unsqueeze(-1) * self._frequencies.to(coords.device)
        waves = torch.cat([phases.cos(), phases.sin()], dim=-1)  # (m, axes, E / axes)
        return waves.flatten(1).float()

    def nonlinear(self, layer: int, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See `Perceptron.nonlinear`."""
        return torch.sin(affine(hidden, weight, bias))

    def of_features(self, weights: dict[str, Tensor], features: Tensor) -> Tensor:
        """What `forward` gives, from what `seen` gives."""
        *_, last = self.layers_on(features, weights)
        return self.output(weights, last)

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Field.init`: SIREN's for its hidden layers, in all but the last."""
        weights, n_in = {}, 0
        for name, shape, role in self.tensors():
            n_in = shape[0] if name.endswith(".weight") else n_in  # a bias comes after its weight
            is_hidden = name.endswith(".weight") and role != "last"
            weights[name] = uniform(rng, shape, math.sqrt(6 / n_in) if is_hidden else fan_in_bound(n_in))
        return weights

    def split(self, vectors: Tensor) -> dict[str, Tensor]:
        """`(B, n)` -> `{name: (B, *shape)}`."""
        sizes = [math.prod(spec.shape) for spec in self.tensors()]
        parts = zip(self.tensors(), torch.split(vectors, sizes, dim=1), strict=True)
        return {spec.name: part.reshape(-1, *spec.shape) for spec, part in parts}

    def join(self, weights: Mapping[str, Tensor]) -> Tensor:
        """`{name: (B, *shape)}` -> `(B, n)`."""
        return torch.cat([weights[spec.name].flatten(1) for spec in self.tensors()], dim=1)

    @property
    def layer_sizes(self) -> list[int]:
        """Weights of each layer, its biases among them, in the order of the vector."""
        sizes = [math.prod(spec.shape) for spec in self.tensors()]
        return [weight + bias for weight, bias in zip(sizes[::2], sizes[1::2], strict=True)]

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`; the phases of the features count as well."""
        return self._inputs // 2 + super().macs_per_point()
