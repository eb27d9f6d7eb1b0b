"""A fit minimises the sum of the signals' losses; an objective computes the gradient of this sum.

Notation used for tensor shapes: B signals, k of them, m points of a tile, c channels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.fitting.points import Part, Points
from searchinr.codecs.fitting.tiles import Chunks, tiling
from searchinr.codecs.params.network_params import LossName
from searchinr.signals.observation import Observation

Forward = Callable[[dict[str, Tensor], Tensor], Tensor]
"""The function of a network: `(weights, coords (m, d)) -> (B, m, c)`."""

MSE_FLOOR = torch.finfo(torch.float32).eps ** 2  # rounding alone leaves this much; log MSE has no gradient at 0


class Evaluated(NamedTuple):
    """The result of an evaluation, beside the gradients.

    Attributes:
        error: Error of each signal, by a measure that the objective chooses; it must be finite.
        macs: Multiply-accumulates spent, backward passes included.
    """

    error: Tensor
    macs: float


@dataclass(frozen=True)
class Step:
    """A step of training, as far as it changes what is minimised.

    Attributes:
        loss: The loss of a signal.
        rng: Source of the random numbers of this step.
        annealed: How much of a rung's branch is done, 0 to 1; it is 0 on the trunk.
    """

    loss: LossName
    rng: np.random.Generator
    annealed: float = 0.0

    def generator(self, points: Points) -> torch.Generator:
        """A generator of the step's random numbers on the device of its points."""
        return torch.Generator(points.device).manual_seed(int(self.rng.integers(2**62)))


class Objective(ABC):
    """Computes gradients. It holds no weights, so that all branches of a fit can share it."""

    @abstractmethod
    def backward(self, weights: Mapping[str, Tensor], points: Points, step: Step) -> Evaluated:
        """Computes the gradient of the sum of the signals' losses and leaves it in the `grad` of the weights.

        Args:
            weights: Leaves of the autograd graph that have no `grad` yet, `{name: (B, ...)}`.
            points: The points that this step uses.
            step: Everything else that the step depends on.
        """

    def losses(self, weights: Mapping[str, Tensor], points: Points, signals: Tensor, *, loss: LossName) -> Evaluated:
        """Computes the losses of some signals, `(k,)`, as `Evaluated.error`; only if each signal has one network.

        Args:
            weights: Weights of these signals, `{name: (k, ...)}`.
            points: Points of all signals.
            signals: The numbers of these signals, `(k,)`, int64.
            loss: The loss of a signal.
        """
        raise NotImplementedError("a loss of many networks says nothing about one of them")


class SingleNetwork(Objective):
    """One network for each signal. Squared errors are added up over tiles of points, so that memory is bounded."""

    def __init__(
        self,
        forward: Forward,
        *,
        macs_per_point: int,
        elements_per_point: int,
        observation: Observation | None = None,
    ) -> None:
        """Takes the network's function and, if there is one, the observation between it and the values of points.

        `macs_per_point` are those of one forward pass of one signal at one place, and `elements_per_point` is the width
        of the largest activation, from which the size of tiles follows.
        """
        queries = 1 if observation is None else observation.queries_per_point
        self._forward, self._observation = forward, observation
        self._macs_per_point, self._elements_per_point = queries * macs_per_point, queries * elements_per_point

    def backward(self, weights: Mapping[str, Tensor], points: Points, step: Step) -> Evaluated:
        """See `Objective.backward`. Nothing is annealed; the only random numbers are the queries of an observation."""
        draws = None if self._observation is None else step.generator(points)
        tile, at_a_time = tiling(points, self._elements_per_point)
        chunks = Chunks(weights, at_a_time)
        squared_error = torch.zeros(points.signals, device=points.device)
        for part in points.tiles(tile):
            queries = self._asked(part.coords, draws)
            for few, network in chunks:
                error = self._errors(network, part.of(few), queries)  # (k,)
                torch.autograd.backward(error.sum())
                squared_error[few] += error.detach()
        chunks.gather_gradients()
        divisor = gradient_divisor(squared_error, points, step.loss)
        for weight in weights.values():
            if weight.grad is not None:
                weight.grad /= divisor.view(-1, *[1] * (weight.dim() - 1))
        macs = self._macs_per_point * points.signals * points.count
        return Evaluated(squared_error, 3 * macs)  # a backward pass costs two forward passes

    def _asked(self, coords: Tensor, draws: torch.Generator | None = None) -> Tensor:
        """The places at which the networks are evaluated for the values of points: `(m, d)` -> `(m * q, d_in)`."""
        return coords if self._observation is None else self._observation.queries(coords, draws)

    def _errors(self, network: dict[str, Tensor], part: Part, queries: Tensor) -> Tensor:
        """Squared errors, `(k,)`, of the signals to which these weights and points belong."""
        found = self._forward(network, queries)  # (k, m * q, d_out)
        if self._observation is not None:
            found = self._observation.values(part.coords, queries, found)  # (k, m, c)
        return weighted_squares(found - part.values, part.weights).sum(dim=(1, 2))

    @torch.no_grad()
    def losses(self, weights: Mapping[str, Tensor], points: Points, signals: Tensor, *, loss: LossName) -> Evaluated:
        """See `Objective.losses`."""
        tile, at_a_time = tiling(points, self._elements_per_point)
        chunks = Chunks(weights, at_a_time)
        squared_error = torch.zeros(len(signals), device=points.device)
        for part in points.tiles(tile):
            queries = self._asked(part.coords)
            for few, network in chunks:
                squared_error[few] += self._errors(network, part.of(signals[few]), queries)
        losses = loss_of(squared_error / points.values_each, loss)
        return Evaluated(losses, self._macs_per_point * len(signals) * points.count)


def weighted_squares(error: Tensor, weights: Tensor | None) -> Tensor:
    """Squared errors of any shape, multiplied by the weights of the points if there are any."""
    return error.square() if weights is None else error.square() * weights


def gradient_divisor(squared_error: Tensor, points: Points, loss: LossName) -> Tensor:
    """The divisor, `(B,)`, that turns the gradient of squared errors into that of losses: d log(E) = dE / E."""
    if loss == "mse":
        return torch.full_like(squared_error, points.values_each)
    return squared_error.clamp_min(MSE_FLOOR * points.values_each)


def loss_of(mse: Tensor, loss: LossName) -> Tensor:
    """The losses of signals with these MSEs."""
    return mse if loss == "mse" else mse.clamp_min(MSE_FLOOR).log()


def bit_weight(lambda_: float, loss: LossName, points: int) -> float:
    """What one bit adds to the loss of a signal of so many samples, `loss_of` its MSE.

    A user says by `lambda` what a bit per sample adds. With `loss: mse` that is on the scale of the field (Cool-Chic,
    C3, published tables), where the values of a signal lie in [0, 1]. The values that are fitted lie in [-1, 1], so
    their MSE is four times as large, and so is the weight of a bit. The logarithm of the MSE differs between the scales
    by a constant alone, so lambda is the weight there as it stands.

    COMBINER weights the KL divergence, in bits per sample as well, by `beta`, against the MSE of values in [-1, 1]. So
    a bit has the same price in both with beta = 4 lambda.
    """
    return (4 * lambda_ if loss == "mse" else lambda_) / points
