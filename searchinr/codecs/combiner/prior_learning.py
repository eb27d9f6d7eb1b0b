"""Learning the prior: posteriors of training signals and the prior that suits them best, in turn (COMBINER, alg. 1).

Notation used for tensor shapes: B signals of a layout, m points of a step, n weights.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from searchinr.codecs.combiner.betas import betas_text
from searchinr.codecs.combiner.blocks import partition
from searchinr.codecs.combiner.distortion import Distortion
from searchinr.codecs.combiner.gaussians import Gaussians
from searchinr.codecs.combiner.network import SineNetwork
from searchinr.codecs.combiner.params import PRIOR_KEYS, CombinerParams
from searchinr.codecs.combiner.prior import Prior, WeightPrior, rounded
from searchinr.codecs.combiner.samples import MAX_SEED, shared_order
from searchinr.codecs.contract import Asset, AssetSpec, AssetState
from searchinr.codecs.fitting.layouts import Targets, targets_by_layout
from searchinr.errors import TrialError
from searchinr.signals.signal import Signal
from searchinr.space import Value, build_params

_FIRST_DEVIATION = 0.05
_UPDATE_EVERY = 20  # steps between updates of the prior
_YIELD_EVERY = 20


def prior_spec(params: Any) -> AssetSpec:  # noqa: ANN401  CombinerParams, which is made at run time
    """See `Codec.asset_spec`."""
    found: dict[str, Value] = {key: getattr(params, key) for key in PRIOR_KEYS if getattr(params, key) is not None}
    if not params.larger_betas:
        return AssetSpec("prior", {**found, "init": "scratch"}, needed_to_decode=True)
    betas = betas_text([*params.larger_betas, params.beta])
    found |= {"init": "neighbour", "neighbour.betas": betas, "neighbour.steps": params.neighbour.steps}
    return AssetSpec("prior", found, needed_to_decode=True)


def neighbour_spec(spec: AssetSpec) -> AssetSpec | None:
    """See `Codec.base_spec`: the prior of the next larger beta."""
    params: Any = build_params(CombinerParams, spec.params)
    if not params.larger_betas:
        return None
    return prior_spec(params.model_copy(update={"beta": params.larger_betas[-1]}))


def learn_prior(
    signals: Sequence[Signal], spec: AssetSpec, *, seed: int, device: torch.device, base: Asset | None = None
) -> Iterator[AssetState]:
    """See `Codec.prepare`; `signals` are training signals. Layouts with as many channels share a prior.

    Raises:
        TrialError: There are fewer signals than the parameters ask for, or the training diverged.
    """
    params: Any = build_params(CombinerParams, spec.params)
    if params.prior_signals is not None and params.prior_signals > len(signals):
        raise TrialError(f"prior_signals: found {params.prior_signals}; the training signals are {len(signals)}")
    if params.larger_betas and base is None:
        raise ValueError("a prior that starts from another needs the asset of that")
    steps = params.prior_steps if base is None else params.neighbour.steps
    neighbours = {} if base is None else Prior.of(base).by_channels
    by_channels: dict[int, list[Targets]] = {}
    for targets in targets_by_layout(signals[: params.prior_signals], device):
        by_channels.setdefault(targets.layout.channels, []).append(targets)
    total = steps * len(by_channels)
    learned: dict[int, WeightPrior] = {}
    macs = 0.0
    for number, (channels, layouts) in enumerate(by_channels.items()):
        learner = _Learner(layouts, params, seed, steps, neighbours.get(channels))
        for step in range(steps):
            learner.step(step)
            if (step + 1) % _YIELD_EVERY == 0:
                learner.check_finite()
                yield AssetState(number * steps + step + 1, total, macs + learner.macs)
        learner.check_finite()
        learned[channels] = learner.result()
        macs += learner.macs
    axes = len(signals[0].layout.grid)
    prior = Prior(params.depth, params.width, params.features, params.max_frequency, axes, learned)
    yield AssetState(total, total, macs, Asset.of(spec, prior.tensors(seed % MAX_SEED)))


class _Learner:
    """The posteriors of the training signals of several layouts, and the prior that they share."""

    def __init__(
        self,
        layouts: Sequence[Targets],
        params: Any,  # noqa: ANN401
        seed: int,
        steps: int,
        neighbour: WeightPrior | None,
    ) -> None:
        self._params, self._seed, self._steps = params, seed, steps
        self.macs = 0.0
        device = layouts[0].points.device
        self._rng = torch.Generator(device).manual_seed(seed)
        architecture = params.depth, params.width, params.features, params.max_frequency
        self._network = SineNetwork.of(layouts[0].layout, *architecture)
        # All posteriors start from the same weights: from weights of their own they would never come to agree.
        # A neighbour's deviations are left behind: where it has collapsed weights, they would hardly come free again.
        initial = self._network.init(torch.Generator().manual_seed(seed)) if neighbour is None else neighbour.mean
        start = initial.float().to(device)  # (n,)
        self._mean, self._deviation = start, torch.full_like(start, _FIRST_DEVIATION)
        self._layouts = [
            (
                Distortion(SineNetwork.of(targets.layout, *architecture), targets, params.batch_fraction),
                Gaussians(
                    start.expand(len(targets.indices), -1), self._deviation.log().expand(len(targets.indices), -1)
                ),
                params.beta / targets.layout.points,
            )
            for targets in layouts
        ]

    def step(self, number: int) -> None:
        """One step of all posteriors and, every so often, the prior that suits them best."""
        for distortion, posteriors, bit_weight in self._layouts:
            shape = posteriors.mean.shape
            noise = torch.randn(shape, generator=self._rng, device=posteriors.mean.device)
            batch = distortion.batch(self._rng)
            gradient = distortion.gradient(posteriors.sample(noise), batch)
            self.macs += distortion.macs(batch, passes=3)
            lr = self._params.prior_lr * min(1.0, 3 * (1 - number / self._steps))
            posteriors.step(lr, gradient, noise, bit_weight, self._mean, self._deviation)
        if (number + 1) % _UPDATE_EVERY == 0:
            self._update()

    def _update(self) -> None:
        """The prior of the least mean KL divergence (equation 5), or of one deviation for each layer about zero."""
        mean = torch.cat([posteriors.mean for _, posteriors, _ in self._layouts])  # (all B, n)
        variance = torch.cat([(2 * posteriors.log_deviation).exp() for _, posteriors, _ in self._layouts])
        if self._params.prior == "layerwise":
            self._mean = torch.zeros_like(self._mean)
            layers = torch.split((variance + mean.square()).mean(0), self._network.layer_sizes)
            second_moment = torch.cat([layer.mean().expand_as(layer) for layer in layers])
        else:
            self._mean = mean.mean(0)
            second_moment = (variance + (mean - self._mean).square()).mean(0)
        self._deviation = second_moment.sqrt()

    def check_finite(self) -> None:
        """Raises `TrialError` if a posterior is NaN."""
        if not all(posteriors.adam.is_finite() for _, posteriors, _ in self._layouts):
            raise TrialError("the prior's training diverged (NaN)")

    def result(self) -> WeightPrior:
        """The prior as the asset holds it, and the blocks that follow from it."""
        self._update()
        mean, deviation = rounded(self._mean, self._deviation)
        bits = torch.cat(
            [posteriors.bits(mean.to(self._mean), deviation.to(self._mean)) for _, posteriors, _ in self._layouts]
        ).mean(0)
        lengths = partition(bits.cpu()[shared_order(len(bits))].tolist())
        return WeightPrior(mean, deviation, torch.tensor(lengths, dtype=torch.uint8), self._seed % MAX_SEED)
