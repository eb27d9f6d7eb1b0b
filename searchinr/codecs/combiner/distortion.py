"""The distortion of B signals under given weights, and its gradient in them.

Notation used for tensor shapes: B signals, n weights.
"""

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.combiner.network import SineNetwork
from searchinr.codecs.fitting.layouts import Targets
from searchinr.codecs.fitting.objective import SingleNetwork, Step
from searchinr.codecs.fitting.points import Points


class Distortion:
    """The mean squared errors of B signals of one layout, each of which has a network of its own.

    Attributes:
        network: The form of these networks.
        points: All, with the features of their coordinates in place of these, unless an observation stands between.
    """

    def __init__(self, network: SineNetwork, targets: Targets, batch_fraction: float) -> None:
        """Takes the form of the signals' networks, the signals, and which fraction of the points each step uses."""
        self.network = network
        # Features can be held only where they are those of the points, and not of an observation's queries.
        observation = targets.observation
        self.points = targets.points.seen(network.seen) if observation is None else targets.points
        queries = 1 if observation is None else observation.queries_per_point
        self._macs_per_point = queries * network.macs_per_point()
        self._batch = max(1, round(batch_fraction * self.points.count))
        self._objective = SingleNetwork(
            network.of_features if observation is None else network.forward,
            macs_per_point=network.macs_per_point(),
            elements_per_point=network.shape.width,
            observation=observation,
        )

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return self.points.device

    def batch(self, rng: torch.Generator | np.random.Generator) -> Points:
        """The points of a step: all, or some drawn anew."""
        count = self.points.count
        if self._batch == count:
            return self.points
        if isinstance(rng, torch.Generator):
            index = torch.randint(count, (self._batch,), generator=rng, device=self.device)
        else:
            index = torch.from_numpy(rng.integers(count, size=self._batch)).to(self.device)
        return self.points.drawn(index)

    def gradient(self, weights: Tensor, batch: Points) -> Tensor:
        """The gradient of the sum of the signals' mean squared errors in their weights, `(B, n)`."""
        leaves = {name: part.detach().requires_grad_() for name, part in self.network.split(weights).items()}
        self._objective.backward(leaves, batch, Step("mse", np.random.default_rng(0)))  # which draws nothing
        return self.network.join({name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None})

    def errors(self, weights: Tensor, batch: Points) -> Tensor:
        """Mean squared errors, `(B,)`, under weights `(B, n)`."""
        signals = torch.arange(len(weights), device=weights.device)
        return self._objective.losses(self.network.split(weights), batch, signals, loss="mse").error

    def macs(self, batch: Points, *, passes: int) -> float:
        """Multiply-accumulates of forward passes over a batch; a backward pass counts for two."""
        return float(passes * self._macs_per_point * batch.signals * batch.count)
