"""Codec `mlp`: fitting, encoding and decoding.

Training minimises the log of each signal's own MSE. Its gradient is that of the squared error divided by the squared
error, so that the squared error can be summed over tiles of points that fit the cache, with the same result.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset, AssetSpec, AssetState, Codec, Level, Watch, no_levels
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting.activations import WithActivations, activation_steps, calibration_coords, forward_of
from searchinr.codecs.fitting.groups import (
    Group,
    GroupsState,
    file_tensors,
    file_weights,
    fit_groups,
    latents_of,
    make_group,
    recipe_of,
    same_for_all,
)
from searchinr.codecs.fitting.layouts import Targets, field_shape, targets_by_layout
from searchinr.codecs.fitting.objective import SingleNetwork
from searchinr.codecs.fitting.step_search import search_steps
from searchinr.codecs.fitting.training import BatchFit, Recipe
from searchinr.codecs.mlp import body
from searchinr.codecs.mlp.body import Body, parts_of
from searchinr.codecs.mlp.params import MlpParams
from searchinr.codecs.mlp.shared_supernet import build_supernets, supernet_slices, supernet_spec
from searchinr.codecs.mlp.supernet_space import completed
from searchinr.codecs.params.bit_widths import bit_widths
from searchinr.codecs.params.network_params import FP16
from searchinr.codecs.quantize.contract import Quantizer
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.render import render
from searchinr.signals.signal import Signal
from searchinr.space import Domain, Finding


class MlpCodec(Codec):
    """A coordinate network per signal."""

    name: ClassVar[str] = "mlp"
    id: ClassVar[int] = 0
    Params = MlpParams

    def completed(self, domains: Mapping[str, Domain]) -> tuple[dict[str, Domain], list[Finding]]:
        """See `Codec.completed`."""
        return completed(domains)

    def asset_spec(self, params: Any) -> AssetSpec | None:  # noqa: ANN401  MlpParams, which is made at run time
        """See `Codec.asset_spec`: a supernet, for fits that start from one."""
        return supernet_spec(params)

    def prepare(
        self,
        signals: Sequence[Signal],
        spec: AssetSpec,
        *,
        seed: int,
        device: torch.device,
        base: Asset | None = None,
        resume: Mapping[str, Tensor] | None = None,
    ) -> Iterator[AssetState]:
        """See `Codec.prepare`; a supernet starts from no other asset."""
        return build_supernets(signals, spec, seed=seed, device=device, resume=resume)

    def fit(
        self,
        signals: Sequence[Signal],
        params: Any,  # noqa: ANN401  MlpParams, which is made at run time
        rungs: Sequence[int],
        *,
        seed: int,
        device: torch.device,
        asset: Asset | None = None,
        resume: Mapping[str, Tensor] | None = None,
    ) -> Iterator[GroupsState]:
        """See `Codec.fit`."""
        recipe = recipe_of(params, seed)
        if params.init == "supernet" and asset is None and resume is None:
            raise ValueError("a fit that starts from a supernet needs the asset of `prepare`")
        groups = [
            self._group(number, targets, params, recipe, asset if resume is None else None)
            for number, targets in enumerate(targets_by_layout(signals, device))
        ]
        yield from fit_groups(params, groups, recipe, rungs, resume, partial(_at_rung, params))

    def _group(
        self,
        number: int,
        targets: Targets,
        params: Any,  # noqa: ANN401
        recipe: Recipe,
        asset: Asset | None,
    ) -> Group:
        shape = field_shape(targets.layout, params.depth, params.width)
        field = FIELDS[params.backbone](shape, getattr(params, params.backbone))
        objective = SingleNetwork(
            forward_of(field, params.activation_bits),
            macs_per_point=field.macs_per_point(),
            elements_per_point=params.width,
            observation=targets.observation,
        )
        quantizer: Quantizer | None = None
        if params.quantizer != FP16:
            parts = parts_of(field, bit_widths(params), params.steps_per == "channel")
            quantizer = QUANTIZERS[params.quantizer](parts)
            if params.activation_bits is not None:
                coords = calibration_coords(targets)
                quantizer = WithActivations(quantizer, field, params.activation_bits, coords)
        if asset is None:
            initial = same_for_all(field.init(torch.Generator().manual_seed(recipe.seed)), targets)
        else:
            initial = supernet_slices(asset, number, params, targets.layout)
        return make_group(targets, field, initial, objective, quantizer, recipe)

    def encode(self, state: GroupsState) -> list[bytes]:
        """See `Codec.encode`."""
        files: dict[int, bytes] = {}
        for group, measured in zip(state.groups, state.measured, strict=True):
            for index, packed in zip(group.indices, _bodies(group, state.params, measured), strict=True):
                files[index] = container.pack(self.id, group.layout, packed)
        return [files[i] for i in range(len(files))]

    def decode(
        self,
        file: container.Container,
        *,
        asset: Asset | None = None,
        scale: float = 1.0,
        level: Level | None = None,
        watch: Watch | None = None,
    ) -> Signal:
        """See `Codec.decode`."""
        if level is not None:
            raise no_levels()
        layout = file.layout_at(scale)
        parsed = Body.parse(file)
        weights = {name: torch.from_numpy(w).unsqueeze(0) for name, w in parsed.weights().items()}  # (1, *shape)
        return render(lambda coords: parsed.forward(weights, coords)[0], layout, watch)

    def inspect(self, file: container.Container, *, asset: Asset | None = None) -> dict[str, Any]:
        """See `Codec.inspect`."""
        parsed = Body.parse(file)
        parsed.weights()  # a corrupt stream is said to be one, instead of being described
        return {
            "backbone": parsed.field.name,
            "depth": parsed.field.shape.depth,
            "width": parsed.field.shape.width,
            "weights": sum(part.size for part in parsed.parts),
            "macs_per_point": parsed.field.macs_per_point(),
            **parsed.quantization(),
            "bits": {
                "header": 8 * (file.size - len(file.body)) + 8 * parsed.header_bytes,
                **parsed.stored_bits(),
            },
        }


def _at_rung(params: Any, group: Group, branch: BatchFit) -> dict[str, Tensor]:  # noqa: ANN401  MlpParams
    """See `fit_groups`."""
    latents = latents_of(group, branch)
    if group.quantizer is None or not params.step_search:
        return latents
    return search_steps(
        group.quantizer,
        latents,
        branch.losses,
        lambda latents: [len(packed) for packed in _bodies(group, params, latents)],
        params.rate_weight / group.layout.points,
    )


def _bodies(group: Group, params: Any, measured: Mapping[str, Tensor]) -> Iterator[bytes]:  # noqa: ANN401  MlpParams
    """The bodies of the files of a group's signals, in their order."""
    if group.quantizer is None:
        for weights in file_weights(group, measured):
            yield body.pack_fp16(group.field, weights)
        return
    steps = activation_steps(measured)  # (B, depth)
    for position, tensors in enumerate(file_tensors(group, group.quantizer, measured)):
        activations = None if steps is None else steps[position].cpu().numpy()
        yield body.pack(group.field, params, tensors, activations)
