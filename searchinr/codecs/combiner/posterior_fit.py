"""Fitting the posteriors of B signals, then coding them block by block while what is not yet coded is refined.

Numbers are in units of the prior, which is N(0, 1) for all of them, and in the order of its blocks.

Notation used for tensor shapes: B signals of a layout, n weights, K blocks, D weights of a block, C candidates.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.combiner.astar import astar_index, likely_indices
from searchinr.codecs.combiner.distortion import Distortion
from searchinr.codecs.combiner.gaussians import NATS_PER_BIT, Gaussians
from searchinr.codecs.combiner.prior import WeightPrior
from searchinr.codecs.combiner.samples import CANDIDATES, INDEX_BITS, block_samples
from searchinr.errors import TrialError

_STEER_EVERY = 10
_STEER = 1.08
_LEAST_BITS = 15.6  # of a block; the most are those of an index
_LARGEST_PENALTY = 1e6
_YIELD_EVERY = 20


@dataclass(frozen=True)
class PosteriorRecipe:
    """How to fit and to code.

    Attributes:
        bit_weight: What a bit adds to a signal's loss, before it is steered.
        lr: Learning rate of the posteriors.
        refinement_lr: Their learning rate between the coding of two blocks.
        decay: Last fraction of a rung's steps, in which `lr` falls to `refinement_lr` along a cosine.
        refinement_steps: Steps that are taken after each block is coded.
        candidates: How many of a block's candidates are tried; 1 for A* coding.
        seed: Fixes which points and which noise are drawn.
    """

    bit_weight: float
    lr: float
    refinement_lr: float
    decay: float
    refinement_steps: int
    candidates: int
    seed: int

    def trunk_end(self, rung: int) -> int:
        """The step at which a rung's branch begins."""
        return rung - math.ceil(self.decay * rung)

    def branch_lr(self, step: int, rung: int) -> float:
        """Learning rate of a step of the branch to a rung."""
        if step >= rung:
            return self.refinement_lr
        start = self.trunk_end(rung)
        passed = (step - start + 1) / (rung - start)
        return self.refinement_lr + (self.lr - self.refinement_lr) * 0.5 * (1 + math.cos(math.pi * passed))


class PosteriorFit:
    """Posteriors of B signals of one layout: first all of them are fitted, then coded one block after another.

    Attributes:
        recipe: How it is fitted.
        steps: Steps taken, those of the refinement among them.
        coded: Blocks coded.
        indices: The candidates that were chosen, `(B, K)`, int64; 0 for blocks that are not coded yet.
        macs: Multiply-accumulates spent by this object and, in a branch, by what it branched from.
    """

    def __init__(self, distortion: Distortion, prior: WeightPrior, signals: int, recipe: PosteriorRecipe) -> None:
        """Starts a fit of B signals, given their distortion and the prior of their weights."""
        self._distortion, self._prior, self.recipe = distortion, prior, recipe
        self._device = device = distortion.device
        self._order = prior.order.to(device)
        self._scale, self._centre = (part.float().to(device)[self._order] for part in (prior.deviation, prior.mean))
        self._back = torch.argsort(self._order)  # from the order of the blocks to that of the network
        self._block = prior.places[0].to(device)  # (n,)
        self._ends = prior.lengths.long().cumsum(0).tolist()
        # Deviations that alone cost half of what an index holds: the means are to cost the rest.
        spread = prior.lengths.float().to(device)[self._block]  # (n,)
        start = (-INDEX_BITS * NATS_PER_BIT / 2 / spread).expand(signals, -1)
        self._posteriors = Gaussians(torch.zeros_like(start), start)
        self._penalties = torch.ones(signals, len(self._ends), device=device)
        self._settled = torch.zeros(signals, len(self._order), device=device)  # samples, of what is coded
        self._free = torch.ones(len(self._order), device=device)  # 1 for what is not
        self.indices = torch.zeros(signals, len(self._ends), dtype=torch.int64, device=device)
        self.steps = self.coded = 0
        self.macs = 0.0

    @property
    def blocks(self) -> int:
        """K."""
        return len(self._ends)

    def step(self, lr: float) -> None:
        """One step of the posteriors of all blocks that are not coded yet."""
        rng = self._rng()
        noise = torch.from_numpy(rng.standard_normal(len(self._order), np.float32)).to(self._device)  # (n,): of all B
        batch = self._distortion.batch(rng)
        samples = self._with_settled(self._posteriors.sample(noise))
        gradient = self._distortion.gradient(self._weights(samples), batch)[:, self._order] * self._scale
        bit_weight = self.recipe.bit_weight * self._penalties[:, self._block]  # (B, n)
        self._posteriors.step(lr, gradient, noise, bit_weight, free=self._free)
        self.macs += self._distortion.macs(batch, passes=3)
        self.steps += 1
        if self.steps % _STEER_EVERY == 0:
            self._steer()

    def _steer(self) -> None:
        """Makes bits dearer for blocks that cost more than an index can hold, and cheaper for those that leave some."""
        bits = self.block_bits()
        self._penalties[bits > INDEX_BITS] *= _STEER
        self._penalties[bits < _LEAST_BITS] /= _STEER
        self._penalties.clamp_(1 / _LARGEST_PENALTY, _LARGEST_PENALTY)

    def block_bits(self) -> Tensor:
        """KL divergences of the blocks' posteriors, `(B, K)`."""
        bits = torch.zeros_like(self._penalties)
        return bits.index_add_(1, self._block, self._posteriors.bits())

    def code_next(self) -> None:
        """Chooses a candidate for the next block of each signal, which is settled from then on."""
        block = self.coded
        end = self._ends[block]
        here = slice(end - int(self._prior.lengths[block]), end)
        samples = block_samples(self._prior.seed, block, here.stop - here.start, self._device)  # (N, D)
        posterior = self._posteriors.mean[:, here], self._posteriors.log_deviation[:, here]
        self.macs += 2.0 * CANDIDATES * posterior[0].numel()
        if self.recipe.candidates == 1:
            chosen = astar_index(samples, *posterior, self._rng())
        else:
            chosen = self._least_error(here, samples, likely_indices(samples, *posterior, self.recipe.candidates))
        self.indices[:, block] = chosen
        self._settled[:, here] = samples[chosen]
        self._free[here] = 0
        self.coded += 1

    def _least_error(self, here: slice, samples: Tensor, likely: Tensor) -> Tensor:
        """For each signal the one of its candidates `(B, C)` that gives it the least error, `(B,)`.

        Weights that are not coded yet are at the means of their posteriors. The error is that of all points, since the
        choice would otherwise favour those of one step at the cost of the others.
        """
        batch = self._distortion.points
        numbers = self._with_settled(self._posteriors.mean)
        errors = []
        for candidate in likely.T:  # (B,)
            numbers[:, here] = samples[candidate]
            errors.append(self._distortion.errors(self._weights(numbers), batch))
            self.macs += self._distortion.macs(batch, passes=1)
        best = torch.stack(errors, dim=1).argmin(1, keepdim=True)  # (B, 1)
        return likely.gather(1, best).squeeze(1)

    def _with_settled(self, numbers: Tensor) -> Tensor:
        """Numbers `(B, n)` in which those of coded blocks are replaced by what was coded."""
        return torch.where(self._free.bool(), numbers, self._settled)

    def _weights(self, numbers: Tensor) -> Tensor:
        """The network's weights, `(B, n)` in its order."""
        return (self._centre + self._scale * numbers)[:, self._back]

    def _rng(self) -> np.random.Generator:
        """Random numbers of this moment, which are the same in a fit that was resumed."""
        return np.random.default_rng((self.recipe.seed, self.steps, self.coded))

    def branch(self) -> "PosteriorFit":
        """A copy that can be taken elsewhere while this one stays where it is."""
        branch = PosteriorFit(self._distortion, self._prior, len(self.indices), self.recipe)
        branch.load(self.state())
        return branch

    def check_finite(self) -> None:
        """Raises `TrialError` if a posterior is NaN."""
        if not self._posteriors.adam.is_finite():
            raise TrialError(f"the fit diverged (NaN) before step {self.steps}")

    def state(self) -> dict[str, Tensor]:
        """Everything that `load` needs, as flat tensors on the CPU."""
        return {
            "steps": torch.tensor(self.steps),
            "coded": torch.tensor(self.coded),
            "macs": torch.tensor(self.macs, dtype=torch.float64),
            "indices": self.indices.cpu().clone(),
            "settled": self._settled.cpu().clone(),
            "penalties": self._penalties.cpu().clone(),
            **self._posteriors.adam.state(),
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Continues from what `state` returned."""
        self.steps, self.coded = int(state["steps"]), int(state["coded"])
        self.macs = float(state["macs"])
        for own, name in ((self.indices, "indices"), (self._settled, "settled"), (self._penalties, "penalties")):
            own.copy_(state[name])
        self._free[: self._ends[self.coded - 1] if self.coded else 0] = 0
        self._posteriors.adam.load(state)


def fit_to_rung(trunk: PosteriorFit, rung: int, branched: Mapping[str, Tensor] | None) -> Iterator[PosteriorFit]:
    """Advances the trunk to where a rung's branch begins, runs the branch to the rung, and codes it.

    So a rung is a true operating point, and the trunk goes on as if nothing had been coded. The rung counts the steps
    before the first block is coded; a branch goes on from `branched`, its state at an earlier moment, if there is one.

    Yields:
        The fit that is being worked on every few steps, at last the branch with all blocks coded.
    """
    recipe = trunk.recipe
    while trunk.steps < recipe.trunk_end(rung):
        trunk.step(recipe.lr)
        if trunk.steps % _YIELD_EVERY == 0:
            yield trunk
    branch = trunk.branch()
    if branched is not None:
        branch.load(branched)
    while branch.steps < rung or branch.coded < branch.blocks:
        refined = branch.steps - rung
        if branch.steps >= rung and refined == branch.coded * recipe.refinement_steps:
            branch.code_next()
            if branch.coded < branch.blocks:
                yield branch
        else:
            branch.step(recipe.branch_lr(branch.steps, rung))
            if branch.steps % _YIELD_EVERY == 0:
                yield branch
    yield branch
