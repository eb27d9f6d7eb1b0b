"""What a fit of latent grids minimises: each signal's error, and its bits.

    latents -> rounded -> linear decoder -> table -> interpolated at the points -> network -> values

Only the network works in tiles of points: the other parts are run once a step, forward and backward.

Points come last, so that the network is a product of matrices with long rows, and no layer is transposed.

Notation used for tensor shapes: B signals, k of them, m points of a step or a tile, c channels, E entries, D latent
dimensions, F features, L levels.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from searchinr.codecs.fields.hashgrid import Hashgrid
from searchinr.codecs.fields.interpolation import FixedPoints, gather
from searchinr.codecs.fitting.objective import (
    Evaluated,
    Objective,
    Step,
    gradient_divisor,
    loss_of,
    weighted_squares,
)
from searchinr.codecs.fitting.points import Part, Points
from searchinr.codecs.fitting.rounding import Rounding, rounded
from searchinr.codecs.fitting.tiles import Chunks, Tiling, tiling
from searchinr.codecs.params.network_params import LossName
from searchinr.codecs.shacira.rate import RateModel
from searchinr.signals.observation import Observation

LATENTS, DECODER = "latents", "decoder.weight"
"""Names of two of the weights: `(B, E, D)`, and the linear decoder that all levels share, `(B, D, F)`.

The decoder has no offset: interpolation would carry it to the first layer of the network, which has one.
"""

_TILES = 4  # as one: matrices with so few rows want longer ones (8 photographs at 192 x 288: a fifth off the time)
_SAMPLED_POINTS = 2**15  # at a time, where all points are looked at and there are no matrices


class LatentGrid(Objective):
    """The error of a hash grid whose table is decoded from latents, and the latents' rate."""

    def __init__(
        self,
        field: Hashgrid,
        rate: RateModel,
        *,
        fixed: FixedPoints | None,
        rounding: Rounding,
        bit_weight: float,
        ste_fraction: float,
        level_dropout: float,
        observation: Observation | None = None,
    ) -> None:
        """Takes what does not change.

        Args:
            field: The hash grid.
            rate: Of the latents.
            fixed: Interpolation at the points of every step, in order; None where points are drawn.
            rounding: How latents become integers in training.
            bit_weight: What one bit adds to the loss of a signal.
            ste_fraction: Last part of a branch in which every rounding is straight through.
            level_dropout: Probability that a step sees the coarse levels only, down to one that is drawn.
            observation: What stands between the network and the values of points, if something does.
        """
        self._observation = observation
        self._queries = 1 if observation is None else observation.queries_per_point
        self._field, self._rate, self._fixed = field, rate, fixed
        self._rounding, self._ste_fraction, self._level_dropout = rounding, ste_fraction, level_dropout
        self._bit_weight = bit_weight

    def backward(self, weights: Mapping[str, Tensor], points: Points, step: Step) -> Evaluated:
        """See `Objective.backward`; roundings and the levels left out are drawn."""
        annealing = 1 - self._ste_fraction
        annealed, drawn = step.annealed, step.generator(points)
        latents = rounded(
            weights[LATENTS], self._rounding, annealed / annealing if annealed < annealing else 1.0, drawn
        )
        table = latents @ weights[DECODER]  # (B, E, F)
        if step.rng.random() < self._level_dropout:
            table = self._without_fine_levels(table, int(step.rng.integers(1, len(self._field.grid.levels) + 1)))
        part = points.all()
        queries = self._asked(part.coords, drawn)
        features = self._interpolated(table, queries)  # (B, L * F, m * q)
        tiles = self._tiling(points)
        squared_error, gradient = self._backward_of_network(weights, features.detach(), part, queries, tiles)
        divisor = gradient_divisor(squared_error, points, step.loss)
        for weight in weights.values():
            if weight.grad is not None:
                weight.grad /= divisor.view(-1, *[1] * (weight.dim() - 1))
        rate = self._bit_weight * self._rate.bits(weights, latents).sum()
        gradient /= divisor.view(-1, 1, 1)
        torch.autograd.backward([features, rate], [gradient, None])
        return Evaluated(squared_error, 3 * self._macs(weights, points.count))

    def _backward_of_network(
        self, weights: Mapping[str, Tensor], features: Tensor, part: Part, queries: Tensor, tiles: Tiling
    ) -> tuple[Tensor, Tensor]:
        """Squared errors `(B,)`, and their gradients by the features `(B, L * F, m * q)`; others are left in `grad`."""
        squared_error = torch.zeros(len(features), device=features.device)
        gradient = torch.empty_like(features)
        chunks = Chunks(weights, tiles.signals)
        for few, network in chunks:
            cut = self._tiles(features[few], part.of(few), queries, tiles.points)
            into = torch.split(gradient[few], tiles.points * self._queries, dim=2)
            for (seen, tile, asked), of_features in zip(cut, into, strict=True):
                error = self._errors(network, seen.requires_grad_(), tile, asked)  # (k,)
                torch.autograd.backward(error.sum())
                assert seen.grad is not None
                of_features.copy_(seen.grad)
                squared_error[few] += error.detach()
        chunks.gather_gradients()
        return squared_error, gradient

    def _tiles(self, features: Tensor, part: Part, queries: Tensor, tile: int) -> Iterator[tuple[Tensor, Part, Tensor]]:
        """Features, points and queries, so many points at a time."""
        for start in range(0, len(part.coords), tile):
            few, asked = slice(start, start + tile), slice(start * self._queries, (start + tile) * self._queries)
            weights = None if part.weights is None else part.weights[:, few]
            yield features[:, :, asked], Part(part.coords[few], part.values[:, few], weights), queries[asked]

    def _errors(self, weights: dict[str, Tensor], features: Tensor, part: Part, queries: Tensor) -> Tensor:
        """Squared errors of points, `(B,)`, from features `(B, L * F, m * q)`."""
        outputs = self._field.network(weights, features)  # (B, d_out, m * q)
        if self._observation is None:
            error = outputs - part.values.mT  # (B, c, m)
        else:
            error = (self._observation.values(part.coords, queries, outputs.mT) - part.values).mT
        counts = None if part.weights is None else part.weights.mT  # (B, 1, m)
        return weighted_squares(error, counts).sum(dim=(1, 2))

    def _asked(self, coords: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Where the network is asked for the values of points: `(m, d)` -> `(m * q, d_in)`."""
        return coords if self._observation is None else self._observation.queries(coords, rng)

    @torch.no_grad()
    def losses(self, weights: Mapping[str, Tensor], points: Points, signals: Tensor, *, loss: LossName) -> Evaluated:
        """See `Objective.losses`: of the hard-rounded latents, with what their bits add."""
        latents = weights[LATENTS].round()
        table = latents @ weights[DECODER]  # (k, E, F)
        squared_error = torch.zeros(len(signals), device=points.device)
        tile, at_a_time = self._tiling(points)
        chunks = Chunks(weights, at_a_time)
        at_once = points.count if self._fixed is not None else max(1, _SAMPLED_POINTS // self._queries)
        for part in points.tiles(at_once):
            queries = self._asked(part.coords)
            features = self._interpolated(table, queries)  # (k, L * F, m * q)
            for few, network in chunks:
                for seen, some, asked in self._tiles(features[few], part.of(signals[few]), queries, tile):
                    squared_error[few] += self._errors(network, seen, some, asked)
        losses = loss_of(squared_error / points.values_each, loss)
        bits = self._rate.bits(weights, latents)
        return Evaluated(losses + self._bit_weight * bits, self._macs(weights, points.count))

    def _tiling(self, points: Points) -> Tiling:
        elements = max(self._field.inputs, self._field.shape.width)
        return tiling(points, self._queries * elements, enlarged=_TILES)

    def _interpolated(self, table: Tensor, coords: Tensor) -> Tensor:
        """`(B, E, F)` -> `(B, L * F, m)`."""
        return gather(self._field.grid, table, coords).mT if self._fixed is None else self._fixed(table)

    def _without_fine_levels(self, table: Tensor, kept: int) -> Tensor:
        """What is left of the tables where only so many levels are: the decoder makes zeros of missing latents."""
        is_kept = torch.arange(table.shape[1], device=table.device) < self._field.grid.starts[kept]  # (E,)
        return table * is_kept.view(1, -1, 1)

    def _macs(self, weights: Mapping[str, Tensor], points: int) -> float:
        """Of one forward pass; the decoder's work is there once for each entry."""
        decoder = weights[DECODER]  # (B, D, F)
        asked = points * self._queries
        return len(decoder) * asked * self._field.macs_per_point() + self._field.grid.entries * decoder.numel()
