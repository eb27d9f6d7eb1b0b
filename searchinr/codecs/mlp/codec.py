"""Codec `mlp`: fitting, encoding and decoding.

Training minimises the log of each signal's own MSE. Its gradient is that of the squared error divided by the squared
error, so that the squared error can be summed over tiles of points that fit the cache, with the same result.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.activations import WithActivations, activation_steps, forward_of
from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset, Codec
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.mlp import body
from searchinr.codecs.mlp.body import Body, field_shape, parts_of
from searchinr.codecs.mlp.params import FP16, MlpParams
from searchinr.codecs.mlp.state import Group, MlpState
from searchinr.codecs.mlp.step_search import search_steps
from searchinr.codecs.quantize.contract import Quantizer
from searchinr.codecs.quantize.levels import LAST_STEP, PER_OCTAVE
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.training import BatchFit, Recipe, fit_to_rung
from searchinr.errors import InvalidFileError
from searchinr.signals.metrics import to_samples
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal

_YIELD_EVERY = 20  # steps between states that can be checkpointed
_DECODE_TILE = 8192  # points; fixed, since another tiling may round differently


class MlpCodec(Codec):
    """A coordinate network per signal."""

    name: ClassVar[str] = "mlp"
    id: ClassVar[int] = 0
    Params = MlpParams

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
        groups = [
            self._group(signals, indices, params, recipe, seed, device) for indices in _by_layout(signals).values()
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
            measured = [_at_rung(group, branch, params) for group, branch in zip(groups, branches, strict=True)]
            for group, branch in zip(groups, branches, strict=True):
                # Only now: a fit resumed before this point runs the branches again.
                group.trunk.macs = branch.macs
            state.steps = state.rungs_passed = rung
            state.measured = measured
            yield state
            state.measured = []

    def _group(
        self,
        signals: Sequence[Signal],
        indices: list[int],
        params: Any,  # noqa: ANN401
        recipe: Recipe,
        seed: int,
        device: torch.device,
    ) -> Group:
        layout = signals[indices[0]].layout
        field_class = FIELDS[params.backbone]
        field = field_class(field_shape(layout, params.depth, params.width), getattr(params, params.backbone))
        # One initialisation for all signals: up to rounding, a signal's file does not depend on its companions.
        initial = field.init(torch.Generator().manual_seed(seed))
        coords = torch.from_numpy(MODALITIES[layout.modality].coordinates(layout)).to(device)  # (n, d_in)
        targets = torch.stack([_targets(signals[i]) for i in indices]).to(device)  # (B, n, c)
        peaks = targets.abs().amax(dim=(1, 2)).clamp_min(2.0**-20)  # (B,)
        gains = torch.ceil(PER_OCTAVE * torch.log2(peaks)).long()  # (B,)
        trunk = BatchFit(
            forward_of(field, params.activation_bits),
            {name: w.expand(len(indices), *w.shape) for name, w in initial.items()},
            coords,
            targets / torch.exp2(gains / PER_OCTAVE).view(-1, 1, 1),
            recipe=recipe,
            macs_per_point=field.macs_per_point(),
            elements_per_point=params.width,
        )
        quantizer: Quantizer | None = None
        if params.quantizer != FP16:
            parts = parts_of(field, params.weight_bits, params.edge_bits, params.steps_per == "channel")
            quantizer = QUANTIZERS[params.quantizer](parts)
            if params.activation_bits is not None:
                quantizer = WithActivations(quantizer, field, params.activation_bits, coords)
        return Group(indices, layout, field, quantizer, gains.cpu(), trunk)

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
                    values = parsed.forward(weights, coords)[0]  # (m, c)
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


def _at_rung(group: Group, branch: BatchFit, params: Any) -> dict[str, Tensor]:  # noqa: ANN401  MlpParams
    """What `_bodies` takes, of a branch that has reached its rung."""
    weights = {name: w.detach() for name, w in branch.weights.items()}
    if group.quantizer is None:
        return weights
    latents = weights if params.qat_fraction else group.quantizer.start(weights)
    if not params.step_search:
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
    # Targets were divided by the signals' gains: the last layer, which is linear, takes them back.
    if group.quantizer is None:
        gains = torch.exp2(group.gains / PER_OCTAVE).tolist()
        for position, gain in enumerate(gains):
            weights = {name: w[position].cpu() * (gain if _is_last(name) else 1) for name, w in measured.items()}
            yield body.pack_fp16(group.field, {name: w.numpy() for name, w in weights.items()})
        return
    coded = group.quantizer.coded(measured)
    activations = activation_steps(measured)
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
        of_signal = None if activations is None else activations[position].cpu().numpy()  # (depth,)
        yield body.pack(group.field, params, tensors, of_signal)


def _is_last(name: str) -> bool:
    return name.startswith("out.")


def _by_layout(signals: Sequence[Signal]) -> dict[Layout, list[int]]:
    groups: dict[Layout, list[int]] = {}
    for index, signal in enumerate(signals):
        groups.setdefault(signal.layout, []).append(index)
    return groups


def _targets(signal: Signal) -> Tensor:
    """Samples scaled from the value range to [-1, 1], `(n, c)`."""
    low, high = MODALITIES[signal.layout.modality].value_range(signal.layout)
    scaled = (signal.samples.astype(np.float64) - low) / (high - low) * 2 - 1
    # (*grid, c) -> (n, c)
    return torch.from_numpy(scaled.reshape(-1, signal.layout.channels).astype(np.float32))


def _sample_dtype(low: int, high: int) -> np.dtype[Any]:
    return np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high))
