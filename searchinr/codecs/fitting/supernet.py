"""Once-for-all supernets: one set of weights per signal that holds networks of many depths and widths.

A subnet consists of the leading channels of every layer and of the leading layers (Cai et al., "Once-for-All", ICLR
2020; ANI does this for neural images). Training follows the sandwich rule (Yu and Huang, "Universally Slimmable
Networks", ICCV 2019): each step trains the widest, the narrowest and one random width, each at every depth at once by a
head after every layer. The loss is the sum of the logarithms of all subnets' MSE, so that no size outweighs another.

Three things make slices of one network useful as networks of their own:

- Fan-in scaling: in a slice of width w of a network of width W, weights whose products are summed over channels are
  multiplied by sqrt(W / w), so that they are as large as if they had been initialised for w channels.
- Biases: every width has biases of its own, which are few numbers.
- Heads: every depth has a last layer of its own, which all widths share.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.fields.contract import Field, TensorSpec
from searchinr.codecs.fitting.objective import MSE_FLOOR, Evaluated, Objective, Step, weighted_squares
from searchinr.codecs.fitting.points import Part, Points
from searchinr.codecs.params.network_params import LossName
from searchinr.signals.observation import Observation

_CHUNK_ELEMENTS = 2**25  # activations of one pass over a chunk of signals; autograd keeps several times this many
MakeField = Callable[[int, int], Field]
"""`(depth, width) -> field`; all fields have one backbone, the same parameters and the same layout."""


class StoredTensor(NamedTuple):
    """A tensor of a supernet.

    Attributes:
        name: Key among the stored tensors.
        of: Name that the tensor which is sliced from this one has in the fields.
        depths: Depths of the subnets that it serves.
        widths: Widths of the subnets that it serves.
    """

    name: str
    of: str
    depths: Sequence[int]
    widths: Sequence[int]


@dataclass(frozen=True)
class Supernet:
    """Describes the subnets, and where their weights are stored.

    Stored tensors are named after those of the largest field. Each bias exists once for each width (`name@width`), and
    the last layer once for each depth (`out.weight@depth`).

    Attributes:
        make_field: Makes the field of a subnet.
        depths: Depths of the subnets, ascending.
        widths: Widths of the subnets, ascending.
    """

    make_field: MakeField
    depths: Sequence[int]
    widths: Sequence[int]

    @property
    def largest(self) -> Field:
        """The field of the largest subnet, from which all others are sliced."""
        return self.make_field(self.depths[-1], self.widths[-1])

    def tensors(self) -> list[StoredTensor]:
        """The stored tensors, in the order of the largest field's tensors."""
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
        """Makes initial stored tensors of one signal: the initial tensors of the largest field, and slices of them."""
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
        """Computes the values of the subnets of one width in one pass: yields each depth with its `(B, n, c)`."""
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
        """Multiply-accumulates that `outputs` takes at one coordinate of one signal."""
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
        return part * math.sqrt(whole.shape[-2] / spec.shape[-2])  # the factor is 1 if nothing is summed over channels


def _is_head(name: str) -> bool:
    return name.startswith("out.")


def _is_bias(name: str) -> bool:
    return name.endswith(".bias")


def sandwich(widths: Sequence[int], rng: np.random.Generator) -> list[int]:
    """The widths that one step trains: the widest, the narrowest and, if there are others, one of those at random."""
    ends = [widths[-1], widths[0]] if len(widths) > 1 else [widths[0]]
    return ends + ([int(rng.choice(widths[1:-1]))] if len(widths) > 2 else [])


class Sandwich(Objective):
    """Adds up the losses of the subnets of three widths and every depth.

    Unlike in `SingleNetwork`, the activations of all points are kept at once: the subnets share weights, so the
    gradients of their losses cannot be scaled separately after a pass over tiles. Instead, as many signals are taken at
    a time as fit into memory. If even one does not fit, `batch_fraction` must be lowered.
    """

    def __init__(
        self,
        supernet: Supernet,
        stored: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = lambda weights: weights,
        observation: Observation | None = None,
    ) -> None:
        """Takes the supernet and, if there is one, the observation between the networks and the values of points.

        `stored` computes the supernet's tensors, differentiably, from the weights that are trained, if the two differ.
        """
        self._supernet, self._observation = supernet, observation
        self._stored = stored

    def backward(self, weights: Mapping[str, Tensor], points: Points, step: Step) -> Evaluated:
        """See `Objective.backward`; the third width is drawn at random, and nothing is annealed."""
        every = points.all()
        queries = None if self._observation is None else self._observation.queries(every.coords, step.generator(points))
        widths = sandwich(self._supernet.widths, step.rng)
        asked = points.count if queries is None else len(queries)
        elements = asked * self._supernet.depths[-1] * self._supernet.widths[-1]
        chunk = max(1, _CHUNK_ELEMENTS // elements)
        losses = []
        for start in range(0, points.signals, chunk):
            few = slice(start, start + chunk)
            each = [self._backward(weights, few, width, every.of(few), queries, step.loss) for width in widths]
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
        """Values of points, `(B, m, c)`, from the outputs of a network at the points or, if given, at the queries."""
        if self._observation is None or queries is None:
            return outputs
        return self._observation.values(part.coords, queries, outputs)
