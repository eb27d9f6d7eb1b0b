"""The distortion of B signals under given weights, and its gradient in them.

Notation used for tensor shapes: B signals, m points of a step, n weights, c channels.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.combiner.network import SineNetwork
from searchinr.codecs.layouts import Targets
from searchinr.codecs.objective import SingleNetwork


class Batch(NamedTuple):
    """The points of a step.

    Attributes:
        features: Of their coordinates, `(m, E)`.
        values: What the signals have there, `(B, m, c)`.
    """

    features: Tensor
    values: Tensor


class Distortion:
    """Mean squared errors of B signals of one layout, each about its own network.

    Attributes:
        network: Theirs.
        all: All points.
    """

    def __init__(self, network: SineNetwork, targets: Targets, batch_fraction: float) -> None:
        """Takes what is fitted.

        Args:
            network: Theirs.
            targets: The signals.
            batch_fraction: Points used in each step, as a fraction of all.
        """
        self.network = network
        self.all = Batch(network.features(targets.coords), targets.values)
        self._points = max(1, round(batch_fraction * len(targets.coords)))
        self._objective = SingleNetwork(
            lambda weights, features: network.forward(weights, features),
            macs_per_point=network.macs_per_point,
            elements_per_point=network.elements_per_point,
        )

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return self.all.values.device

    def batch(self, rng: torch.Generator | np.random.Generator) -> Batch:
        """The points of a step: all, or some drawn anew."""
        count = len(self.all.features)
        if self._points == count:
            return self.all
        if isinstance(rng, torch.Generator):
            index = torch.randint(count, (self._points,), generator=rng, device=self.device)
        else:
            index = torch.from_numpy(rng.integers(count, size=self._points)).to(self.device)
        return Batch(self.all.features.index_select(0, index), self.all.values.index_select(1, index))

    def gradient(self, weights: Tensor, batch: Batch) -> Tensor:
        """The gradient of the sum of the signals' mean squared errors in their weights, `(B, n)`."""
        leaves = {name: part.detach().requires_grad_() for name, part in self.network.split(weights).items()}
        self._objective.backward(leaves, *batch, loss="mse", rng=np.random.default_rng(0))  # which draws nothing
        return self.network.join({name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None})

    def errors(self, weights: Tensor, batch: Batch) -> Tensor:
        """Mean squared errors, `(B,)`, under weights `(B, n)`."""
        signals = torch.arange(len(weights), device=weights.device)
        return self._objective.losses(self.network.split(weights), *batch, signals, loss="mse").error

    def macs(self, batch: Batch, *, passes: int) -> float:
        """Multiply-accumulates of forward passes over a batch; a backward pass counts for two."""
        return float(passes * self.network.macs_per_point * batch.values.shape[0] * batch.values.shape[1])
