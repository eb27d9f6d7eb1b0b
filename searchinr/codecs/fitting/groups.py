"""Fitting signals of several layouts: one batch for each layout, all of them to the same rungs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream import coded_tensors
from searchinr.codecs.bitstream.steps import LAST_STEP, PER_OCTAVE
from searchinr.codecs.fields.contract import Field
from searchinr.codecs.fitting.layouts import Targets
from searchinr.codecs.fitting.objective import Objective
from searchinr.codecs.fitting.rungs import RungState, fit_to_rungs
from searchinr.codecs.fitting.training import BatchFit, Recipe, fit_to_rung
from searchinr.codecs.params.network_params import FP16
from searchinr.codecs.quantize.contract import Quantizer
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.signals.signal import Layout

_MOST_STEPS = 20
_MOST_POINTS = 2**20
"""Between states that can be checkpointed: so many steps, or fewer where each of them uses many points."""


@dataclass
class Group:
    """The signals of one layout, fitted as one batch.

    Attributes:
        indices: Their places among all signals.
        layout: Their layout.
        field: Their backbone, as large as decoding them needs it.
        quantizer: How their weights become symbols; None for fp16.
        gains: `(B,)`, int64: targets were divided by 2**(gain / 6), about their peaks; a number of quantiser steps.
        trunk: Their training.
    """

    indices: list[int]
    layout: Layout
    field: Field
    quantizer: Quantizer | None
    gains: Tensor
    trunk: BatchFit

    @property
    def macs_per_point(self) -> int:
        """Multiply-accumulates of the field."""
        return self.field.macs_per_point()


def make_group(
    targets: Targets,
    field: Field,
    initial: Mapping[str, Tensor],
    objective: Objective,
    quantizer: Quantizer | None,
    recipe: Recipe,
) -> Group:
    """A group at its start.

    Args:
        targets: What its signals are fitted to.
        field: See `Group`.
        initial: Initial weights, `{name: (B, ...)}`, on the device of the targets or another.
        objective: What is minimised.
        quantizer: See `Group`.
        recipe: How to train.
    """
    trunk = BatchFit(objective, initial, targets.points, recipe)
    return Group(targets.indices, targets.layout, field, quantizer, targets.gains, trunk)


def recipe_of(params: Any, seed: int) -> Recipe:  # noqa: ANN401  a model with the keys of `network_params`
    """How to train with the parameters that the codecs of coordinate networks share."""
    return Recipe(
        lr=params.lr,
        decay=params.decay,
        batch_fraction=params.batch_fraction,
        seed=seed,
        loss=params.loss,
        qat_fraction=params.qat_fraction or 0.0,
        rate_weight=params.rate_weight or 0.0,
        keeps_weights=params.quantizer != FP16 and QUANTIZERS[params.quantizer].keeps_weights,
    )


def same_for_all(initial: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
    """One initialisation for all signals: up to rounding, a signal's file does not depend on its companions.

    Args:
        initial: Weights of one signal, `{name: tensor}`.
        targets: Of B signals.

    Returns:
        `{name: (B, ...)}`.
    """
    return {name: weight.expand(len(targets.indices), *weight.shape) for name, weight in initial.items()}


class GroupsState(RungState[Group, dict[str, Tensor]]):
    """Where the fit of all groups stands; measured are, per group, the latents (for fp16 the weights)."""

    def __init__(self, params: Any, groups: list[Group]) -> None:  # noqa: ANN401
        super().__init__(groups)
        self.params = params


def latents_of(group: Group, fit: BatchFit) -> dict[str, Tensor]:
    """The latents that a fit of the group's has trained, or those that its weights give; for fp16 its weights."""
    trained = {name: weight.detach() for name, weight in fit.weights.items()}
    return trained if group.quantizer is None or fit.is_quantised else group.quantizer.start(trained)


def fit_groups(
    params: Any,  # noqa: ANN401
    groups: list[Group],
    recipe: Recipe,
    rungs: Sequence[int],
    resume: Mapping[str, Tensor] | None,
    at_rung: Callable[[Group, BatchFit], dict[str, Tensor]] = latents_of,
) -> Iterator[GroupsState]:
    """See `Codec.fit`.

    Args:
        params: What the states are to carry.
        groups: With trunks that have not been trained yet.
        recipe: That of the trunks.
        rungs: Training lengths in steps, ascending.
        resume: A checkpoint of an earlier fit, or None.
        at_rung: From a group and its branch that has reached a rung to the latents that files are made of (for fp16
            weights); what work it costs is the branch's.
    """
    state = GroupsState(params, groups)

    def advance(group: Group, rung: int, branched: Mapping[str, Tensor] | None) -> Iterator[tuple[BatchFit, bool]]:
        every = min(max(1, _MOST_POINTS // group.trunk.points_per_step), _MOST_STEPS)
        learner = group.quantizer if recipe.qat_fraction else None
        for fit in fit_to_rung(group.trunk, recipe, rung, learner, branched):
            if fit.steps % every == 0 or fit.steps == rung:
                yield fit, fit.steps == rung

    for _ in fit_to_rungs(state, rungs, resume, advance, at_rung):
        yield state


def file_weights(group: Group, measured: Mapping[str, Tensor]) -> Iterator[dict[str, NDArray[np.float32]]]:
    """The weights of each signal of a group without a quantiser, as files are to hold them."""
    # Targets were divided by the signals' gains: the last layer, which is linear, takes them back.
    gains = torch.exp2(group.gains / PER_OCTAVE).tolist()
    for position, gain in enumerate(gains):
        weights = {name: w[position].cpu() * (gain if _is_last(name) else 1) for name, w in measured.items()}
        yield {name: w.numpy() for name, w in weights.items()}


def file_tensors(
    group: Group, quantizer: Quantizer, latents: Mapping[str, Tensor]
) -> Iterator[dict[str, coded_tensors.Tensor]]:
    """The quantised tensors of each signal of a group, as files are to hold them; see `file_weights`."""
    coded = quantizer.coded(latents)
    for position, gain in enumerate(group.gains.tolist()):
        tensors = {}
        for name, tensor in coded.items():
            steps = tensor.steps[position].cpu().numpy()
            tensors[name] = coded_tensors.Tensor(
                symbols=tensor.symbols[position].flatten().cpu().numpy().astype(np.int32),  # (G, m) -> (n,)
                steps=np.clip(steps + gain, 0, LAST_STEP) if _is_last(name) else steps,
                offsets=None if tensor.offsets is None else tensor.offsets[position].cpu().numpy(),
                book=None if tensor.book is None else tensor.book[position].cpu().numpy(),
            )
        yield tensors


def _is_last(name: str) -> bool:
    return name.startswith("out.")
