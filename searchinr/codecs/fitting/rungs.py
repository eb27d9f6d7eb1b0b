"""Fits all groups of signals to the same rungs. Each rung is the end of a branch of its own, which is measured."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from searchinr.codecs.contract import FitState, P
from searchinr.codecs.fitting.gains import Gains
from searchinr.codecs.fitting.layouts import queries_per_point
from searchinr.codecs.fitting.nesting import nested, part_of
from searchinr.signals.signal import Layout

_BRANCH = "branch"  # the part of a checkpoint that holds the branches to a rung; the rest holds the trunks


class Fit(Protocol):
    """Signals that are trained together.

    Attributes:
        steps: Training steps taken so far.
        macs: Multiply-accumulates spent so far.
    """

    steps: int
    macs: float

    def check_finite(self) -> None:
        """Raises `TrialError` if the fit has diverged."""
        ...

    def state(self) -> dict[str, Tensor]:
        """The state that `load` needs, as flat tensors."""
        ...

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from what `state` returned."""
        ...


ArchitectureT = TypeVar("ArchitectureT")
FitT = TypeVar("FitT", bound=Fit)


@dataclass
class Group(Generic[ArchitectureT, FitT]):
    """The signals of one layout, which are fitted as one batch.

    Attributes:
        indices: Places of these signals among all signals.
        layout: The layout that they have in common.
        gains: The gains by which their targets were divided.
        architecture: What the codec needs beside the trained tensors to make their files, e.g. the network's form.
        macs_per_point: Multiply-accumulates to decode one point or, if there is an observation, one of its queries.
        trunk: The fit of these signals, from which a branch leads to each rung.
    """

    indices: list[int]
    layout: Layout
    gains: Gains
    architecture: ArchitectureT
    macs_per_point: float
    trunk: FitT


GroupT = TypeVar("GroupT", bound=Group[Any, Any])
MeasuredT = TypeVar("MeasuredT")


class RungState(FitState, Generic[P, GroupT, MeasuredT]):
    """The state of the fit of all groups.

    Attributes:
        params: The parameters of the fit.
        groups: The groups, with their trunks.
        rungs_passed: Training length of the last rung that was measured; 0 before the first.
        branches: The branches to the next rung; groups that have not begun theirs are missing.
        branch_rung: The rung to which these branches lead.
        measured: At a rung, the tensors of each group that its files are made of; empty between rungs.
    """

    def __init__(self, params: P, groups: Sequence[GroupT]) -> None:
        """Makes the state before any training."""
        self.params, self.groups = params, groups
        self.steps = self.rungs_passed = self.branch_rung = 0
        self.branches: list[Fit] = []
        self.measured: list[MeasuredT] = []

    @property
    def is_rung(self) -> bool:  # type: ignore[override]
        """See `FitState`."""
        return bool(self.measured)

    @property
    def macs(self) -> float:  # type: ignore[override]
        """See `FitState`."""
        return sum((group.trunk.macs for group in self.groups), start=0.0)

    @property
    def decode_macs_per_sample(self) -> float:  # type: ignore[override]
        """See `FitState`."""
        signals = sum(len(group.indices) for group in self.groups)
        macs = (len(g.indices) * g.macs_per_point * queries_per_point(g.layout) for g in self.groups)
        return sum(macs, start=0.0) / signals

    def files(self, files_of: Callable[[GroupT, MeasuredT], Iterable[bytes]]) -> list[bytes]:
        """Makes one file for each signal, in the order of the signals; only at a rung.

        Args:
            files_of: Makes the files of a group's signals, in its order, from the group and its entry in `measured`.
        """
        found: dict[int, bytes] = {}
        for group, measured in zip(self.groups, self.measured, strict=True):
            found |= zip(group.indices, files_of(group, measured), strict=True)
        return [found[index] for index in range(len(found))]

    def checkpoint(self) -> dict[str, Tensor]:
        """The states of the trunks and of the branches under way, as flat tensors."""
        trunks = _states(group.trunk for group in self.groups)
        branches = {"rung": torch.tensor(self.branch_rung), **_states(self.branches)}
        return {"rungs_passed": torch.tensor(self.rungs_passed), **nested(_BRANCH, branches), **trunks}


def _states(fits: Iterable[Fit]) -> dict[str, Tensor]:
    """Puts the states of several fits together, each under its number."""
    flat: dict[str, Tensor] = {}
    for number, fit in enumerate(fits):
        flat |= nested(str(number), fit.state())
    return flat


def fit_to_rungs(
    state: RungState[P, GroupT, MeasuredT],
    rungs: Sequence[int],
    resume: Mapping[str, Tensor] | None,
    advance: Callable[[GroupT, int, Mapping[str, Tensor] | None], Iterator[tuple[FitT, bool]]],
    measure: Callable[[GroupT, FitT], MeasuredT],
) -> Iterator[None]:
    """Trains all groups to one rung after the other; see `Codec.fit`.

    Args:
        state: The state of the fit; it must be new when this begins, and it is up to date whenever this yields.
        rungs: Training lengths in steps, ascending.
        resume: A checkpoint of an earlier fit, or None.
        advance: Trains a group to a rung, given the state from which its branch to the rung goes on (or None). It
            yields the fit that is being trained, the trunk or the branch, as often as checkpoints may be made, and
            whether this is the branch at its end.
        measure: Makes the tensors for the files from a group and its branch at the end; its work counts in the branch.
    """
    groups, resume = state.groups, resume or {}
    branches = part_of(resume, _BRANCH)
    if resume:
        state.steps = state.rungs_passed = int(resume["rungs_passed"])
        for number, group in enumerate(groups):
            group.trunk.load(part_of(resume, str(number)))
    for rung in rungs:
        passed = state.rungs_passed
        if rung <= passed:
            continue
        state.branch_rung = rung
        ends: list[FitT] = []
        for number, group in enumerate(groups):
            branched = part_of(branches, str(number)) if rung == int(branches.get("rung", 0)) else {}
            for fit, is_end in advance(group, rung, branched or None):
                fit.check_finite()
                if is_end:
                    ends.append(fit)
                    break
                state.branches = [*ends, *([] if fit is group.trunk else [fit])]
                # The trunk goes on from a step before the last rung: until it has passed this rung, nothing is gained.
                done = number * rung + max(min(fit.steps, rung), passed) + (len(groups) - number - 1) * passed
                state.steps = done // len(groups)
                yield
        measured = [measure(group, end) for group, end in zip(groups, ends, strict=True)]
        for group, end in zip(groups, ends, strict=True):
            # The trunk takes over the branch's cost only now: until here, checkpoints hold the two separately.
            group.trunk.macs = end.macs
        state.steps = state.rungs_passed = rung
        state.branches = []
        state.measured = measured
        yield
        state.measured = []
