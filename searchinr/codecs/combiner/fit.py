"""Fitting signals of several layouts to the same rungs, one batch for each layout."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from searchinr.codecs.combiner.posterior_fit import PosteriorFit, Recipe, fit_to_rung
from searchinr.codecs.contract import Asset, FitState
from searchinr.signals.signal import Layout

_BRANCH = "branch."
_BRANCH_RUNG = f"{_BRANCH}rung"


@dataclass(frozen=True)
class Group:
    """The signals of one layout, fitted as one batch.

    Attributes:
        indices: Their places among all signals.
        layout: Their layout.
        gains: `(B,)`, int64: targets were divided by 2**(gain / 6).
        recipe: How they are fitted.
        macs_per_point: Multiply-accumulates of their network.
        trunk: Their fit.
    """

    indices: list[int]
    layout: Layout
    gains: Tensor
    recipe: Recipe
    macs_per_point: int
    trunk: PosteriorFit


class CombinerState(FitState):
    """Where the fit of all groups stands."""

    def __init__(self, asset: Asset, groups: list[Group], rungs_passed: int) -> None:
        self.asset = asset
        self.groups = groups
        self.steps = self.rungs_passed = rungs_passed
        self.branches: list[PosteriorFit] = []  # of the first groups, those to the rung that comes next
        self.branch_rung = 0
        self.measured: list[Tensor] = []  # per group the blocks' candidates at this rung, (B, K), on the CPU

    @property
    def is_rung(self) -> bool:  # type: ignore[override]
        """See `FitState`."""
        return bool(self.measured)

    @property
    def macs(self) -> float:  # type: ignore[override]
        """See `FitState`."""
        return sum(group.trunk.macs for group in self.groups)

    @property
    def decode_macs_per_sample(self) -> float:  # type: ignore[override]
        """See `FitState`."""
        signals = sum(len(group.indices) for group in self.groups)
        return sum(len(group.indices) * group.macs_per_point for group in self.groups) / signals

    def checkpoint(self) -> dict[str, Tensor]:
        """The trunks and the branches under way."""
        flat = {"rungs_passed": torch.tensor(self.rungs_passed), _BRANCH_RUNG: torch.tensor(self.branch_rung)}
        fits = {str(number): group.trunk for number, group in enumerate(self.groups)}
        fits |= {f"{_BRANCH}{number}": branch for number, branch in enumerate(self.branches)}
        for prefix, fit in fits.items():
            flat.update({f"{prefix}.{key}": value for key, value in fit.state().items()})
        return flat


def fit_groups(
    asset: Asset, groups: list[Group], rungs: Sequence[int], resume: Mapping[str, Tensor] | None
) -> Iterator[CombinerState]:
    """See `Codec.fit`.

    Args:
        asset: The prior.
        groups: With trunks that have not been trained yet.
        rungs: Training lengths in steps, ascending.
        resume: A checkpoint of an earlier fit, or None.
    """
    resume = resume or {}
    state = CombinerState(asset, groups, int(resume.get("rungs_passed", 0)))
    if resume:
        for number, group in enumerate(groups):
            group.trunk.load(_part(resume, f"{number}."))
    for rung in rungs:
        passed = state.rungs_passed
        if rung <= passed:
            continue
        branches: list[PosteriorFit] = []
        state.branch_rung = rung
        for number, group in enumerate(groups):
            branched = _part(resume, f"{_BRANCH}{number}.") if rung == int(resume.get(_BRANCH_RUNG, 0)) else {}
            for fit in fit_to_rung(group.trunk, group.recipe, rung, branched or None):
                fit.check_finite()
                if fit.coded == fit.blocks:
                    branches.append(fit)
                    break
                state.branches = branches if fit is group.trunk else [*branches, fit]
                done = number * rung + max(min(fit.steps, rung), passed) + (len(groups) - number - 1) * passed
                state.steps = done // len(groups)
                yield state
        for group, branch in zip(groups, branches, strict=True):
            # Only now: until here a checkpoint holds what the branches have cost beside the trunks.
            group.trunk.macs = branch.macs
        state.steps = state.rungs_passed = rung
        state.branches = []
        state.measured = [branch.indices.cpu() for branch in branches]
        yield state
        state.measured = []


def _part(checkpoint: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What a checkpoint holds of one fit."""
    return {name.removeprefix(prefix): value for name, value in checkpoint.items() if name.startswith(prefix)}
