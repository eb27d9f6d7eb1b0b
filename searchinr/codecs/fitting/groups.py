"""The common part of codecs that fit networks by `training` and write the weights, quantised or in fp16, into files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream import coded_tensors
from searchinr.codecs.bitstream.coded_tensors import CodedTensor
from searchinr.codecs.bitstream.quant_spec import QuantSpec
from searchinr.codecs.contract import P
from searchinr.codecs.fields.contract import Field
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting.layouts import Targets, field_shape
from searchinr.codecs.fitting.objective import Objective
from searchinr.codecs.fitting.rungs import ArchitectureT, Group, RungState, fit_to_rungs
from searchinr.codecs.fitting.training import BatchFit, Recipe, fit_to_rung
from searchinr.codecs.params.network_params import FP16, NetworkParams
from searchinr.codecs.quantize.contract import Quantizer
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.signals.signal import Layout

_MOST_STEPS = 20
_MOST_POINTS = 2**20
"""Most steps between two states that can be checkpointed, and most points that these steps use in all."""


@dataclass
class NetworkGroup(Group[ArchitectureT, BatchFit]):
    """The signals of one layout, each of which is fitted by weights of its own.

    Attributes:
        quantizer: The quantiser that turns the weights into symbols; None for fp16.
    """

    quantizer: Quantizer | None


NetworkState = RungState[P, NetworkGroup[ArchitectureT], dict[str, Tensor]]
"""The state of a fit of such groups; what is measured of a group are the quantiser's latents or, in fp16, weights."""


def make_group(
    targets: Targets,
    architecture: ArchitectureT,
    macs_per_point: float,
    initial: Mapping[str, Tensor],
    objective: Objective,
    quantizer: Quantizer | None,
    recipe: Recipe,
) -> NetworkGroup[ArchitectureT]:
    """Makes a group that has not been trained yet, from initial weights `{name: (B, ...)}` on any device.

    `Group` and `NetworkGroup` say what it consists of; the trunk is a `BatchFit` of the objective by the recipe.
    """
    trunk = BatchFit(objective, initial, targets.points, recipe)
    return NetworkGroup(targets.indices, targets.layout, targets.gains, architecture, macs_per_point, trunk, quantizer)


def make_field(params: NetworkParams, layout: Layout, depth: int, width: int) -> Field:
    """Makes the backbone that the parameters name, for signals of a layout."""
    return FIELDS[params.backbone](field_shape(layout, depth, width), params.own)


def recipe_of(params: NetworkParams, seed: int) -> Recipe:
    """Makes the recipe of training from the parameters that the codecs of coordinate networks share."""
    assert params.lr is not None  # validation has filled it in
    return Recipe(
        lr=params.lr,
        decay=params.decay,
        batch_fraction=params.batch_fraction,
        seed=seed,
        loss=params.loss,
        qat_fraction=params.qat_fraction or 0.0,
        lambda_=params.lambda_ or 0.0,
        keeps_weights=params.quantizer != FP16 and QUANTIZERS[params.quantizer].keeps_weights,
    )


def same_for_all(initial: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
    """Gives all signals one initialisation, so that, up to rounding, a signal's file does not depend on its companions.

    Weights of one signal become those of all, `{name: (B, ...)}`.
    """
    return {name: weight.expand(len(targets.indices), *weight.shape) for name, weight in initial.items()}


def latents_of(group: NetworkGroup[Any], fit: BatchFit) -> dict[str, Tensor]:
    """The latents of a fit: its trained ones, or else those that the quantiser makes of the weights (fp16: weights)."""
    trained = {name: weight.detach() for name, weight in fit.weights.items()}
    if group.quantizer is None or fit.is_quantised:
        return trained
    return {**group.quantizer.beside(trained), **group.quantizer.start(trained)}


def fit_groups(
    params: P,
    groups: list[NetworkGroup[ArchitectureT]],
    recipe: Recipe,
    rungs: Sequence[int],
    resume: Mapping[str, Tensor] | None,
    at_rung: Callable[[NetworkGroup[ArchitectureT], BatchFit], dict[str, Tensor]] = latents_of,
) -> Iterator[NetworkState[P, ArchitectureT]]:
    """Fits all groups, none of which has been trained yet, to the same rungs; see `Codec.fit`.

    `at_rung` makes the latents (in fp16 the weights) that files are made of from a group and its branch at a rung. The
    work that this costs is added to the branch's.
    """
    state: NetworkState[P, ArchitectureT] = RungState(params, groups)

    def advance(
        group: NetworkGroup[ArchitectureT], rung: int, branched: Mapping[str, Tensor] | None
    ) -> Iterator[tuple[BatchFit, bool]]:
        every = min(max(1, _MOST_POINTS // group.trunk.points_per_step), _MOST_STEPS)
        learner = group.quantizer if recipe.qat_fraction else None
        for fit in fit_to_rung(group.trunk, recipe, rung, learner, branched):
            if fit.steps % every == 0 or fit.steps == rung:
                yield fit, fit.steps == rung

    for _ in fit_to_rungs(state, rungs, resume, advance, at_rung):
        yield state


def file_weights(group: NetworkGroup[Any], measured: Mapping[str, Tensor]) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Yields the weights that the file of each signal holds, for a group without a quantiser."""
    for position in range(len(group.indices)):
        own = {name: weight[position].cpu() for name, weight in measured.items()}
        yield {name: weight.numpy() for name, weight in group.gains.multiply_weights(position, own).items()}


def _file_tensors(
    group: NetworkGroup[Any], quantizer: Quantizer, latents: Mapping[str, Tensor]
) -> Iterator[dict[str, CodedTensor]]:
    """Yields the quantised tensors that the file of each signal of a group holds."""
    coded = quantizer.coded(latents)
    for position in range(len(group.indices)):
        tensors = {}
        for name, tensor in coded.items():
            steps = tensor.steps[position].cpu().numpy()
            tensors[name] = CodedTensor(
                symbols=tensor.symbols[position].flatten().cpu().numpy().astype(np.int32),  # (G, m) -> (n,)
                steps=group.gains.move_steps(position, name, steps),
                offsets=None if tensor.offsets is None else tensor.offsets[position].cpu().numpy(),
                book=None if tensor.book is None else tensor.book[position].cpu().numpy(),
            )
        yield tensors


def packers(
    group: NetworkGroup[Any], measured: Mapping[str, Tensor]
) -> Iterator[Callable[[Sequence[QuantSpec]], bytes]]:
    """For each signal of a group a function that packs those of its tensors that are asked for, in their order."""
    if group.quantizer is None:
        return (partial(coded_tensors.pack_fp16, weights=weights) for weights in file_weights(group, measured))
    return (partial(coded_tensors.pack, tensors=each) for each in _file_tensors(group, group.quantizer, measured))
