"""A small codec with a context model, which exists to show that the contract carries one.

Two grids of integers per picture, one at a half and one at a quarter of its resolution, become a picture by
convolutions (as in Cool-Chic, Ladune et al. 2023, arXiv 2212.05458). The range coder takes them along diagonals. Each
integer has one of four Laplace distributions per grid, by how large its neighbours to the left and above and its parent
in the coarser grid are, so that tables depend on what was decoded before.

    (H, W, c) --fit--> coarse (D, H/4, W/4), fine (D, H/2, W/2) --contexts--> diagonals --range coder--> bytes
    decoder:  coarse x 4, fine x 2 -> (2 D, H, W) -> 3x3 -> tanh -> 3x3, and 1x1 past both -> (c, H, W)

A file's body: D and the hidden channels (1 byte each), the 8 distributions (1 byte each), the network (fp16), the
integers.

Notation used for tensor shapes: B signals, D latent channels, h x w a grid of latents, n points, c channels.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field as Key
from torch import Tensor
from torch.nn import functional

from searchinr.codecs.bitstream import coded_tensors, container, range_coder
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.models.shape import FLAT, Shape, best_shape
from searchinr.codecs.bitstream.quant_spec import QuantSpec
from searchinr.codecs.bitstream.steps import symbol_range
from searchinr.codecs.bitstream.walk import Block, Tables, Walk
from searchinr.codecs.contract import Asset, Codec, CodecParams, Decoder, Inspection, Level, Setup, no_levels
from searchinr.codecs.decoders import WholeDecoder
from searchinr.codecs.fitting.groups import (
    NetworkGroup,
    NetworkState,
    file_weights,
    fit_groups,
    make_group,
    same_for_all,
)
from searchinr.codecs.fitting.layouts import Targets, targets_by_layout
from searchinr.codecs.fitting.objective import Evaluated, Objective, Step, bit_weight, loss_of, weighted_squares
from searchinr.codecs.fitting.points import Points
from searchinr.codecs.fitting.rounding import rounded
from searchinr.codecs.fitting.training import Recipe
from searchinr.errors import InvalidFileError, TrialError
from searchinr.signals.signal import Layout, Signal

SYMBOLS = symbol_range(6)
CONTEXTS = 4
"""Of each grid, by the sum of the neighbours' magnitudes: 0, 1, 2, and more."""

MAX_LATENTS = 2**22
_COARSE, _FINE, _SCALES = "latents.coarse", "latents.fine", "context.scales"
_INTEGERS_FROM = 0.8  # of a branch: latents are integers in its last part


class ContextParams(CodecParams):
    """The codec's parameters."""

    channels: int = Key(2, ge=1, le=8, description="integers at each place of a grid")
    hidden: int = Key(6, ge=1, le=64, description="channels between the convolutions")
    lambda_: float = Key(
        2.5e-4, alias="lambda", ge=0, le=100, description="what a bit per sample adds to the MSE of values in [0, 1]"
    )
    lr: float = Key(2e-2, gt=0, le=1, description="Adam's learning rate, of the networks")


class Pyramid:
    """The architecture: two grids and what makes a picture of them.

    Attributes:
        grids: Height and width of the coarse and of the fine grid.
        parts: The network's tensors, in the order of files.
        macs_per_point: Multiply-accumulates of one pixel.
    """

    def __init__(self, layout: Layout, channels: int, hidden: int) -> None:
        self.layout, self.channels = layout, channels
        height, width = layout.grid
        self.grids = [(-(-height // scale), -(-width // scale)) for scale in (4, 2)]
        inputs, outputs = 2 * channels, layout.channels
        shapes = {
            "first.weight": (hidden, inputs, 3, 3),
            "first.bias": (hidden,),
            "out.weight": (outputs, hidden, 3, 3),
            "out.skip": (outputs, inputs, 1, 1),
            "out.bias": (outputs,),
        }
        self.parts = [QuantSpec(name, shape, 0) for name, shape in shapes.items()]
        self.macs_per_point = 9 * hidden * (inputs + outputs) + inputs * outputs

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """The weights of one signal: latents are zeros, the network is random."""
        latents = {
            name: torch.zeros(self.channels, *grid) for name, grid in zip((_COARSE, _FINE), self.grids, strict=True)
        }
        network = {part.name: 0.2 * torch.randn(part.shape, generator=rng) for part in self.parts}
        return {**latents, **network, _SCALES: torch.zeros(2, CONTEXTS)}

    def picture(self, weights: Mapping[str, Tensor], grids: Sequence[Tensor]) -> Tensor:
        """Values `(B, c, H, W)` from the network and grids `(B, D, h, w)`."""
        height, width = self.layout.grid
        large = [
            grid.repeat_interleave(scale, 2).repeat_interleave(scale, 3)[:, :, :height, :width]
            for grid, scale in zip(grids, (4, 2), strict=True)
        ]
        seen = torch.cat(large, dim=1)  # (B, 2D, H, W)
        hidden = torch.tanh(_convolved(seen, weights["first.weight"], weights["first.bias"]))
        return _convolved(hidden, weights["out.weight"], weights["out.bias"]) + _convolved(seen, weights["out.skip"])


def _convolved(seen: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`(B, i, H, W)` and `(B, o, i, k, k)` -> `(B, o, H, W)`; no signal depends on another."""
    biases = [None] * len(seen) if bias is None else list(bias)
    each = [
        functional.conv2d(one, kernel, offset, padding="same")
        for one, kernel, offset in zip(seen.split(1), weight, biases, strict=True)
    ]
    return torch.cat(each)


def contexts(own: Tensor, parent: Tensor | None) -> Tensor:
    """The context of each integer of a grid, `(B, D, h, w)`, 0 to `CONTEXTS` - 1, as training sees it."""
    size = own.abs()
    near = functional.pad(size, (1, 0))[..., :-1] + functional.pad(size, (0, 0, 1, 0))[..., :-1, :]
    if parent is not None:
        large = parent.abs().repeat_interleave(2, -2).repeat_interleave(2, -1)
        near = near + large[..., : own.shape[-2], : own.shape[-1]]
    return near.clamp_max(CONTEXTS - 1).long()


class ContextWalk(Walk):
    """All integers of a picture: the coarse grid and then the fine one, each along its diagonals."""

    def __init__(self, pyramid: Pyramid, codes: Sequence[int]) -> None:
        self._shapes = [(pyramid.channels, *grid) for grid in pyramid.grids]
        self._starts = [0, int(np.prod(self._shapes[0]))]
        self.size = self._starts[1] + int(np.prod(self._shapes[1]))
        self._tables = Tables(np.stack([Shape(*SYMBOLS, code).counts() for code in codes]))

    @property
    def least_bits(self) -> float:
        return self.size * float(self._tables.least_bits.min())

    def blocks(self, seen: NDArray[np.int32]) -> Iterator[Block]:
        parent: NDArray[np.int32] | None = None
        for number, (shape, start) in enumerate(zip(self._shapes, self._starts, strict=True)):
            channels, height, width = shape
            grid = seen[start : start + int(np.prod(shape))].reshape(shape)  # a view: it fills up as blocks pass
            for diagonal in range(height + width - 1):
                rows = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
                columns = diagonal - rows
                left = np.where(columns > 0, np.abs(grid[:, rows, columns - 1]), 0)  # (D, m)
                above = np.where(rows > 0, np.abs(grid[:, rows - 1, columns]), 0)
                near = left + above
                if parent is not None:
                    near = near + np.abs(parent[:, rows // 2, columns // 2])
                places = start + (np.arange(channels)[:, None] * height + rows) * width + columns  # (D, m)
                choice = CONTEXTS * number + np.minimum(near, CONTEXTS - 1)
                yield Block.chosen(places.ravel(), self._tables, choice.ravel(), SYMBOLS.low)
            parent = grid


class ContextObjective(Objective):
    """The error of whole pictures, and the bits of their latents under the contexts' distributions."""

    def __init__(self, pyramid: Pyramid, bit_weight: float) -> None:
        self._pyramid, self._bit_weight = pyramid, bit_weight

    def backward(self, weights: Mapping[str, Tensor], points: Points, step: Step) -> Evaluated:
        annealed, drawn = step.annealed, step.generator(points)
        progress = annealed / _INTEGERS_FROM if annealed < _INTEGERS_FROM else 1.0
        grids = [rounded(weights[name], "soft_round", progress, drawn) for name in (_COARSE, _FINE)]
        part = points.all()
        values = self._pyramid.picture(weights, grids).flatten(2).mT  # (B, c, H, W) -> (B, n, c)
        squared_error = weighted_squares(values - part.values, part.weights).sum(dim=(1, 2))
        errors = loss_of(squared_error / points.values_each, step.loss)
        losses = errors + self._bit_weight * self._bits(weights, grids)
        torch.autograd.backward(losses.sum())
        return Evaluated(losses.detach(), 3.0 * self._pyramid.macs_per_point * points.signals * points.count)

    def _bits(self, weights: Mapping[str, Tensor], grids: Sequence[Tensor]) -> Tensor:
        """Of the latents of each signal, `(B,)`: a Laplace distribution's share of the unit interval about each."""
        total = torch.zeros(len(grids[0]), device=grids[0].device)
        parent = None
        for number, grid in enumerate(grids):
            integers = grid.detach().round()
            chosen = contexts(integers, parent).flatten(1)  # (B, E)
            scales = weights[_SCALES][:, number].exp().gather(1, chosen)
            distance = grid.flatten(1).abs()
            beyond = 0.5 * (-(distance + 0.5) / scales).exp()
            near = (-(distance - 0.5).abs() / scales).exp()
            within = torch.where(distance < 0.5, 1 - 0.5 * near, 0.5 * near) - beyond
            total = total - within.clamp_min(2.0**-20).log2().sum(1)
            parent = integers
        return total


ContextState = NetworkState[ContextParams, Pyramid]


class ContextCodec(Codec[ContextParams, ContextState]):
    """Pictures from two grids of integers, which a context model codes."""

    name: ClassVar[str] = "context"
    id: ClassVar[int] = 31  # the one for experiments
    Params = ContextParams
    resizable: ClassVar[bool] = False

    def fit(
        self, signals: Sequence[Signal], params: ContextParams, rungs: Sequence[int], setup: Setup
    ) -> Iterator[ContextState]:
        factors = {_COARSE: 5.0, _FINE: 5.0}
        recipe = Recipe(lr=params.lr, decay=0.5, batch_fraction=1.0, seed=setup.seed, loss="mse", lr_factors=factors)
        groups = [self._group(targets, params, recipe) for targets in targets_by_layout(signals, setup.device)]
        yield from fit_groups(params, groups, recipe, rungs, setup.resume)

    def _group(self, targets: Targets, params: ContextParams, recipe: Recipe) -> NetworkGroup[Pyramid]:
        if len(targets.layout.grid) != 2:
            raise TrialError(f"codec context: a grid of {len(targets.layout.grid)} axes found; 2 are allowed")
        pyramid = Pyramid(targets.layout, params.channels, params.hidden)
        initial = same_for_all(pyramid.init(torch.Generator().manual_seed(recipe.seed)), targets)
        objective = ContextObjective(pyramid, bit_weight(params.lambda_, recipe.loss, targets.layout.points))
        return make_group(targets, pyramid, pyramid.macs_per_point, initial, objective, None, recipe)

    def encode(self, state: ContextState) -> list[bytes]:
        return state.files(lambda group, measured: self._files(group, state.params, measured))

    def _files(
        self, group: NetworkGroup[Pyramid], params: ContextParams, measured: Mapping[str, Tensor]
    ) -> Iterator[bytes]:
        pyramid = group.architecture
        for weights in file_weights(group, measured):
            grids = [np.clip(np.rint(weights[name]), *SYMBOLS).astype(np.int32) for name in (_COARSE, _FINE)]
            codes = _best_codes([torch.from_numpy(grid) for grid in grids])
            out = Writer()
            for byte in (params.channels, params.hidden, *codes):
                out.byte(byte)
            out.data += coded_tensors.pack_fp16(pyramid.parts, weights)
            symbols = np.concatenate([grid.ravel() for grid in grids])
            out.data += range_coder.encode([symbols], [ContextWalk(pyramid, codes)])
            yield container.pack(self.id, group.layout, bytes(out.data))

    def decoder(self, file: container.Container, *, asset: Asset | None = None, level: Level | None = None) -> Decoder:
        if level is not None:
            raise no_levels()
        pyramid, _, network, symbols = _parsed(file)
        weights = {name: torch.from_numpy(weight).unsqueeze(0) for name, weight in network.items()}
        split = np.split(symbols, [pyramid.channels * int(np.prod(pyramid.grids[0]))])
        grids = [
            torch.from_numpy(each.reshape(1, pyramid.channels, *grid)).float()
            for each, grid in zip(split, pyramid.grids, strict=True)
        ]
        return WholeDecoder(
            lambda: pyramid.picture(weights, grids)[0].movedim(0, -1), pyramid.macs_per_point, 2 * file.layout.points
        )

    def inspect(self, file: container.Container, *, asset: Asset | None = None) -> Inspection:
        pyramid, start, _, symbols = _parsed(file)
        network = 16 * sum(part.size for part in pyramid.parts)
        bits = {"header": 8 * (file.size - len(file.body) + start), "network": network}
        return Inspection(
            about={"channels": pyramid.channels, "latents": len(symbols)},
            macs_per_point=pyramid.macs_per_point,
            bits={**bits, "latents": 8 * file.size - sum(bits.values())},
        )


def _best_codes(grids: Sequence[Tensor]) -> list[int]:
    """The shape that codes the integers `(D, h, w)` of each context with the fewest bits."""
    codes, parent = [], None
    for grid in grids:
        found = contexts(grid.unsqueeze(0), None if parent is None else parent.unsqueeze(0))[0]
        codes += [best_shape(grid[found == context].numpy(), *SYMBOLS).code for context in range(CONTEXTS)]
        parent = grid
    return codes


def _parsed(
    file: container.Container,
) -> tuple[Pyramid, int, dict[str, NDArray[np.float32]], NDArray[np.int32]]:
    """The architecture, the bytes of the body's header, the network, and the integers `(n,)`."""
    reader = Reader(file.body)
    channels, hidden = reader.byte(), reader.byte()
    codes = list(reader.take(2 * CONTEXTS))
    if not (channels and hidden and max(codes) <= FLAT and len(file.layout.grid) == 2):
        raise InvalidFileError("the file claims what no encoder writes: it is corrupt")
    start = reader.position
    pyramid = Pyramid(file.layout, channels, hidden)
    walk = ContextWalk(pyramid, codes)
    if walk.size > MAX_LATENTS:
        raise InvalidFileError(f"the file claims more than {MAX_LATENTS} latents")
    network = coded_tensors.unpack_fp16(pyramid.parts, reader.take(2 * sum(part.size for part in pyramid.parts)))
    [symbols] = range_coder.decode(reader.rest(), [walk])
    return pyramid, start, network, symbols


CODEC = ContextCodec
