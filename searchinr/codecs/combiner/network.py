"""The network: sines on Fourier features, its weights as one vector.

Notation used for tensor shapes: B signals, m points, E features, n weights, c channels.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.contract import FieldShape
from searchinr.codecs.fields.layers import fan_in_bound, perceptron_macs, perceptron_specs, uniform
from searchinr.codecs.fitting.layouts import field_shape
from searchinr.signals.signal import Layout


class SineNetwork:
    """sin(W x + b) in every hidden layer, a linear last layer, on cosines and sines of the coordinates.

    SIREN's factor omega is part of the weights, so that those of all layers have one magnitude, like their inputs.
    Frequencies are the same along each axis. They begin with one period over the signal and are equally spaced on a
    logarithmic scale, as in COMBINER's code. Nothing depends on a signal's size, so that all sizes can share a prior.

    Attributes:
        shape: Depth, width, axes and channels.
        size: n.
    """

    def __init__(self, shape: FieldShape, features: int, max_frequency: float) -> None:
        """The network.

        Args:
            shape: Depth, width, axes and channels.
            features: Frequencies along each axis; each gives the first layer a cosine and a sine.
            max_frequency: The highest, in periods over the signal.
        """
        self.shape = shape
        exponents = torch.arange(features, dtype=torch.float64) / max(1, features - 1)
        self._frequencies = max(1.0, max_frequency) ** exponents  # (E / (2 axes),)
        self._inputs = 2 * shape.d_in * features
        self._specs = perceptron_specs(shape, self._inputs)
        self.size = sum(math.prod(spec.shape) for spec in self._specs)

    @classmethod
    def of(cls, layout: Layout, depth: int, width: int, features: int, max_frequency: float) -> "SineNetwork":
        """The network for signals of a layout."""
        return cls(field_shape(layout, depth, width), features, max_frequency)

    def features(self, coords: Tensor) -> Tensor:
        """What the first layer sees at coordinates, `(m, axes)` -> `(m, E)`; phases of long clips need 64 bits."""
        extent = torch.tensor(self.shape.extent, dtype=torch.float64, device=coords.device)
        phases = math.pi * (coords.double() / extent).unsqueeze(-1) * self._frequencies.to(coords.device)
        waves = torch.cat([phases.cos(), phases.sin()], dim=-1)  # (m, axes, E / axes)
        return waves.flatten(1).float()

    def forward(self, weights: Mapping[str, Tensor], features: Tensor) -> Tensor:
        """Values `(B, m, c)` from `{name: (B, *shape)}` and features `(m, E)`."""
        hidden = features
        for layer in range(self.shape.depth):
            hidden = torch.sin(affine(hidden, weights[f"layer{layer}.weight"], weights[f"layer{layer}.bias"]))
        return affine(hidden, weights["out.weight"], weights["out.bias"])

    def at(self, weights: Mapping[str, Tensor], coords: Tensor) -> Tensor:
        """Values `(B, m, c)` at coordinates `(m, d)`."""
        return self.forward(weights, self.features(coords))

    def init(self, rng: torch.Generator) -> Tensor:
        """Initial weights of one signal, `(n,)`: SIREN's for its hidden layers, in all but the last."""
        parts, n_in = [], 0
        for name, shape, role in self._specs:
            if name.endswith(".weight"):
                n_in = shape[0]
                bound = fan_in_bound(n_in) if role == "last" else math.sqrt(6 / n_in)
            else:
                bound = fan_in_bound(n_in)
            parts.append(uniform(rng, shape, bound).flatten())
        return torch.cat(parts)

    def split(self, vectors: Tensor) -> dict[str, Tensor]:
        """`(B, n)` -> `{name: (B, *shape)}`."""
        sizes = [math.prod(spec.shape) for spec in self._specs]
        parts = zip(self._specs, torch.split(vectors, sizes, dim=1), strict=True)
        return {spec.name: part.reshape(-1, *spec.shape) for spec, part in parts}

    def join(self, weights: Mapping[str, Tensor]) -> Tensor:
        """`{name: (B, *shape)}` -> `(B, n)`."""
        return torch.cat([weights[spec.name].flatten(1) for spec in self._specs], dim=1)

    @property
    def layer_sizes(self) -> list[int]:
        """Weights of each layer, its biases among them, in the order of the vector."""
        sizes = [math.prod(spec.shape) for spec in self._specs]
        return [weight + bias for weight, bias in zip(sizes[::2], sizes[1::2], strict=True)]

    @property
    def macs_per_point(self) -> int:
        """Multiply-accumulates of one forward pass at one point of one signal."""
        return self._inputs // 2 + perceptron_macs(self.shape, self._inputs)
