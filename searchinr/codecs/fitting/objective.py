"""What a fit minimises: the sum of the signals' losses, of which an objective computes the gradient.

Notation used for tensor shapes: B signals, k of them, m points of a tile, c channels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.fitting.points import Part, Points
from searchinr.codecs.fitting.tiles import Chunks, tiling
from searchinr.codecs.params.network_params import LossName
from searchinr.signals.observation import Observation

Forward = Callable[[dict[str, Tensor], Tensor], Tensor]
"""`(weights, coords (m, d)) -> (B, m, c)`."""

MSE_FLOOR = torch.finfo(torch.float32).eps ** 2  # what rounding alone leaves; log MSE has no gradient at 0


class Evaluated(NamedTuple):
    """What an evaluation gave beside gradients.

    Attributes:
        error: Of each signal, by some measure of the objective's; what must be finite.
        macs: Multiply-accumulates spent, backward passes included.
    """

    error: Tensor
    macs: float


class Objective(ABC):
    """Computes gradients. Holds no weights, so that a fit's branches share it."""

    @abstractmethod
    def backward(
        self,
        weights: Mapping[str, Tensor],
        points: Points,
        *,
        loss: LossName,
        rng: np.random.Generator,
        annealed: float = 0.0,
    ) -> Evaluated:
        """Leaves the gradient of the sum of the signals' losses in `grad` of the weights that it depends on.

        Args:
            weights: Leaves of the graph without a `grad`, `{name: (B, ...)}`.
            points: Those of the step.
            loss: Of a signal.
            rng: For what is drawn anew in each step.
            annealed: How much of a rung's branch is done, 0 to 1; on the trunk 0.
        """

    def losses(self, weights: Mapping[str, Tensor], points: Points, signals: Tensor, *, loss: LossName) -> Evaluated:
        """Losses of some signals, `(k,)`, as the `error` of what is returned. Only where one network is evaluated.

        Args:
            weights: Of these signals, `{name: (k, ...)}`.
            points: Of all signals.
            signals: Which these are, `(k,)`, int64.
            loss: Of a signal.
        """
        raise NotImplementedError("a loss of many networks says nothing about one of them")


class SingleNetwork(Objective):
    """One network for each signal; the squared error is added up over tiles of points, so that memory is bounded."""

    def __init__(
        self,
        forward: Forward,
        *,
        macs_per_point: int,
        elements_per_point: int,
        observation: Observation | None = None,
    ) -> None:
        """Takes the network.

        Args:
            forward: The network.
            macs_per_point: Of one forward pass of one signal at one place.
            elements_per_point: Width of the largest activation, by which the tiles are sized.
            observation: What stands between the network and the values of points, if something does.
        """
        queries = 1 if observation is None else observation.queries_per_point
        self._forward, self._observation = forward, observation
        self._macs_per_point, self._elements_per_point = queries * macs_per_point, queries * elements_per_point

    def backward(
        self,
        weights: Mapping[str, Tensor],
        points: Points,
        *,
        loss: LossName,
        rng: np.random.Generator,
        annealed: float = 0.0,
    ) -> Evaluated:
        """See `Objective.backward`. Nothing is annealed, and only an observation may draw its queries."""
        draws = None if self._observation is None else drawing(rng, points)
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
        divisor = gradient_divisor(squared_error, points, loss)
        for weight in weights.values():
            if weight.grad is not None:
                weight.grad /= divisor.view(-1, *[1] * (weight.dim() - 1))
        macs = self._macs_per_point * points.signals * points.count
        return Evaluated(squared_error, 3 * macs)  # forward, and backward for two

    def _asked(self, coords: Tensor, draws: torch.Generator | None = None) -> Tensor:
        """Where the networks of all signals are asked for the values of points: `(m, d)` -> `(m * q, d_in)`."""
        return coords if self._observation is None else self._observation.queries(coords, draws)

    def _errors(self, network: dict[str, Tensor], part: Part, queries: Tensor) -> Tensor:
        """Squared errors of the signals whose network and points are given, `(k,)`."""
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
    """Squared errors of any shape, multiplied by what each point counts, if points do not all count the same."""
    return error.square() if weights is None else error.square() * weights


def drawing(rng: np.random.Generator, points: Points) -> torch.Generator:
    """A generator of a step's random numbers on the device of its points."""
    return torch.Generator(points.device).manual_seed(int(rng.integers(2**62)))


def gradient_divisor(squared_error: Tensor, points: Points, loss: LossName) -> Tensor:
    """What divides the gradient of a signal's squared error into that of its loss, `(B,)`: d log(E) = dE / E."""
    if loss == "mse":
        return torch.full_like(squared_error, points.values_each)
    return squared_error.clamp_min(MSE_FLOOR * points.values_each)


def loss_of(mse: Tensor, loss: LossName) -> Tensor:
    """The losses of signals with these MSEs."""
    return mse if loss == "mse" else mse.clamp_min(MSE_FLOOR).log()
