"""Once-for-all supernets: one set of weights per signal that holds networks of many depths and widths.

A subnet takes the leading channels of every layer and the leading layers (Cai et al., "Once-for-All", ICLR 2020; for
neural images ANI). Training is by the sandwich rule (Yu and Huang, "Universally Slimmable Networks", ICCV 2019): each
step trains the widest, the narrowest and one random width, and each of them at every depth at once, by a head after
every layer. The loss is the sum of the logarithms of all subnets' MSE, so that no size outweighs another.

Three things make slices of one network useful as networks of their own:

- Fan-in scaling: a slice of width w of a network of width W multiplies what adds up over channels by sqrt(W / w), as an
  initialisation for w channels would.
- Narrow biases: every width has biases of its own; they are few.
- Heads: every depth has a last layer of its own, which the widths share.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.fields.contract import Field, TensorSpec
from searchinr.codecs.fitting.objective import MSE_FLOOR, Evaluated, Objective, drawing, weighted_squares
from searchinr.codecs.fitting.points import Part, Points
from searchinr.codecs.fitting.training import BatchFit, Recipe, fit_to_rung
from searchinr.codecs.params.network_params import LossName
from searchinr.signals.observation import Observation

_CHUNK_ELEMENTS = 2**25  # activations of a pass over a chunk of signals; autograd keeps a few times as many
MakeField = Callable[[int, int], Field]
"""`(depth, width) -> field`, all of one backbone, with the same parameters and for the same layout."""


class StoredTensor(NamedTuple):
    """A tensor of a supernet.

    Attributes:
        name: Key among the stored tensors.
        of: The name in the fields of the tensor that is sliced from it.
        depths: Of the subnets that it serves.
        widths: Of the subnets that it serves.
    """

    name: str
    of: str
    depths: Sequence[int]
    widths: Sequence[int]


@dataclass(frozen=True)
class Supernet:
    """Which subnets there are, and where their weights lie.

    Stored tensors are named after those of the largest field. Of biases there is one for each width (`name@width`), of
    the last layer one for each depth (`out.weight@depth`).

    Attributes:
        make_field: Makes a subnet's field.
        depths: Ascending.
        widths: Ascending.
    """

    make_field: MakeField
    depths: Sequence[int]
    widths: Sequence[int]

    @property
    def largest(self) -> Field:
        """The field that holds all others."""
        return self.make_field(self.depths[-1], self.widths[-1])

    def tensors(self) -> list[StoredTensor]:
        """The stored tensors, in the order of the largest field's."""
        found = []
        for spec in self.largest.tensors():
            if _is_head(spec.name):
                found += [StoredTensor(f"{spec.name}@{d}", spec.name, (d,), self.widths) for d in self.depths]
            elif _is_bias(spec.name):
                found += [StoredTensor(f"{spec.name}@{w}", spec.name, self.depths, (w,)) for w in self.widths]
            else:
                found.append(StoredTensor(spec.name, spec.name, self.depths, self.widths))
        return found

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """Initial stored tensors of one signal: those that the backbone gives its largest field, and slices of them."""
        initial = self.largest.init(rng)
        stored = {}
        for tensor in self.tensors():
            field = self.make_field(self.depths[-1], tensor.widths[-1])
            [shape] = [spec.shape for spec in field.tensors() if spec.name == tensor.of]
            stored[tensor.name] = initial[tensor.of][tuple(slice(length) for length in shape)].clone()
        return stored

    def subnet(self, stored: Mapping[str, Tensor], depth: int, width: int) -> dict[str, Tensor]:
        """The weights of a subnet, differentiable: `{name: (B, *shape)}` for a field of that depth and width.

        Args:
            stored: `{name: (B, ...)}`.
            depth: One of `depths`.
            width: One of `widths`.
        """
        return {spec.name: self._slice(stored, spec, depth, width) for spec in self.make_field(depth, width).tensors()}

    def outputs(self, stored: Mapping[str, Tensor], width: int, coords: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Values of the subnets of one width and every depth, in one pass: pairs of depth and `(B, n, c)`."""
        field = self.make_field(self.depths[-1], width)
        weights = {
            spec.name: self._slice(stored, spec, self.depths[-1], width)
            for spec in field.tensors()
            if not _is_head(spec.name)
        }
        heads = [spec for spec in field.tensors() if _is_head(spec.name)]
        for layer, hidden in enumerate(field.layers(weights, coords), start=1):
            if layer in self.depths:
                yield layer, field.output({h.name: self._slice(stored, h, layer, width) for h in heads}, hidden)

    def macs_per_point(self, width: int) -> int:
        """Multiply-accumulates of `outputs` at one coordinate of one signal."""
        field = self.make_field(self.depths[-1], width)
        [head] = (math.prod(spec.shape) for spec in field.tensors() if spec.name == "out.weight")
        return field.macs_per_point() + (len(self.depths) - 1) * head

    def _slice(self, stored: Mapping[str, Tensor], spec: TensorSpec, depth: int, width: int) -> Tensor:
        if _is_head(spec.name):
            whole = stored[f"{spec.name}@{depth}"]
        elif _is_bias(spec.name):
            whole = stored[f"{spec.name}@{width}"]
        else:
            whole = stored[spec.name]
        part = whole[(slice(None), *(slice(length) for length in spec.shape))]  # (B, *spec.shape)
        if not spec.name.endswith(".weight") or len(spec.shape) < 2:
            return part
        return part * math.sqrt(whole.shape[-2] / spec.shape[-2])  # 1 where nothing is added up over channels


def _is_head(name: str) -> bool:
    return name.startswith("out.")


def _is_bias(name: str) -> bool:
    return name.endswith(".bias")


def sandwich(widths: Sequence[int], rng: np.random.Generator) -> list[int]:
    """The widths of one step: the widest, the narrowest and, of more than two, one of the others."""
    ends = [widths[-1], widths[0]] if len(widths) > 1 else [widths[0]]
    return ends + ([int(rng.choice(widths[1:-1]))] if len(widths) > 2 else [])


class Sandwich(Objective):
    """The losses of the subnets of three widths and every depth, added up.

    Unlike in `SingleNetwork`, all points' activations are kept at once: the gradients of the subnets' losses meet in
    shared weights, so they cannot be scaled after a pass over tiles. Instead as many signals are taken at a time as
    fit; where one is too many, lower `batch_fraction`.
    """

    def __init__(
        self,
        supernet: Supernet,
        stored: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = lambda weights: weights,
        observation: Observation | None = None,
    ) -> None:
        """Takes the supernet.

        Args:
            supernet: Which subnets to train.
            stored: From the weights that are trained to the supernet's stored tensors, differentiable, if the two
                differ.
            observation: What stands between the networks and the values of points, if something does.
        """
        self._supernet, self._observation = supernet, observation
        self._stored = stored

    def backward(
        self,
        weights: Mapping[str, Tensor],
        points: Points,
        *,
        loss: LossName,
        rng: np.random.Generator,
        annealed: float = 0.0,
    ) -> Evaluated:
        """See `Objective.backward`; the third width is drawn, and nothing is annealed."""
        every = points.all()
        queries = None if self._observation is None else self._observation.queries(every.coords, drawing(rng, points))
        widths = sandwich(self._supernet.widths, rng)
        asked = points.count if queries is None else len(queries)
        elements = asked * self._supernet.depths[-1] * self._supernet.widths[-1]
        chunk = max(1, _CHUNK_ELEMENTS // elements)
        losses = []
        for start in range(0, points.signals, chunk):
            few = slice(start, start + chunk)
            part = Part(every.coords, every.values[few], None if every.weights is None else every.weights[few])
            each = [self._backward(weights, few, width, part, queries, loss) for width in widths]
            losses.append(torch.stack(each).sum(0))
        macs = 3 * sum(self._supernet.macs_per_point(width) for width in widths) * points.signals * asked
        return Evaluated(torch.cat(losses), macs)

    def _backward(
        self,
        weights: Mapping[str, Tensor],
        few: slice,
        width: int,
        part: Part,
        queries: Tensor | None,
        loss: LossName,
    ) -> Tensor:
        stored = self._stored({name: weight[few] for name, weight in weights.items()})
        errors = torch.stack(
            [
                weighted_squares(self._values(outputs, part, queries) - part.values, part.weights)
                .mean(dim=(1, 2))
                .clamp_min(MSE_FLOOR)  # (B,)
                for _, outputs in self._supernet.outputs(stored, width, part.coords if queries is None else queries)
            ]
        )  # (depths, B)
        total = (errors.log() if loss == "log_mse" else errors).sum(0)  # (B,)
        torch.autograd.backward(total.sum())
        return total.detach()

    def _values(self, outputs: Tensor, part: Part, queries: Tensor | None) -> Tensor:
        """Values of points, `(B, m, c)`, from what a network gives at them, or else at queries."""
        if self._observation is None or queries is None:
            return outputs
        return self._observation.values(part.coords, queries, outputs)


@dataclass(frozen=True)
class Trained:
    """A supernet after a step.

    Attributes:
        stored: Its tensors, `{name: (B, ...)}`.
        steps: Steps taken.
        macs: Multiply-accumulates spent on them.
        state: Makes what `train` needs to go on exactly from here, as flat tensors on the CPU.
    """

    stored: dict[str, Tensor]
    steps: int
    macs: float
    state: Callable[[], dict[str, Tensor]]


def train(
    supernet: Supernet,
    initial: Mapping[str, Tensor],
    points: Points,
    *,
    steps: int,
    lr: float,
    batch_fraction: float,
    seed: int,
    resume: Mapping[str, Tensor] | None = None,
    observation: Observation | None = None,
) -> Iterator[Trained]:
    """Trains the supernets of B signals; the learning rate falls along a cosine from the first step on.

    Args:
        supernet: Which subnets to train.
        initial: Stored tensors, `{name: (B, ...)}`.
        points: Of the B signals.
        steps: How many.
        lr: Learning rate at the start.
        batch_fraction: Points of each step, as a fraction of all.
        seed: Fixes the draws of widths and points.
        resume: What `Trained.state` made in an earlier training with the same arguments, to go on from there.
        observation: See `Sandwich`.

    Yields:
        After every step; where all steps were taken before, once.

    Raises:
        TrialError: The training diverged.
    """
    recipe = Recipe(lr=lr, decay=1.0, batch_fraction=batch_fraction, seed=seed)
    trunk = BatchFit(Sandwich(supernet, observation=observation), initial, points, recipe)
    for fit in fit_to_rung(trunk, recipe, steps, branched=resume):
        fit.check_finite()
        yield Trained({name: weight.detach() for name, weight in fit.weights.items()}, fit.steps, fit.macs, fit.state)
