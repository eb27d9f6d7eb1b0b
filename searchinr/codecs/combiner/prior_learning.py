"""Learning the prior (COMBINER, algorithm 1).

Two kinds of steps take turns: the posteriors of the training signals are trained against the prior as it is, and the
prior is replaced by the one that suits these posteriors best.

Notation used for tensor shapes: B signals of a layout, m points of a step, n weights.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from searchinr.codecs.combiner.betas import betas_text
from searchinr.codecs.combiner.blocks import partition
from searchinr.codecs.combiner.distortion import Distortion
from searchinr.codecs.combiner.gaussians import Gaussians
from searchinr.codecs.combiner.network import SineNetwork
from searchinr.codecs.combiner.params import PRIOR_KEYS, CombinerParams
from searchinr.codecs.combiner.prior import Prior, WeightPrior, rounded
from searchinr.codecs.combiner.samples import MAX_SEED, shared_order
from searchinr.codecs.contract import Asset, AssetSpec, AssetState, Setup
from searchinr.codecs.fitting.layouts import Targets, field_shape, targets_by_layout
from searchinr.codecs.fitting.nesting import nested, part_of
from searchinr.errors import TrialError
from searchinr.signals.signal import Signal
from searchinr.space import Value, build_params

_FIRST_DEVIATION = 0.05
_UPDATE_EVERY = 20  # steps between updates of the prior
_YIELD_EVERY = 20

_DONE, _LEARNER = "done", "learner"


def prior_spec(params: CombinerParams) -> AssetSpec:
    """See `Codec.asset_spec`."""
    found: dict[str, Value] = {key: getattr(params, key) for key in PRIOR_KEYS if getattr(params, key) is not None}
    if not params.larger_betas:
        return AssetSpec("prior", {**found, "init": "scratch"}, needed_to_decode=True)
    betas = betas_text([*params.larger_betas, params.beta])
    found |= {"init": "neighbour", "neighbour.betas": betas, "neighbour.steps": params.neighbour.steps}
    return AssetSpec("prior", found, needed_to_decode=True)


def neighbour_spec(spec: AssetSpec) -> AssetSpec | None:
    """See `Codec.base_spec`: the prior of the next larger beta."""
    params = build_params(CombinerParams, spec.params)
    if not params.larger_betas:
        return None
    return prior_spec(params.model_copy(update={"beta": params.larger_betas[-1]}))


def learn_prior(signals: Sequence[Signal], spec: AssetSpec, setup: Setup) -> Iterator[AssetState]:
    """See `Codec.prepare`. There is one prior for all layouts that have the same number of channels.

    A checkpoint holds the priors that are learned, and the state of the learner that is at work on the next one.

    Raises:
        TrialError: There are fewer signals than the parameters ask for, or the training diverged.
    """
    params, base, resume = build_params(CombinerParams, spec.params), setup.asset, setup.resume
    if params.prior_signals is not None and params.prior_signals > len(signals):
        raise TrialError(f"prior_signals: found {params.prior_signals}; the training signals are {len(signals)}")
    if params.larger_betas and base is None:
        raise ValueError("a prior that starts from another needs the asset of that")
    steps = params.prior_steps if base is None else params.neighbour.steps
    neighbours = {} if base is None else Prior.of(base).by_channels
    by_channels: dict[int, list[Targets]] = {}
    for targets in targets_by_layout(signals[: params.prior_signals], setup.device):
        by_channels.setdefault(targets.layout.channels, []).append(targets)
    total = steps * len(by_channels)
    axes = field_shape(signals[0].layout, params.depth, params.width).d_in
    learned: dict[int, WeightPrior] = {}
    prior = Prior(params.depth, params.width, params.features, params.max_frequency, axes, learned)
    macs, first = 0.0, 0
    if resume is not None:
        learned |= Prior.of(Asset.of(spec, part_of(resume, _DONE))).by_channels
        macs, first = float(resume["macs"]), len(learned)
    for number, (channels, layouts) in enumerate(by_channels.items()):
        if number < first:
            continue
        learner = _Learner(layouts, params, setup.seed, steps, neighbours.get(channels))
        if resume is not None and number == first:
            learner.load(part_of(resume, _LEARNER))
        while learner.steps < steps:
            learner.step()
            if learner.steps % _YIELD_EVERY == 0:
                learner.check_finite()
                checkpoint = partial(_checkpoint, prior.tensors(setup.seed % MAX_SEED), macs, learner)
                yield AssetState(number * steps + learner.steps, total, macs + learner.macs, checkpoint)
        learner.check_finite()
        learned[channels] = learner.result()
        macs += learner.macs
    yield AssetState(total, total, macs, asset=Asset.of(spec, prior.tensors(setup.seed % MAX_SEED)))


def _checkpoint(done: Mapping[str, Tensor], macs: float, learner: "_Learner") -> dict[str, Tensor]:
    """See `AssetState.checkpoint`: the priors that are learned, their work, and the learner of the next one."""
    spent = torch.tensor(macs, dtype=torch.float64)
    return {"macs": spent, **nested(_DONE, done), **nested(_LEARNER, learner.state())}


class _Learner:
    """The posteriors of the training signals of several layouts, and the prior that they share.

    Attributes:
        steps: Taken so far.
        macs: Multiply-accumulates spent on them.
    """

    def __init__(
        self,
        layouts: Sequence[Targets],
        params: CombinerParams,
        seed: int,
        steps: int,
        neighbour: WeightPrior | None,
    ) -> None:
        self._params, self._seed, self._all_steps = params, seed, steps
        self.steps, self.macs = 0, 0.0
        device = layouts[0].points.device
        self._rng = torch.Generator(device).manual_seed(seed)
        architecture = params.depth, params.width, params.features, params.max_frequency
        self._network = SineNetwork.of(layouts[0].layout, *architecture)
        # All posteriors start from the same weights: from weights of their own they would never come to agree.
        # A neighbour's deviations are left behind: where it has collapsed weights, they would hardly come free again.
        weights = self._network.init(torch.Generator().manual_seed(seed)).values()
        initial = torch.cat([weight.flatten() for weight in weights]) if neighbour is None else neighbour.mean
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

    def step(self) -> None:
        """One step of all posteriors and, every so often, the prior that suits them best."""
        for distortion, posteriors, bit_weight in self._layouts:
            shape = posteriors.mean.shape
            noise = torch.randn(shape, generator=self._rng, device=posteriors.mean.device)
            batch = distortion.batch(self._rng)
            gradient = distortion.gradient(posteriors.sample(noise), batch)
            self.macs += distortion.macs(batch, passes=3)
            lr = self._params.prior_lr * min(1.0, 3 * (1 - self.steps / self._all_steps))
            posteriors.step(lr, gradient, noise, bit_weight, self._mean, self._deviation)
        self.steps += 1
        if self.steps % _UPDATE_EVERY == 0:
            self._update()

    def state(self) -> dict[str, Tensor]:
        """What `load` needs to go on exactly from here, as flat tensors on the CPU."""
        own = {
            "steps": torch.tensor(self.steps),
            "macs": torch.tensor(self.macs, dtype=torch.float64),
            "rng": self._rng.get_state(),
            "mean": self._mean.cpu().clone(),
            "deviation": self._deviation.cpu().clone(),
        }
        for number, (_, posteriors, _) in enumerate(self._layouts):
            own |= nested(str(number), posteriors.adam.state())
        return own

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from what `state` returned."""
        self.steps, self.macs = int(state["steps"]), float(state["macs"])
        self._rng.set_state(state["rng"])
        self._mean, self._deviation = (state[name].to(self._mean) for name in ("mean", "deviation"))
        for number, (_, posteriors, _) in enumerate(self._layouts):
            posteriors.adam.load(part_of(state, str(number)))

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
