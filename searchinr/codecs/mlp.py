"""Codec `mlp`: a coordinate network per signal, quantised after training, entropy coded (COIN, arXiv 2103.03123).

    body = backbone (4 bits) | depth - 1 (4 bits)
           width (varint)
           weight_bits - 1 (4 bits) | edge_bits - 1 (4 bits), or 0 for fp16
           the backbone's own parameters
           fp16: the weights as they are, little-endian
           uniform: step (1 byte) and model (1 byte or more) of each tensor, then one range-coded stream

Training minimises the log of each signal's own MSE. Its gradient is that of the squared error divided by the squared
error, so that the squared error can be summed over tiles of points that fit the cache, with the same result.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field as Key
from pydantic import create_model, model_validator
from torch import Tensor

from searchinr.codecs.bitstream import container, range_coder
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.models.contract import Model
from searchinr.codecs.bitstream.models.registry import best_model, read_model
from searchinr.codecs.contract import Asset, Codec, CodecParams, FitState
from searchinr.codecs.fields.contract import Field, FieldShape, TensorSpec
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.quantize import uniform
from searchinr.codecs.training import BatchFit, Recipe, fit_to_rung
from searchinr.errors import InvalidFileError
from searchinr.signals.metrics import to_samples
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal

MAX_DEPTH, MAX_WIDTH = 16, 1024
MAX_WEIGHTS = 2**26
_FP16 = 0  # in the place of the bit-widths
_FP16_MAX = float(np.finfo(np.float16).max)
_YIELD_EVERY = 20  # steps between states that can be checkpointed
_DECODE_TILE = 8192  # points; fixed, since another tiling may round differently


class _MlpParams(CodecParams):
    backbone: Literal[tuple(FIELDS)] = Key("siren", description="network family")  # type: ignore[valid-type]
    depth: int = Key(3, ge=1, le=MAX_DEPTH, description="nonlinear layers (depth - 1 matrices are width x width)")
    width: int = Key(32, ge=4, le=MAX_WIDTH, description="channels of every hidden layer")
    quantizer: Literal["uniform", "fp16"] = Key("uniform", description="how weights become symbols after training")
    weight_bits: int = Key(
        8,
        ge=uniform.MIN_BITS,
        le=uniform.MAX_BITS,
        description="of weights between hidden layers, and of look-up tables",
        json_schema_extra={"unit": "bits"},
    )
    edge_bits: int = Key(
        10,
        ge=uniform.MIN_BITS,
        le=uniform.MAX_BITS,
        description="of the first and the last layer, which are more sensitive",
        json_schema_extra={"unit": "bits"},
    )
    lr: float | None = Key(
        None, gt=0, le=1, description="Adam's learning rate; left out, the backbone's own for this width"
    )
    decay: float = Key(
        0.5, ge=0.05, le=0.9, description="last fraction of the steps in which the learning rate falls to zero"
    )
    batch_fraction: float = Key(0.25, gt=0, le=1, description="points used in each step, as a fraction of the grid")

    @model_validator(mode="before")
    @classmethod
    def _default_lr(cls, data: Any) -> Any:  # noqa: ANN401  whatever the caller gave: checked after this
        if isinstance(data, dict) and data.get("lr") is None:
            backbone = data.get("backbone", cls.model_fields["backbone"].default)
            width = data.get("width", cls.model_fields["width"].default)
            if backbone in FIELDS and isinstance(width, int) and width > 0:
                return {**data, "lr": FIELDS[backbone].default_lr(width)}
        return data


_field_params: dict[str, Any] = {name: (field.Params, field.Params()) for name, field in FIELDS.items()}
MlpParams = create_model("MlpParams", __base__=_MlpParams, **_field_params)
"""The codec's parameters and, under each backbone's name, that backbone's own."""


def _field(layout: Layout, depth: int, width: int) -> FieldShape:
    modality = MODALITIES[layout.modality]
    return FieldShape(
        d_in=len(layout.grid),
        d_out=layout.channels,
        depth=depth,
        width=width,
        grid=layout.grid,
        extent=modality.extent(layout),
    )


@dataclass
class _Group:
    """The signals of one layout, fitted as one batch."""

    indices: list[int]
    layout: Layout
    field: Field
    gains: Tensor  # (B,)
    trunk: BatchFit


class MlpState(FitState):
    """Where the fit of all groups stands."""

    def __init__(self, params: Any, groups: list[_Group], steps: int, rungs_passed: int) -> None:  # noqa: ANN401
        self.params = params
        self.groups = groups
        self.steps = steps
        self.rungs_passed = rungs_passed
        self.measured: list[dict[str, Tensor]] = []  # per group, the weights at this rung

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
        return sum(len(group.indices) * group.field.macs_per_point() for group in self.groups) / signals

    def checkpoint(self) -> dict[str, Tensor]:
        """The trunks; a branch is run again."""
        flat = {"rungs_passed": torch.tensor(self.rungs_passed)}
        for number, group in enumerate(self.groups):
            flat.update({f"{number}.{key}": value for key, value in group.trunk.state().items()})
        return flat


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
        recipe = Recipe(lr=params.lr, decay=params.decay, batch_fraction=params.batch_fraction, seed=seed)
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
                for fit in fit_to_rung(group.trunk, recipe, rung):
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
        signals: Sequence[Signal],
        indices: list[int],
        params: Any,  # noqa: ANN401
        recipe: Recipe,
        seed: int,
        device: torch.device,
    ) -> _Group:
        layout = signals[indices[0]].layout
        field_class = FIELDS[params.backbone]
        field = field_class(_field(layout, params.depth, params.width), getattr(params, params.backbone))
        # One initialisation for all signals: up to rounding, a signal's file does not depend on its companions.
        initial = field.init(torch.Generator().manual_seed(seed))
        targets = torch.stack([_targets(signals[i]) for i in indices]).to(device)  # (B, n, c)
        gains = targets.abs().amax(dim=(1, 2)).clamp_min(1e-6)  # (B,)
        trunk = BatchFit(
            field.forward,
            {name: w.expand(len(indices), *w.shape) for name, w in initial.items()},
            torch.from_numpy(MODALITIES[layout.modality].coordinates(layout)).to(device),
            targets / gains.view(-1, 1, 1),
            recipe=recipe,
            macs_per_point=field.macs_per_point(),
            elements_per_point=params.width,
        )
        return _Group(indices, layout, field, gains.cpu(), trunk)

    def encode(self, state: MlpState) -> list[bytes]:
        """See `Codec.encode`."""
        files: dict[int, bytes] = {}
        for group, batch in zip(state.groups, state.measured, strict=True):
            for position, index in enumerate(group.indices):
                weights = {name: w[position].cpu() for name, w in batch.items()}
                # Targets were scaled to a peak of 1: the last layer takes the signal's gain back.
                weights = {
                    name: w * group.gains[position] if name.startswith("out.") else w for name, w in weights.items()
                }
                body = _encode_body(group.field, state.params, {n: w.numpy() for n, w in weights.items()})
                files[index] = container.pack(self.id, group.layout, body)
        return [files[i] for i in range(len(files))]

    def decode(self, file: container.Container, *, asset: Asset | None = None, scale: float = 1.0) -> Signal:
        """See `Codec.decode`."""
        modality = MODALITIES[file.layout.modality]
        layout = file.layout_at(scale)
        body = _Body.parse(file)
        weights = {name: torch.from_numpy(w).unsqueeze(0) for name, w in body.weights().items()}  # (1, *shape)
        low, high = modality.value_range(layout)
        samples = np.empty((layout.points, layout.channels), _sample_dtype(low, high))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums may round otherwise with another number of threads
        try:
            with torch.inference_mode():
                for start in range(0, layout.points, _DECODE_TILE):
                    stop = min(start + _DECODE_TILE, layout.points)
                    coords = torch.from_numpy(modality.coordinates(layout, start, stop))
                    values = body.field.forward(weights, coords)[0]  # (m, c)
                    if values.isnan().any():
                        raise InvalidFileError("the file holds weights that give NaN: it is corrupt")
                    scaled = low + (values.double().numpy() + 1) / 2 * (high - low)
                    samples[start:stop] = to_samples(scaled, (low, high))
        finally:
            torch.set_num_threads(threads)
        return Signal("decoded", samples.reshape(*layout.grid, layout.channels), layout)

    def inspect(self, file: container.Container) -> dict[str, Any]:
        """See `Codec.inspect`."""
        body = _Body.parse(file)
        body.weights()  # a corrupt stream is said to be one, instead of being described
        parts: dict[str, float] = {"header": 8 * (file.size - len(file.body)) + 8 * body.header_bytes}
        for spec, stored in zip(body.field.tensors(), body.stored_bits(), strict=True):
            parts[spec.name] = stored
        return {
            "backbone": body.field.name,
            "depth": body.field.shape.depth,
            "width": body.field.shape.width,
            "weights": sum(int(np.prod(spec.shape)) for spec in body.field.tensors()),
            "macs_per_point": body.field.macs_per_point(),
            "quantizer": "fp16" if body.bits is None else "uniform",
            **({} if body.bits is None else {"weight_bits": body.bits[0], "edge_bits": body.bits[1]}),
            "bits": parts,
        }


CODEC = MlpCodec


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


def _bits_of(spec: TensorSpec, bits: tuple[int, int]) -> int:
    return bits[1] if spec.role == "edge" else bits[0]


def _encode_body(field: Field, params: Any, weights: Mapping[str, NDArray[np.float32]]) -> bytes:  # noqa: ANN401
    out = Writer()
    out.byte(field.id << 4 | (field.shape.depth - 1))
    out.varint(field.shape.width)
    fp16 = params.quantizer == "fp16"
    out.byte(_FP16 if fp16 else (params.weight_bits - 1) << 4 | (params.edge_bits - 1))
    field.pack(out)
    if fp16:
        out.data += b"".join(
            np.clip(weights[spec.name], -_FP16_MAX, _FP16_MAX).astype("<f2").tobytes() for spec in field.tensors()
        )
        return bytes(out.data)
    arrays, models = [], []
    for spec in field.tensors():
        bits = _bits_of(spec, (params.weight_bits, params.edge_bits))
        symbols, step = uniform.quantize(weights[spec.name].ravel(), bits)
        model = best_model(symbols, -uniform.bound(bits), uniform.bound(bits))
        out.byte(step)
        model.write(out)
        arrays.append(symbols)
        models.append(model)
    out.data += range_coder.encode(arrays, models)
    return bytes(out.data)


@dataclass
class _Body:
    """A parsed body: the architecture, and the weights still coded."""

    field: Field
    bits: tuple[int, int] | None  # None: fp16
    header_bytes: int
    payload: Reader

    @classmethod
    def parse(cls, file: container.Container) -> Self:
        reader = Reader(file.body)
        architecture, width, packed_bits = reader.byte(), reader.varint(), reader.byte()
        field_class = next((f for f in FIELDS.values() if f.id == architecture >> 4), None)
        if field_class is None:
            raise InvalidFileError(f"unknown backbone number {architecture >> 4}: update searchinr")
        if not 1 <= width <= MAX_WIDTH:
            raise InvalidFileError(f"the file claims a width of {width}: allowed are 1 to {MAX_WIDTH}")
        bits = None if packed_bits == _FP16 else ((packed_bits >> 4) + 1, (packed_bits & 15) + 1)
        if bits is not None and min(bits) < uniform.MIN_BITS:
            raise InvalidFileError(f"the file claims bit-widths of {bits}: allowed are 2 to 16")
        field = field_class.unpack(_field(file.layout, (architecture & 15) + 1, width), reader)
        if sum(int(np.prod(spec.shape)) for spec in field.tensors()) > MAX_WEIGHTS:
            raise InvalidFileError(f"the file claims more than {MAX_WEIGHTS} weights")
        return cls(field, bits, len(file.body) - len(reader.rest()), reader)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Weights by tensor name, each of its spec's shape."""
        specs = self.field.tensors()
        if self.bits is None:
            data = self.payload.rest()
            sizes = [int(np.prod(spec.shape)) for spec in specs]
            if len(data) != 2 * sum(sizes):
                raise InvalidFileError(f"{len(data)} bytes of fp16 weights found, {2 * sum(sizes)} expected")
            with np.errstate(invalid="ignore"):  # NaN, which is refused below
                flat = np.split(np.frombuffer(data, "<f2").astype(np.float32), np.cumsum(sizes)[:-1])
        else:
            steps, coded, stream = self._side_information()
            flat = [
                uniform.dequantize(symbols, step)
                for symbols, step in zip(range_coder.decode(stream, coded), steps, strict=True)
            ]
        weights = {spec.name: w.reshape(spec.shape) for spec, w in zip(specs, flat, strict=True)}
        if not all(np.isfinite(w).all() for w in weights.values()):
            raise InvalidFileError("the file holds weights that are not finite")
        return weights

    def _side_information(self) -> tuple[list[int], list[tuple[Model, int]], bytes]:
        assert self.bits is not None
        reader = Reader(self.payload.rest())
        steps, coded = [], []
        for spec in self.field.tensors():
            steps.append(reader.byte())
            bound = uniform.bound(_bits_of(spec, self.bits))
            coded.append((read_model(reader, -bound, bound), int(np.prod(spec.shape))))
        return steps, coded, reader.rest()

    def stored_bits(self) -> list[float]:
        """Bits of each tensor: its side information and its ideal code length; the last one takes the coder's end."""
        specs = self.field.tensors()
        if self.bits is None:
            return [16.0 * int(np.prod(spec.shape)) for spec in specs]
        _, coded, stream = self._side_information()
        arrays = range_coder.decode(stream, coded)
        side = [8 + model.description_bits for model, _ in coded]
        stored = [bits + model.bits(symbols) for bits, symbols, (model, _) in zip(side, arrays, coded, strict=True)]
        stored[-1] += 8 * len(stream) + sum(side) - sum(stored)
        return stored
