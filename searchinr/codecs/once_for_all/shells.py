"""Shells: what each depth and each width adds to a supernet's tensors.

The shell of a tensor at (d, w) holds what the subnet of depth d and width w takes of the tensor and no smaller subnet
takes. Of a matrix between hidden layers these are the rows and columns that w adds, of the head of depth d the rows
that w adds, and of a bias of width w all of it. A subnet is made of the shells of all sizes up to its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream.quant_spec import QuantSpec
from searchinr.codecs.fitting.supernet import StoredTensor, Supernet
from searchinr.codecs.params.bit_widths import BitWidths


class Size(NamedTuple):
    """The size of a subnet."""

    depth: int
    width: int

    def holds(self, other: "Size") -> bool:
        """Whether a subnet of this size is made of the shells of the other size, too."""
        return other.depth <= self.depth and other.width <= self.width


def sizes(supernet: Supernet) -> list[Size]:
    """All sizes by the number of their subnet's weights, which is the order of files."""
    each = [Size(depth, width) for depth in supernet.depths for width in supernet.widths]
    return sorted(each, key=lambda size: (subnet_weights(supernet, size), size))


def subnet_weights(supernet: Supernet, size: Size) -> int:
    """Number of weights of a subnet."""
    return sum(int(np.prod(spec.shape)) for spec in supernet.make_field(*size).tensors())


def all_weights(supernet: Supernet) -> int:
    """Number of weights of all shells."""
    return sum(
        int(np.prod(_shape(supernet, tensor, tensor.depths[-1], tensor.widths[-1]))) for tensor in supernet.tensors()
    )


@dataclass(frozen=True)
class _Shell:
    """A part of a stored tensor.

    Attributes:
        part: As it is quantised, a vector.
        positions: `(n,)`, int64: where its weights lie in the flat tensor.
    """

    part: QuantSpec
    positions: Tensor


class Shells:
    """All shells of a supernet."""

    def __init__(self, supernet: Supernet, bits: BitWidths, device: torch.device) -> None:
        """Cuts the supernet's tensors into shells of these bit-widths, which will be split and joined on the device."""
        roles = {spec.name: spec.role for spec in supernet.largest.tensors()}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._shells: dict[str, list[_Shell]] = {}
        self._parts: dict[Size, list[QuantSpec]] = {Size(d, w): [] for d in supernet.depths for w in supernet.widths}
        for tensor in supernet.tensors():
            self._shapes[tensor.name] = _shape(supernet, tensor, tensor.depths[-1], tensor.widths[-1])
            self._shells[tensor.name] = []
            for size, positions in _cut(supernet, tensor):
                name = f"{tensor.name} {size.depth}x{size.width}"
                part = QuantSpec(name, (len(positions),), bits.of(roles[tensor.of]))
                self._parts[size].append(part)
                self._shells[tensor.name].append(_Shell(part, torch.from_numpy(positions).to(device)))

    def parts(self, size: Size) -> list[QuantSpec]:
        """The shells that a size adds to the smaller ones, as they are quantised."""
        return self._parts[size]

    @property
    def all_parts(self) -> list[QuantSpec]:
        """The shells of all sizes."""
        return [part for parts in self._parts.values() for part in parts]

    def split(self, stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A signal's stored tensors as shells, `{part.name: (n,)}`."""
        return {
            shell.part.name: stored[name].flatten()[shell.positions.to(stored[name].device)]
            for name, shells in self._shells.items()
            for shell in shells
        }

    def join(self, shells: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Stored tensors from shells, differentiable.

        Args:
            shells: `{part.name: (B, n)}`; those of larger sizes may be missing.

        Returns:
            `{name: (B, *shape)}`. What is missing of a tensor is zero; a tensor of which all is missing is left out.
        """
        stored = {}
        for name, shape in self._shapes.items():
            there = [shell for shell in self._shells[name] if shell.part.name in shells]
            if there:
                values = torch.cat([shells[shell.part.name] for shell in there], dim=1)  # (B, n)
                positions = torch.cat([shell.positions for shell in there])  # (n,)
                flat = values.new_zeros(len(values), int(np.prod(shape)))
                stored[name] = flat.index_copy(1, positions, values).view(len(values), *shape)
        return stored


def _shape(supernet: Supernet, tensor: StoredTensor, depth: int, width: int) -> tuple[int, ...]:
    """The shape of the slice that a subnet takes of a tensor; `()` if it takes nothing."""
    found = (spec.shape for spec in supernet.make_field(depth, width).tensors() if spec.name == tensor.of)
    return next(found, ())


def _cut(supernet: Supernet, tensor: StoredTensor) -> Iterator[tuple[Size, NDArray[np.int64]]]:
    """The positions of the weights of each shell in the flat tensor, ascending; shells without weights are left out.

    Every axis of a tensor grows with depth or width or not at all, so that a weight belongs to the first depth and the
    first width that reach it.
    """
    depths, widths = tensor.depths, tensor.widths
    shape = _shape(supernet, tensor, depths[-1], widths[-1])
    by_depth = _first_that_reaches(shape, [_shape(supernet, tensor, depth, widths[-1]) for depth in depths])
    by_width = _first_that_reaches(shape, [_shape(supernet, tensor, depths[-1], width) for width in widths])
    number = (by_depth * len(widths) + by_width).ravel()
    order = np.argsort(number, kind="stable")
    ends = np.cumsum(np.bincount(number, minlength=len(depths) * len(widths)))
    for index, positions in enumerate(np.split(order, ends[:-1])):
        if positions.size:
            yield Size(depths[index // len(widths)], widths[index % len(widths)]), positions


def _first_that_reaches(shape: tuple[int, ...], slices: Sequence[tuple[int, ...]]) -> NDArray[np.int16]:
    """For each element of an array of `shape`, the index of the first of the ascending slices that it lies in."""
    first = np.zeros(shape, np.int16)
    for axis, length in enumerate(shape):
        lengths = [each[axis] if each else 0 for each in slices]
        along = np.searchsorted(lengths, np.arange(length), side="right").astype(np.int16)  # (length,)
        first = np.maximum(first, along.reshape(-1, *[1] * (len(shape) - axis - 1)))
    return first
