"""The supernet that fits of codec `mlp` with `init: supernet` start from: a shared asset that decoding does not need.

One supernet per signal holds all depths and widths of the search. It is trained on the same targets as the fits, so its
slices are networks that have seen their signal already. Its loss is the logarithm of the MSE whatever that of the fits.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from searchinr.codecs.contract import Asset, AssetSpec, AssetState
from searchinr.codecs.fields.contract import Field
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting.groups import same_for_all
from searchinr.codecs.fitting.layouts import field_shape, targets_by_layout
from searchinr.codecs.fitting.supernet import Supernet, Trained, train
from searchinr.codecs.mlp.params import MlpParams
from searchinr.codecs.params.sizes import parse_sizes
from searchinr.signals.signal import Layout, Signal
from searchinr.space import build_params


def supernet_spec(params: Any) -> AssetSpec | None:  # noqa: ANN401  MlpParams, which is made at run time
    """See `Codec.asset_spec`."""
    if params.init != "supernet":
        return None
    own = getattr(params, params.backbone)
    return AssetSpec(
        "supernet",
        {
            "backbone": params.backbone,
            **{f"{params.backbone}.{key}": value for key, value in own if value is not None},
            "batch_fraction": params.batch_fraction,
            **{f"supernet.{key}": value for key, value in params.supernet},
        },
        needed_to_decode=False,
    )


def build_supernets(
    signals: Sequence[Signal], spec: AssetSpec, *, seed: int, device: torch.device
) -> Iterator[AssetState]:
    """See `Codec.prepare`. The learning rate is that of the width halfway between the narrowest and the widest."""
    params: Any = build_params(MlpParams, spec.params)
    groups = targets_by_layout(signals, device)
    total = params.supernet.steps * len(groups)
    tensors: dict[str, Tensor] = {}
    macs = 0.0
    for number, group in enumerate(groups):
        supernet = _supernet(params, group.layout)
        initial = supernet.init(torch.Generator().manual_seed(seed))
        trained = Trained({}, 0, 0.0)
        for trained in train(
            supernet,
            same_for_all(initial, group),
            group.points,
            steps=params.supernet.steps,
            lr=FIELDS[params.backbone].default_lr(round(math.sqrt(supernet.widths[0] * supernet.widths[-1]))),
            batch_fraction=params.batch_fraction,
            seed=seed,
        ):
            yield AssetState(number * params.supernet.steps + trained.steps, total, macs + trained.macs)
        macs += trained.macs
        tensors |= {f"{number}.{name}": weight.cpu() for name, weight in trained.stored.items()}
    yield AssetState(total, total, macs, Asset.of(spec, tensors))


def supernet_slices(asset: Asset, number: int, params: Any, layout: Layout) -> dict[str, Tensor]:  # noqa: ANN401
    """The weights that the fits of a group of signals start from: `{name: (B, *shape)}`.

    Args:
        asset: What `build_supernets` has built.
        number: Place of the group among the layouts.
        params: The fit's parameters.
        layout: Of the group's signals.
    """
    prefix = f"{number}."
    stored: Mapping[str, Tensor] = {
        name.removeprefix(prefix): tensor for name, tensor in asset.tensors.items() if name.startswith(prefix)
    }
    return _supernet(params, layout).subnet(stored, params.depth, params.width)


def _supernet(params: Any, layout: Layout) -> Supernet:  # noqa: ANN401
    def make_field(depth: int, width: int) -> Field:
        return FIELDS[params.backbone](field_shape(layout, depth, width), getattr(params, params.backbone))

    return Supernet(make_field, parse_sizes(params.supernet.depths), parse_sizes(params.supernet.widths))
