"""Codec `mlp`: fitting, encoding and decoding; the package says what is computed."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset, AssetSpec, AssetState, Codec, Decoder, Inspection, Level, Setup, no_levels
from searchinr.codecs.decoders import CoordinateDecoder, Network
from searchinr.codecs.fields.contract import Field
from searchinr.codecs.fitting.activations import WithActivations, activation_steps, calibration_coords, forward_of
from searchinr.codecs.fitting.groups import (
    NetworkGroup,
    NetworkState,
    fit_groups,
    latents_of,
    make_field,
    make_group,
    packers,
    recipe_of,
    same_for_all,
)
from searchinr.codecs.fitting.layouts import Targets, targets_by_layout
from searchinr.codecs.fitting.objective import SingleNetwork, bit_weight
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
from searchinr.signals.signal import Signal
from searchinr.space import Domain, Finding

MlpGroup = NetworkGroup[Field]
MlpState = NetworkState[MlpParams, Field]


class MlpCodec(Codec[MlpParams, MlpState]):
    """A coordinate network per signal."""

    name: ClassVar[str] = "mlp"
    id: ClassVar[int] = 0
    Params = MlpParams

    def completed(self, domains: Mapping[str, Domain]) -> tuple[dict[str, Domain], list[Finding]]:
        """See `Codec.completed`."""
        return completed(domains)

    def asset_spec(self, params: MlpParams) -> AssetSpec | None:
        """See `Codec.asset_spec`: a supernet, for fits that start from one."""
        return supernet_spec(params)

    def prepare(self, signals: Sequence[Signal], spec: AssetSpec, setup: Setup) -> Iterator[AssetState]:
        """See `Codec.prepare`; a supernet starts from no other asset."""
        return build_supernets(signals, spec, setup)

    def fit(
        self, signals: Sequence[Signal], params: MlpParams, rungs: Sequence[int], setup: Setup
    ) -> Iterator[MlpState]:
        """See `Codec.fit`."""
        recipe = recipe_of(params, setup.seed)
        if params.init == "supernet" and setup.asset is None and setup.resume is None:
            raise ValueError("a fit that starts from a supernet needs the asset of `prepare`")
        groups = [
            self._group(number, targets, params, recipe, setup.asset if setup.resume is None else None)
            for number, targets in enumerate(targets_by_layout(signals, setup.device))
        ]
        yield from fit_groups(params, groups, recipe, rungs, setup.resume, partial(_at_rung, params))

    def _group(self, number: int, targets: Targets, params: MlpParams, recipe: Recipe, asset: Asset | None) -> MlpGroup:
        field = make_field(params, targets.layout, params.depth, params.width)
        objective = SingleNetwork(
            forward_of(field, params.activation_bits),
            macs_per_point=field.macs_per_point(),
            elements_per_point=params.width,
            observation=targets.observation,
        )
        quantizer: Quantizer | None = None
        if params.quantizer != FP16:
            quantizer = QUANTIZERS[params.quantizer](parts_of(field, bit_widths(params), params.steps_per == "channel"))
            if params.activation_bits is not None:
                coords = calibration_coords(targets)
                quantizer = WithActivations(quantizer, field, params.activation_bits, coords)
        if asset is None:
            initial = same_for_all(field.init(torch.Generator().manual_seed(recipe.seed)), targets)
        else:
            initial = supernet_slices(asset, number, params, targets.layout)
        return make_group(targets, field, field.macs_per_point(), initial, objective, quantizer, recipe)

    def encode(self, state: MlpState) -> list[bytes]:
        """See `Codec.encode`."""
        return state.files(
            lambda group, measured: (
                container.pack(self.id, group.layout, packed) for packed in _bodies(group, state.params, measured)
            )
        )

    def decoder(self, file: container.Container, *, asset: Asset | None = None, level: Level | None = None) -> Decoder:
        """See `Codec.decoder`."""
        if level is not None:
            raise no_levels()
        parsed = Body.parse(file)

        def network() -> Network:
            weights = {name: torch.from_numpy(w).unsqueeze(0) for name, w in parsed.weights().items()}  # (1, *shape)
            return partial(parsed.forward, weights)

        return CoordinateDecoder(network, parsed.field.macs_per_point(), sum(part.size for part in parsed.parts))

    def inspect(self, file: container.Container, *, asset: Asset | None = None) -> Inspection:
        """See `Codec.inspect`."""
        parsed = Body.parse(file)
        parsed.weights()  # a corrupt stream is said to be one, instead of being described
        return Inspection(
            about={
                "backbone": parsed.field.name,
                "depth": parsed.field.shape.depth,
                "width": parsed.field.shape.width,
                "weights": sum(part.size for part in parsed.parts),
                **parsed.quantization(),
            },
            macs_per_point=parsed.field.macs_per_point(),
            bits={"header": 8 * (file.size - len(file.body) + parsed.header_bytes), **parsed.stored_bits()},
        )


def _at_rung(params: MlpParams, group: MlpGroup, branch: BatchFit) -> dict[str, Tensor]:
    """See `fit_groups`; steps are searched if the parameters say so."""
    latents = latents_of(group, branch)
    if group.quantizer is None or not params.step_search:
        return latents
    return search_steps(
        group.quantizer,
        latents,
        branch.losses,
        lambda latents: [len(packed) for packed in _bodies(group, params, latents)],
        bit_weight(params.lambda_ or 0.0, params.loss, group.layout.points),
    )


def _bodies(group: MlpGroup, params: MlpParams, measured: Mapping[str, Tensor]) -> Iterator[bytes]:
    """The bodies of the files of a group's signals, in their order."""
    steps = activation_steps(measured)  # (B, depth)
    for position, pack_weights in enumerate(packers(group, measured)):
        activations = None if steps is None else steps[position].cpu().numpy()
        yield body.pack(group.architecture, params, pack_weights, activations)
