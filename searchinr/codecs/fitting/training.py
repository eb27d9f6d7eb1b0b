"""Trains B signals at once with Adam on the gradients of an objective, and measures them at rungs.

The learning rate has a warm-up, a constant part and, for each rung, a decay of its own. All rungs share the constant
part (the trunk). For a rung, a branch leaves the trunk: its learning rate falls to zero, it learns to be quantised if
the quantiser learns, and it is measured; the trunk then goes on from where the branch left it. So the result of a rung
is that of a fit that was meant to end there, and measuring it does not affect later rungs. The price is the branches:
with a decay over the last half of the steps and rungs growing by 3, a fit to the last rung takes 25 % more steps than
without earlier rungs.

Notation used for tensor shapes: B signals, k of them.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.fitting.adam import Adam
from searchinr.codecs.fitting.nesting import nested, part_of
from searchinr.codecs.fitting.objective import Objective, Step, bit_weight
from searchinr.codecs.fitting.points import Points
from searchinr.codecs.params.network_params import LossName
from searchinr.codecs.quantize.contract import STEP, Quantizer
from searchinr.errors import TrialError

WARMUP_STEPS = 20
LARGE = 2**20
"""If a signal has more points than this, each step uses only some of them, unless the recipe says otherwise."""
POINTS_OF_LARGE = 2**18
"""The number of points that a step then uses (SHACIRA, section 4.1)."""
_MOST_COMPARED = 2**22
"""The most points on which states of a fit are compared; a comparison is as much work as some ten steps."""
_STEPS_AGAINST_RATE = 5.0
"""Factor of the learning rate of steps if the rate is part of the loss, since it moves steps by octaves. Without this
factor, files took 7 % more bytes at equal PSNR (SIREN 32 x 4, 1,000 steps with `lsq`, one seed)."""

_BEST, _LOSSES = "best", ":losses"


@dataclass(frozen=True)
class Recipe:
    """The settings of a training.

    Attributes:
        lr: Learning rate of the constant part.
        decay: Last fraction of a rung's steps, in which the learning rate falls to zero along a cosine.
        batch_fraction: Fraction of the points that each step draws; 1 stands for all points. None means all points or,
            if there are more than `LARGE`, `POINTS_OF_LARGE` of them.
        seed: Seed of the draws of points.
        loss: The loss of a signal: its MSE or the logarithm of its MSE.
        qat_fraction: Last fraction of a rung's steps, in which a quantiser that learns takes part.
        lambda_: What one bit per sample adds to a signal's loss while such a quantiser takes part; see `bit_weight`.
        keeps_weights: Whether such a quantiser does not change the weights. The learning rate then falls to zero before
            the quantiser takes part, and once more while it learns.
        lr_factors: Name of a weight -> factor by which its learning rate is multiplied, if it is not 1.
        keep_best_of: If it is not 0, the states that a decoder would have are compared after every so many of the last
            steps of a branch, and each signal takes its best; the objective must have `losses`. 0 takes the last state.
    """

    lr: float
    decay: float
    batch_fraction: float | None
    seed: int
    loss: LossName = "log_mse"
    qat_fraction: float = 0.0
    lambda_: float = 0.0
    keeps_weights: bool = False
    lr_factors: Mapping[str, float] = field(default_factory=dict)
    keep_best_of: int = 0

    def batch(self, points: int) -> int:
        """The number of points that each step uses, given the number of all points."""
        if self.batch_fraction is None:
            return points if points <= LARGE else POINTS_OF_LARGE
        return max(1, round(self.batch_fraction * points))

    def trunk_end(self, rung: int) -> int:
        """The step at which a rung's branch begins."""
        return min(self.decay_start(rung), self.qat_start(rung))

    def decay_start(self, rung: int) -> int:
        """The step at which a rung's decay begins."""
        end = self.weights_end(rung)
        return end - math.ceil(self.decay * end)

    def weights_end(self, rung: int) -> int:
        """The step after which the weights of a rung's branch do not change any more."""
        return self.qat_start(rung) if self.keeps_weights else rung

    def qat_start(self, rung: int) -> int:
        """The step from which on a rung's branch is quantised."""
        return rung - math.ceil(self.qat_fraction * rung)

    def trunk_lr(self, step: int) -> float:
        """Learning rate of a step of the trunk."""
        return self.lr * min(1.0, (step + 1) / WARMUP_STEPS)

    def branch_lr(self, step: int, rung: int) -> float:
        """Learning rate of a step of the branch to a rung."""
        start, end = self.decay_start(rung), self.weights_end(rung)
        if step >= end:
            start, end = end, rung
        passed = max(0, step - start + 1) / (end - start)
        return self.trunk_lr(step) * 0.5 * (1 + math.cos(math.pi * passed))


class BatchFit:
    """B signals with the same grid, trained together.

    Attributes:
        steps: Number of steps taken: on the trunk or, for a branch, on the trunk and the branch.
        macs: Multiply-accumulates spent: by the trunk or, for a branch, by the trunk before it and the branch.
    """

    def __init__(
        self,
        objective: Objective,
        weights: Mapping[str, Tensor],
        points: Points,
        recipe: Recipe,
    ) -> None:
        """Starts a fit of signals to points from initial weights, `{name: (B, ...)}`."""
        self._objective = objective
        self._points = points
        self._recipe = recipe
        self._batch = recipe.batch(points.count)
        self.steps = 0
        self.macs = 0.0
        self._error = torch.zeros(points.signals)
        self._quantizer: Quantizer | None = None
        self._adam = Adam(weights, points.device, recipe.lr_factors)
        self._best: dict[str, Tensor] = {}  # the weights of each signal's best state, and its loss

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights of the network or, if a quantiser takes part, its latents: `{name: (B, ...)}`."""
        return self._adam.weights

    @property
    def points_per_step(self) -> int:
        """The number of points that a step uses of all signals together."""
        return self._points.signals * self._batch

    @property
    def is_quantised(self) -> bool:
        """Whether `weights` are latents."""
        return self._quantizer is not None

    def quantise(self, quantizer: Quantizer) -> None:
        """Replaces the weights by the quantiser's latents, which are trained from here on."""
        before, self._quantizer = self._adam, quantizer
        latents = {**quantizer.beside(self.weights), **quantizer.start(self.weights)}
        factors = dict(self._recipe.lr_factors)
        if self._recipe.lambda_:
            factors |= {name: _STEPS_AGAINST_RATE for name in latents if name.endswith(STEP)}
        self._adam = Adam(latents, self._device, factors)
        self._adam.take_moments(before)

    def step(self, lr: float, progress: float = 0.0, annealed: float = 0.0) -> None:
        """Takes one step of Adam on the sum of the signals' losses.

        `progress` says how much of the quantisation-aware training is done, and `annealed` how much of a rung's branch,
        both from 0 to 1.
        """
        # The step's number seeds the draw, so that a resumed fit draws the same points as an uninterrupted one.
        rng = np.random.default_rng((self._recipe.seed, self.steps))
        points = self._sample(rng)
        self._adam.forget_gradients()
        values = self._values(progress)
        # The values are leaves, so that the graph between latents and values is run once, whatever the objective does.
        network = values if self._quantizer is None else {n: v.detach().requires_grad_() for n, v in values.items()}
        evaluated = self._objective.backward(network, points, Step(self._recipe.loss, rng, annealed))
        if self._quantizer is not None:
            self._backward_to_latents(self._quantizer, values, network, progress)
        self._adam.step(lr)
        self._error = evaluated.error
        self.steps += 1
        self.macs += evaluated.macs

    def _values(self, progress: float = 1.0) -> dict[str, Tensor]:
        """What the objective computes with; see `Quantizer.values`."""
        if self._quantizer is None:
            return self.weights
        return {**self._quantizer.beside(self.weights), **self._quantizer.values(self.weights, progress)}

    def _backward_to_latents(
        self, quantizer: Quantizer, values: Mapping[str, Tensor], network: Mapping[str, Tensor], progress: float
    ) -> None:
        reached = {name: value for name, value in values.items() if network[name].grad is not None}
        heads, gradients = list(reached.values()), [network[name].grad for name in reached]
        if self._recipe.lambda_:
            weight = bit_weight(self._recipe.lambda_, self._recipe.loss, self._points.count)
            heads.append(weight * quantizer.bits(self.weights).sum())
            gradients.append(None)
        if (penalty := quantizer.penalty(self.weights, progress)) is not None:
            heads.append(penalty.sum())
            gradients.append(None)
        torch.autograd.backward(heads, gradients)

    def _sample(self, rng: np.random.Generator) -> Points:
        if self._batch == self._points.count:
            return self._points
        return self._points.drawn(torch.from_numpy(rng.integers(self._points.count, size=self._batch)).to(self._device))

    @cached_property
    def _compared(self) -> Points:
        """The points on which states are compared: all points or, if there are very many, always the same part."""
        if self._batch == self._points.count or self._points.count <= _MOST_COMPARED:
            return self._points
        index = np.random.default_rng(self._recipe.seed).integers(self._points.count, size=_MOST_COMPARED)
        index.sort()  # neighbours lie side by side in memory
        return self._points.drawn(torch.from_numpy(index).to(self._device))

    @property
    def _device(self) -> torch.device:
        return self._points.device

    def losses(self, weights: Mapping[str, Tensor], signals: Tensor) -> Tensor:
        """Computes losses of other weights, `(k,)`, on all points, or on millions of them; the work counts in `macs`.

        The weights are those for the objective, `{name: (k, ...)}`, of the signals with these numbers, `(k,)`, int64.
        """
        evaluated = self._objective.losses(weights, self._compared, signals, loss=self._recipe.loss)
        self.macs += evaluated.macs
        return evaluated.error

    @torch.no_grad()
    def own_losses(self) -> Tensor:
        """The loss of each signal with the weights that a decoder would have now, `(B,)`; see `losses`."""
        return self.losses(self._values(), torch.arange(self._points.signals, device=self._device))

    @torch.no_grad()
    def note_best(self) -> None:
        """Stores the weights of the signals whose loss is lower than at every earlier call."""
        losses, weights = self.own_losses(), {name: weight.detach() for name, weight in self.weights.items()}
        if not self._best:
            self._best = {_LOSSES: losses, **{name: weight.clone() for name, weight in weights.items()}}
            return
        better = losses < self._best[_LOSSES]  # (B,)
        for name, value in {_LOSSES: losses, **weights}.items():
            self._best[name][better] = value[better]

    @torch.no_grad()
    def take_best(self) -> None:
        """Goes back to the weights that `note_best` has stored."""
        for name, weight in self.weights.items():
            weight.copy_(self._best[name])

    def check_finite(self) -> None:
        """Raises `TrialError` if the loss or a weight is NaN or infinite."""
        if not (self._error.isfinite().all() and self._adam.is_finite()):
            raise TrialError(f"diverged: the loss is NaN or infinite at step {self.steps}")

    def branch(self) -> Self:
        """A copy with its own weights and optimiser state, on the same data."""
        other = type(self)(self._objective, self.weights, self._points, self._recipe)
        other.load(self.state())
        other.macs = self.macs
        return other

    def state(self) -> dict[str, Tensor]:
        """Weights, moments, step number and the best state, as flat tensors on the CPU."""
        progress = {"steps": torch.tensor(self.steps), "macs": torch.tensor(self.macs, dtype=torch.float64)}
        best = {name: value.cpu().clone() for name, value in self._best.items()}
        return {**progress, **self._adam.state(), **nested(_BEST, best)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Continues from what `state` returned."""
        self.steps = int(state["steps"])
        self.macs = float(state["macs"])
        self._adam.load(state)
        self._best = {name: value.to(self._device) for name, value in part_of(state, _BEST).items()}


def fit_to_rung(
    trunk: BatchFit,
    recipe: Recipe,
    rung: int,
    quantizer: Quantizer | None = None,
    branched: Mapping[str, Tensor] | None = None,
) -> Iterator[BatchFit]:
    """Advances the trunk to the step at which a rung's branch begins, then runs the branch.

    Args:
        trunk: The fit so far.
        recipe: The settings of the training.
        rung: Training length at which the branch ends.
        quantizer: A quantiser that learns, or None.
        branched: The state of this branch at an earlier moment, from which it goes on; None if it has not begun.

    Yields:
        The trunk or the branch, whichever is being trained, after every step; at last the branch at the rung.
    """
    while trunk.steps < recipe.trunk_end(rung):
        trunk.step(recipe.trunk_lr(trunk.steps))
        yield trunk
    branch = trunk.branch()
    first, start = branch.steps, recipe.qat_start(rung)
    if branched is not None:
        if quantizer is not None and int(branched["steps"]) > start:
            branch.quantise(quantizer)
        branch.load(branched)
        if branch.steps == rung:
            yield branch
    while branch.steps < rung:
        if quantizer is not None and branch.steps == start:
            branch.quantise(quantizer)
        branch.step(
            recipe.branch_lr(branch.steps, rung),
            max(0, branch.steps - start) / max(1, rung - start),
            annealed=(branch.steps - first) / (rung - first),
        )
        is_final = quantizer is None or branch.is_quantised
        if recipe.keep_best_of and is_final and (rung - branch.steps) % recipe.keep_best_of == 0:
            branch.note_best()
            if branch.steps == rung:
                branch.take_best()
        yield branch
