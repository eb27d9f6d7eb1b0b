"""Codec `mlp`: fitting, encoding and decoding.

Training minimises the log of each signal's own MSE. Its gradient is that of the squared error divided by the squared
error, so that the squared error can be summed over tiles of points that fit the cache, with the same result.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset, AssetSpec, AssetState, Codec
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.mlp import body
from searchinr.codecs.mlp.body import Body, field_shape, parts_of
from searchinr.codecs.mlp.params import FP16, MlpParams
from searchinr.codecs.mlp.shared_supernet import build_supernets, supernet_slices, supernet_spec
from searchinr.codecs.mlp.state import Group, MlpState
from searchinr.codecs.mlp.supernet_space import completed
from searchinr.codecs.mlp.targets import Targets, targets_by_layout
from searchinr.codecs.quantize.levels import LAST_STEP, PER_OCTAVE
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.training import BatchFit, Recipe, fit_to_rung
from searchinr.errors import InvalidFileError
from searchinr.signals.metrics import to_samples
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal
from searchinr.space import Domain, Finding

_YIELD_EVERY = 20  # steps between states that can be checkpointed
_DECODE_TILE = 8192  # points; fixed, since another tiling may round differently


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
        self, signals: Sequence[Signal], spec: AssetSpec, *, seed: int, device: torch.device
    ) -> Iterator[AssetState]:
        """See `Codec.prepare`."""
        return build_supernets(signals, spec, seed=seed, device=device)

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
    ) -> Iterator[MlpState]:
        """See `Codec.fit`."""
        recipe = Recipe(
            lr=params.lr,
            decay=params.decay,
            batch_fraction=params.batch_fraction,
            seed=seed,
            loss=params.loss,
            qat_fraction=params.qat_fraction or 0.0,
            rate_weight=params.rate_weight or 0.0,
        )
        if params.init == "supernet" and asset is None and resume is None:
            raise ValueError("a fit that starts from a supernet needs the asset of `prepare`")
        groups = [
            self._group(number, targets, params, recipe, asset if resume is None else None)
            for number, targets in enumerate(targets_by_layout(signals, device))
        ]
        state = MlpState(params, groups, 0, 0)
        if resume is not None:
            state.rungs_passed = int(resume["rungs_passed"])
            for number, group in enumerate(groups):
                prefix = f"{number}."
                group.trunk.load({k.removeprefix(prefix): v for k, v in resume.items() if k.startswith(prefix)})
        for rung in rungs:
            if rung <= state.rungs_passed:
                continue
            passed = state.rungs_passed
            branches: list[BatchFit] = []
            for number, group in enumerate(groups):
                learner = group.quantizer if params.qat_fraction else None
                for fit in fit_to_rung(group.trunk, recipe, rung, learner):
                    if fit.steps % _YIELD_EVERY == 0:
                        fit.check_finite()
                        # The trunk goes on from before the last rung: until it is past it, nothing is gained.
                        done = number * rung + max(fit.steps, passed) + (len(groups) - number - 1) * passed
                        state.steps = done // len(groups)
                        yield state
                fit.check_finite()
                branches.append(fit)
            for group, branch in zip(groups, branches, strict=True):
                # Only now: a fit resumed before this point runs the branches again.
                group.trunk.macs = branch.macs
            state.steps = state.rungs_passed = rung
            state.measured = [{name: w.detach() for name, w in branch.weights.items()} for branch in branches]
            yield state
            state.measured = []

    def _group(
        self,
        number: int,
        targets: Targets,
        params: Any,  # noqa: ANN401
        recipe: Recipe,
        asset: Asset | None,
    ) -> Group:
        layout, signals = targets.layout, len(targets.indices)
        field_class = FIELDS[params.backbone]
        field = field_class(field_shape(layout, params.depth, params.width), getattr(params, params.backbone))
        if asset is None:
            # One initialisation for all signals: up to rounding, a signal's file does not depend on its companions.
            initial = field.init(torch.Generator().manual_seed(recipe.seed))
            weights = {name: w.expand(signals, *w.shape) for name, w in initial.items()}
        else:
            weights = supernet_slices(asset, number, params, layout)
        trunk = BatchFit(
            field.forward,
            weights,
            targets.coords,
            targets.values,
            recipe=recipe,
            macs_per_point=field.macs_per_point(),
            elements_per_point=params.width,
        )
        quantizer = None
        if params.quantizer != FP16:
            parts = parts_of(field, params.weight_bits, params.edge_bits, params.steps_per == "channel")
            quantizer = QUANTIZERS[params.quantizer](parts)
        return Group(targets.indices, layout, field, quantizer, targets.gains, trunk)

    def encode(self, state: MlpState) -> list[bytes]:
        """See `Codec.encode`."""
        files: dict[int, bytes] = {}
        for group, measured in zip(state.groups, state.measured, strict=True):
            for index, packed in zip(group.indices, _bodies(group, state.params, measured), strict=True):
                files[index] = container.pack(self.id, group.layout, packed)
        return [files[i] for i in range(len(files))]

    def decode(self, file: container.Container, *, asset: Asset | None = None, scale: float = 1.0) -> Signal:
        """See `Codec.decode`."""
        modality = MODALITIES[file.layout.modality]
        layout = file.layout_at(scale)
        parsed = Body.parse(file)
        weights = {name: torch.from_numpy(w).unsqueeze(0) for name, w in parsed.weights().items()}  # (1, *shape)
        low, high = modality.value_range(layout)
        samples = np.empty((layout.points, layout.channels), _sample_dtype(low, high))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums may round otherwise with another number of threads
        try:
            with torch.inference_mode():
                for start in range(0, layout.points, _DECODE_TILE):
                    stop = min(start + _DECODE_TILE, layout.points)
                    coords = torch.from_numpy(modality.coordinates(layout, start, stop))
                    values = parsed.field.forward(weights, coords)[0]  # (m, c)
                    if values.isnan().any():
                        raise InvalidFileError("the file holds weights that give NaN: it is corrupt")
                    scaled = low + (values.double().numpy() + 1) / 2 * (high - low)
                    samples[start:stop] = to_samples(scaled, (low, high))
        finally:
            torch.set_num_threads(threads)
        return Signal("decoded", samples.reshape(*layout.grid, layout.channels), layout)

    def inspect(self, file: container.Container) -> dict[str, Any]:
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


def _bodies(group: Group, params: Any, measured: Mapping[str, Tensor]) -> Iterator[bytes]:  # noqa: ANN401  MlpParams
    """The bodies of the files of a group's signals, in their order."""
    # Targets were divided by the signals' gains: the last layer, which is linear, takes them back.
    if group.quantizer is None:
        gains = torch.exp2(group.gains / PER_OCTAVE).tolist()
        for position, gain in enumerate(gains):
            weights = {name: w[position].cpu() * (gain if _is_last(name) else 1) for name, w in measured.items()}
            yield body.pack_fp16(group.field, {name: w.numpy() for name, w in weights.items()})
        return
    latents = measured if group.quantizer.learns else group.quantizer.start(measured)
    coded = group.quantizer.coded(latents)
    for position, gain in enumerate(group.gains.tolist()):
        tensors = {}
        for name, tensor in coded.items():
            steps = tensor.steps[position].cpu().numpy()
            tensors[name] = body.Tensor(
                symbols=tensor.symbols[position].flatten().cpu().numpy().astype(np.int32),  # (G, m) -> (n,)
                steps=np.clip(steps + gain, 0, LAST_STEP) if _is_last(name) else steps,
                offsets=None if tensor.offsets is None else tensor.offsets[position].cpu().numpy(),
                book=None if tensor.book is None else tensor.book[position].cpu().numpy(),
            )
        yield body.pack(group.field, params, tensors)


def _is_last(name: str) -> bool:
    return name.startswith("out.")


def _sample_dtype(low: int, high: int) -> np.dtype[Any]:
    return np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high))
