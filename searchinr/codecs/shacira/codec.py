"""Codec `shacira`: fitting, encoding, trimming and decoding; the package says what is computed."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream import container
from searchinr.codecs.bitstream.steps import symbol_range as symbols_of
from searchinr.codecs.contract import Asset, Codec, Decoder, Inspection, Level, Setup
from searchinr.codecs.decoders import CoordinateDecoder
from searchinr.codecs.fields.grid_levels import MAX_AXES, GridLevels
from searchinr.codecs.fields.hashgrid import Hashgrid, HashgridParams
from searchinr.codecs.fields.interpolation import FixedPoints, matrices_pay
from searchinr.codecs.fields.layers import pytorch_init, uniform
from searchinr.codecs.fitting.groups import (
    NetworkGroup,
    NetworkState,
    fit_groups,
    make_group,
    packers,
    same_for_all,
)
from searchinr.codecs.fitting.layouts import Targets, field_shape, is_separable, targets_by_layout
from searchinr.codecs.fitting.objective import bit_weight
from searchinr.codecs.fitting.training import Recipe
from searchinr.codecs.level_names import matching
from searchinr.codecs.params.network_params import FP16
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.shacira.body import MAX_LATENT_BITS, Architecture, LatentFile, network_parts
from searchinr.codecs.shacira.objective import DECODER, LATENTS, LatentGrid
from searchinr.codecs.shacira.params import ShaciraParams
from searchinr.codecs.shacira.rate import RateModel
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal

_LATENT_BOUND = 1.5  # with 0.1, as published, all round to zero, and integers alone never leave it
_DECODER_SCALE = 0.1
_KEEP_BEST_OF = 50  # a look at all points costs a third of a step

ShaciraGroup = NetworkGroup[Hashgrid]
ShaciraState = NetworkState[ShaciraParams, Hashgrid]


class ShaciraCodec(Codec[ShaciraParams, ShaciraState]):
    """A hash grid of integers per signal, in a file with a section for each of its levels.

    A level is a resolution and all coarser ones: `{"level": 3}`.
    """

    name: ClassVar[str] = "shacira"
    id: ClassVar[int] = 2
    Params = ShaciraParams
    scalable: ClassVar[bool] = True

    def refusal(self, layout: Layout) -> str | None:
        """See `Codec.refusal`."""
        found = len(MODALITIES[layout.modality].extent(layout))
        return None if found <= MAX_AXES else f"{found} coordinates found; hash grids have at most {MAX_AXES}"

    def fit(
        self, signals: Sequence[Signal], params: ShaciraParams, rungs: Sequence[int], setup: Setup
    ) -> Iterator[ShaciraState]:
        """See `Codec.fit`."""
        recipe = _recipe(params, setup.seed)
        groups = [_group(targets, params, recipe) for targets in targets_by_layout(signals, setup.device)]
        yield from fit_groups(params, groups, recipe, rungs, setup.resume)

    def encode(self, state: ShaciraState) -> list[bytes]:
        """See `Codec.encode`."""
        return state.files(
            lambda group, measured: _files(
                container.head(self.id, group.layout, scalable=True), group, state.params, measured
            )
        )

    def decoder(self, file: container.Container, *, asset: Asset | None = None, level: Level | None = None) -> Decoder:
        """See `Codec.decoder`."""
        parsed = LatentFile.parse(file)
        finest = parsed.levels[-1] if level is None else _level(parsed, level)
        architecture, field = parsed.architecture, parsed.architecture.field
        return CoordinateDecoder(
            lambda: partial(field.forward, parsed.weights(finest)),
            field.macs_per_point(),
            field.grid.entries * (architecture.latent_dim + field.params.features),
        )

    def levels(self, file: container.Container) -> list[tuple[Level, int]]:
        """See `Codec.levels`; an empty level adds nothing to the one before, and is not among them."""
        return _levels(LatentFile.parse(file))

    def trim(self, file: container.Container, level: Level) -> bytes:
        """See `Codec.trim`."""
        parsed = LatentFile.parse(file)
        return parsed.trimmed(_level(parsed, level)).pack()

    def inspect(self, file: container.Container, *, asset: Asset | None = None) -> Inspection:
        """See `Codec.inspect`."""
        parsed = LatentFile.parse(file)
        parsed.weights(1)  # a corrupt stream is said to be one, instead of being described
        field, stored = parsed.architecture.field, parsed.stored_bytes()
        return Inspection(
            about={
                **field.params.model_dump(),
                "latent_dim": parsed.architecture.latent_dim,
                "mlp_depth": field.shape.depth,
                "mlp_width": field.shape.width,
                **parsed.quantization(),
                "latents": field.grid.entries * parsed.architecture.latent_dim,
                "models": parsed.models(),
            },
            macs_per_point=field.macs_per_point(),
            bits={
                "header": 8 * (file.size - sum(stored.values()) - parsed.incomplete),
                **{name: 8 * length for name, length in stored.items()},
                **({"incomplete": 8 * parsed.incomplete} if parsed.incomplete else {}),
            },
        )


def _recipe(params: ShaciraParams, seed: int) -> Recipe:
    learns_rate = params.quantizer != FP16 and QUANTIZERS[params.quantizer].learns_rate
    factors = {LATENTS: params.latent_lr, DECODER: params.decoder_lr}
    factors |= dict.fromkeys(RateModel.names, params.entropy_lr)
    return Recipe(
        lr=params.lr,
        decay=params.decay,
        batch_fraction=params.batch_fraction,
        seed=seed,
        loss=params.loss,
        qat_fraction=params.qat_fraction or 0.0,
        lambda_=params.lambda_ if learns_rate else 0.0,
        lr_factors={name: lr / params.lr for name, lr in factors.items()},
        keep_best_of=_KEEP_BEST_OF,
    )


def _group(targets: Targets, params: ShaciraParams, recipe: Recipe) -> ShaciraGroup:
    field, device = _field(targets.layout, params), targets.points.device
    level_entries = [level.entries for level in field.grid.levels]
    rate = RateModel(level_entries, params.latent_dim, per_level=params.rate_model == "level", device=device)
    points = targets.layout.points
    is_fixed = recipe.batch(points) == points and is_separable(targets.layout)
    is_fixed = is_fixed and matrices_pay(field.grid, targets.layout.grid, device)
    objective = LatentGrid(
        field,
        rate,
        fixed=_fixed_points(field.grid, targets.layout, device) if is_fixed else None,
        rounding=params.rounding,
        bit_weight=bit_weight(params.lambda_, params.loss, points),
        ste_fraction=params.ste_fraction,
        level_dropout=params.level_dropout,
        observation=targets.observation,
    )
    rng = torch.Generator().manual_seed(recipe.seed)
    initial = {
        **pytorch_init(field.network_tensors(), rng),
        LATENTS: uniform(rng, (field.grid.entries, params.latent_dim), _LATENT_BOUND),
        DECODER: _first_decoder(params.latent_dim, params.features),
        **rate.init(),
    }
    quantizer = None
    if params.quantizer != FP16:
        quantizer = QUANTIZERS[params.quantizer](network_parts(field, params.latent_dim, params.weight_bits or 0))
    return make_group(
        targets, field, field.macs_per_point(), same_for_all(initial, targets), objective, quantizer, recipe
    )


def _field(layout: Layout, params: ShaciraParams) -> Hashgrid:
    shape = field_shape(layout, params.mlp_depth, params.mlp_width)
    return Hashgrid(shape, HashgridParams(**{key: getattr(params, key) for key in HashgridParams.model_fields}))


@lru_cache(maxsize=2)  # trials with the same grid follow one another in a worker; photographs are upright or not
def _fixed_points(grid: GridLevels, layout: Layout, device: torch.device) -> FixedPoints:
    coords = torch.from_numpy(MODALITIES[layout.modality].coordinates(layout))
    return FixedPoints(grid, coords.view(*layout.grid, -1).to(device))


def _first_decoder(latent_dim: int, features: int) -> Tensor:
    """Every feature starts as one latent, and every latent as a feature: `(D, F)`."""
    rows, columns = torch.arange(latent_dim).unsqueeze(1), torch.arange(features)
    least = min(latent_dim, features)
    return _DECODER_SCALE * (rows % least == columns % least).float()


def _files(
    head: bytes,
    group: ShaciraGroup,
    params: ShaciraParams,
    measured: Mapping[str, Tensor],
) -> Iterator[bytes]:
    """The files of a group's signals, in their order."""
    field = group.architecture
    parts = network_parts(field, params.latent_dim, params.weight_bits or 0)
    largest = symbols_of(MAX_LATENT_BITS)
    integers = measured[LATENTS].round().clamp(*largest).cpu().numpy().astype(np.int32)  # (B, E, D)
    for pack, latents in zip(packers(group, measured), integers, strict=True):
        architecture = Architecture(
            field, params.latent_dim, QUANTIZERS.get(params.quantizer), params.weight_bits, _bits_that_hold(latents)
        )
        by_level = np.split(latents, field.grid.starts[1:-1])
        yield LatentFile.of(head, architecture, pack(parts), by_level).pack()


def _bits_that_hold(latents: NDArray[np.int32]) -> int:
    """The least bit-width whose symbols reach all of them."""
    for bits in range(1, MAX_LATENT_BITS):
        low, high = symbols_of(bits)
        if low <= latents.min() and latents.max() <= high:
            return bits
    return MAX_LATENT_BITS


def _levels(parsed: LatentFile) -> list[tuple[Level, int]]:
    return [({"level": level}, len(parsed.trimmed(level).pack())) for level in parsed.levels]


def _level(parsed: LatentFile, level: Level) -> int:
    return matching(_levels(parsed), level)[-1][0]["level"]
