"""Probes: a few configs of a space are fitted briefly, to learn what a step and a measurement cost on this machine."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.engine.catalog import canonicalise
from searchinr.engine.store.asset_cache import AssetCache, Origin
from searchinr.engine.store.asset_keys import asset_id, building_seed
from searchinr.errors import TrialError
from searchinr.search.configs import Config, ConfigSpace
from searchinr.search.random_sampler import Random
from searchinr.search.samplers import History
from searchinr.signals.datasets import Dataset
from searchinr.signals.signal import Signal
from searchinr.space import Resources, Space
from searchinr.trial import Measurement, asset_spec, base_spec, build_asset, run_trial

_RUNGS = (10, 40)
_LIMIT_S = 60.0  # after this much training, a probe is stopped and its cost follows from the steps so far


@dataclass(frozen=True)
class Probe:
    """The costs of one config.

    Attributes:
        step_s: Seconds that a training step takes.
        rung_s: Seconds that set-up, encoding and decoding take at a rung.
        branch: Steps of a rung's branch, which later rungs do not go on from, as a fraction of the rung's length.
    """

    step_s: float
    rung_s: float
    branch: float


def probe(space: Space, dataset: Dataset, count: int, training: Dataset | None, cache: AssetCache) -> Iterator[Probe]:
    """Fits so many configs drawn at random from a space to one of its datasets; configs that fail are left out.

    Without training signals no config needs any. Assets are taken from the cache, and those that are built here are
    left there for the run.
    """
    keep_freed_memory()
    resources = space.resources
    torch.set_num_threads(max(1, int(resources.cpu)))
    configs = Random(ConfigSpace(space.codecs, canonicalise), space.search.seed)
    for number in range(count):
        config = next(configs.proposals(History((), (), (), number)))
        try:
            device = device_here(resources)
            asset = _asset(config, dataset, training, space.search.seed, device, cache)
            found = _probe(config, dataset.signals, space.search.seed, device, asset)
        except TrialError:
            continue
        if found is not None:
            yield found


def device_here(resources: Resources) -> torch.device:
    """The device on which a trial would run on this machine."""
    return torch.device("cuda" if resources.gpu > 0 and torch.cuda.is_available() else "cpu")


def _asset(
    config: Config,
    dataset: Dataset,
    training: Dataset | None,
    seed: int,
    device: torch.device,
    cache: AssetCache,
) -> Asset | None:
    """The asset that a fit needs, which is built if it is not in the cache; the time of this is not the fit's."""

    def built(spec: AssetSpec | None) -> Asset | None:
        if spec is None:
            return None
        source = training if training is not None and spec.needed_to_decode else dataset
        name = asset_id(config.codec, spec, source.key, seed)
        if (found := cache.find(name, spec)) is not None:
            return found.asset
        base = built(base_spec(config.codec, spec))
        own_seed = building_seed(name, spec, seed)
        *_, last = build_asset(config.codec, spec, source.signals, seed=own_seed, device=device, base=base)
        if last.asset is not None:
            cache.keep(name, config.codec, last.asset, Origin(last.cost, dataset.name, time.time()))
        return last.asset

    return built(asset_spec(config))


def _probe(
    config: Config,
    signals: Sequence[Signal],
    seed: int,
    device: torch.device,
    asset: Asset | None,
) -> Probe | None:
    started = time.perf_counter()
    measured: list[Measurement] = []
    rung_s = 0.0
    with closing(run_trial(config, signals, _RUNGS, seed=seed, device=device, asset=asset)) as states:  # type: ignore[type-var]
        for state in states:
            if isinstance(state, Measurement):
                measured.append(state)
                rung_s = (time.perf_counter() - started - state.train_s) / len(measured)
            if state.train_s > _LIMIT_S:
                break
    if not measured:
        return Probe(state.train_s / state.steps, 0.0, 0.0)
    first, last = measured[0], measured[-1]
    macs = first.figures.cost.macs / first.steps  # multiply-accumulates of a step
    if last is first or macs == 0:
        return Probe(first.train_s / first.steps, rung_s, 0.0)
    taken = last.figures.cost.macs / macs  # number of all steps, with those of the first rung's branch
    return Probe((last.train_s - first.train_s) / (taken - first.steps), rung_s, (taken - last.steps) / first.steps)
