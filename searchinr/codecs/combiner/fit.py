"""Fitting signals of several layouts to the same rungs, one batch for each layout."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from searchinr.codecs.combiner.posterior_fit import PosteriorFit, Recipe, fit_to_rung
from searchinr.codecs.contract import Asset
from searchinr.codecs.fitting.rungs import RungState, fit_to_rungs
from searchinr.signals.signal import Layout


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


class CombinerState(RungState[Group, Tensor]):
    """Where the fit of all groups stands; measured are, per group, the blocks' candidates, `(B, K)`, on the CPU."""

    def __init__(self, asset: Asset, groups: list[Group]) -> None:
        super().__init__(groups)
        self.asset = asset


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
    state = CombinerState(asset, groups)

    def advance(group: Group, rung: int, branched: Mapping[str, Tensor] | None) -> Iterator[tuple[PosteriorFit, bool]]:
        for fit in fit_to_rung(group.trunk, group.recipe, rung, branched):
            yield fit, fit.coded == fit.blocks

    for _ in fit_to_rungs(state, rungs, resume, advance, lambda _, branch: branch.indices.cpu()):
        yield state
