"""The asset from which fits of codec `mlp` with `init: supernet` start. Decoding does not need it.

The asset holds one supernet for each signal, and a supernet holds networks of all depths and widths of the search. It
is trained on the same targets as the fits, so that its slices are networks which have already seen their signal. Its
loss is the logarithm of the MSE, whatever the loss of the fits is.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from searchinr.codecs.contract import Asset, AssetSpec, AssetState, Setup
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting.groups import make_field, same_for_all
from searchinr.codecs.fitting.layouts import targets_by_layout
from searchinr.codecs.fitting.nesting import nested, part_of
from searchinr.codecs.fitting.supernet import Sandwich, Supernet
from searchinr.codecs.fitting.training import BatchFit, Recipe, fit_to_rung
from searchinr.codecs.mlp.params import MlpParams
from searchinr.codecs.params.sizes import parse_sizes
from searchinr.signals.signal import Layout, Signal
from searchinr.space import build_params

_DONE, _TRAINING = "done", "training"


def supernet_spec(params: MlpParams) -> AssetSpec | None:
    """See `Codec.asset_spec`."""
    if params.init != "supernet":
        return None
    return AssetSpec(
        "supernet",
        {
            "backbone": params.backbone,
            **{f"{params.backbone}.{key}": value for key, value in params.own if value is not None},
            "batch_fraction": params.batch_fraction,
            **{f"supernet.{key}": value for key, value in params.supernet},
        },
        needed_to_decode=False,
        per_seed=True,  # or the fits that confirm a point would all start from one supernet's luck
    )


def build_supernets(signals: Sequence[Signal], spec: AssetSpec, setup: Setup) -> Iterator[AssetState]:
    """See `Codec.prepare`. The supernets of one layout are trained together, and one layout after the other.

    The learning rate is the backbone's own for the geometric mean of the narrowest and the widest width, and falls
    along a cosine from the first step on. A checkpoint holds the supernets of the layouts that are done, and the
    training of the layout that is under way.
    """
    params = build_params(MlpParams, spec.params)
    groups = targets_by_layout(signals, setup.device)
    steps, resume = params.supernet.steps, setup.resume or {}
    tensors = part_of(resume, _DONE)
    macs = float(resume.get("macs", 0.0))
    first = int(resume.get("layout", 0))
    for number, group in enumerate(groups[first:], start=first):
        supernet = _supernet(params, group.layout)
        under_way = part_of(resume, _TRAINING) if number == first else {}
        initial = same_for_all(supernet.init(torch.Generator().manual_seed(setup.seed)), group)
        lr = FIELDS[params.backbone].default_lr(round(math.sqrt(supernet.widths[0] * supernet.widths[-1])))
        recipe = Recipe(lr=lr, decay=1.0, batch_fraction=params.batch_fraction, seed=setup.seed)
        trunk = BatchFit(Sandwich(supernet, observation=group.observation), initial, group.points, recipe)
        for fit in fit_to_rung(trunk, recipe, steps, branched=under_way or None):
            fit.check_finite()
            if under_way and fit.steps == int(under_way["steps"]):
                continue  # all steps of this layout were taken before the checkpoint
            checkpoint = partial(_checkpoint, number, macs, tensors, fit)
            yield AssetState(number * steps + fit.steps, steps * len(groups), macs + fit.macs, checkpoint)
        macs += fit.macs
        tensors |= nested(str(number), {name: weight.detach().cpu() for name, weight in fit.weights.items()})
    total = steps * len(groups)
    yield AssetState(total, total, macs, asset=Asset.of(spec, tensors))


def _checkpoint(layout: int, macs: float, done: Mapping[str, Tensor], fit: BatchFit) -> dict[str, Tensor]:
    """The state while the layout of this number is fitted, with the supernets of those before it and their work."""
    place = {"layout": torch.tensor(layout), "macs": torch.tensor(macs, dtype=torch.float64)}
    return {**place, **nested(_DONE, done), **nested(_TRAINING, fit.state())}


def supernet_slices(asset: Asset, number: int, params: MlpParams, layout: Layout) -> dict[str, Tensor]:
    """The weights that the fits of a group of signals start from, `{name: (B, *shape)}`: slices of what was built.

    `number` is the place of the group's layout among all.
    """
    return _supernet(params, layout).subnet(part_of(asset.tensors, str(number)), params.depth, params.width)


def _supernet(params: MlpParams, layout: Layout) -> Supernet:
    held = params.supernet
    assert held.depths is not None and held.widths is not None  # left out, they were filled in
    return Supernet(partial(make_field, params, layout), parse_sizes(held.depths), parse_sizes(held.widths))
