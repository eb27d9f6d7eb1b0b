"""Interpolates between the vertices of `grid_levels`, for many signals at once.

On a grid of points that stays the same, interpolation is a product with sparse matrices that are built once, and its
gradient is the product with their transposes. Each level has two matrices, since points are interpolated axis by axis:
the first interpolates between the entries in each row of vertices, the second between these rows. Together they have a
sixth of the elements of a single matrix (55,296 points, 16 levels of 2^11 entries), which would not fit in any cache.
For points that are drawn anew in each step, vertices are gathered. Both ways compute the same sums.

Notation used for tensor shapes: B signals, b of them, n points, p of them along the first axis, q of them in a row,
d coordinates, E entries, e of one level, L levels, F features, k corners, R rows of vertices (along the first axis).
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import FunctionCtx

from searchinr.codecs.fields.grid_levels import Corners, GridLevel, GridLevels

_MAX_NONZERO = 2**26
"""The largest number of elements of all matrices together; an element takes 16 bytes with its transposed copy."""


def gather(grid: GridLevels, table: Tensor, coords: Tensor) -> Tensor:
    """Interpolates the features at any points.

    Args:
        grid: The levels.
        table: `(B, E, F)`.
        coords: `(n, d)`.

    Returns:
        `(B, n, L * F)`, level after level.
    """
    signals, _, width = table.shape
    # The table is laid out in rows of all signals, whose gradients add up six times as fast as columns. Each level is
    # selected from separately, since the gradient of a selection is as large as the tensor that it was selected from.
    rows = table.transpose(0, 1).flatten(1)  # (E, B * F)
    parts = torch.split(rows, [level.entries for level in grid.levels])  # L of (e, B * F)
    features = []
    for level, part in zip(grid.levels, parts, strict=True):
        entries, weights = level.corners(coords)  # (n, k)
        corners = zip(entries.unbind(1), weights.to(table.dtype).unbind(1), strict=True)
        features.append(sum(part.index_select(0, entry) * weight.unsqueeze(-1) for entry, weight in corners))
    stacked = torch.stack(cast("list[Tensor]", features), dim=1).view(len(coords), -1, signals, width)
    return stacked.permute(2, 0, 1, 3).flatten(2)  # (n, L, B, F) -> (B, n, L * F)


def matrices_pay(grid: GridLevels, points: Sequence[int], device: torch.device) -> bool:
    """Whether matrices for this number of points along each axis fit in memory, and the device multiplies them fast."""
    in_row = math.prod(points[1:]) << len(points[1:])
    nonzero = sum(level.vertices[0] * in_row + 2 * points[0] for level in grid.levels)
    has_product = device.type == "cuda" or torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    return nonzero <= _MAX_NONZERO and has_product


class _Matrix(NamedTuple):
    """A sparse matrix and its transpose, both stored as compressed rows."""

    forward: Tensor
    backward: Tensor


class _Matrices(NamedTuple):
    """The matrices that interpolate in one level.

    Attributes:
        in_rows: `(R * q, e)`: interpolates between the entries in each row of vertices.
        across_rows: `(p, R)`: interpolates between these rows.
    """

    in_rows: _Matrix
    across_rows: _Matrix


class FixedPoints:
    """Interpolation on a grid of points that stays the same."""

    def __init__(self, grid: GridLevels, coords: Tensor) -> None:
        """Builds the matrices, which takes 0.05 s for 55,296 points and 16 levels.

        Args:
            grid: The levels.
            coords: `(*points, d)`, on the device of the tables. Along each axis only the axis's own coordinate changes.
        """
        self.grid = grid
        self.points = coords[..., 0].numel()
        axes = [_along(coords, axis) for axis in range(coords.shape[-1])]
        self._matrices = [_matrices(level, axes) for level in grid.levels]
        # On a CPU, one product for each signal stays in a core's cache; on a GPU, so many products would be slow.
        self._at_once = 1 if coords.device.type == "cpu" else None

    def __call__(self, table: Tensor) -> Tensor:
        """Interpolates the features at the points, `(B, E, F)` -> `(B, L * F, n)`, level after level."""
        product: Tensor = _Product.apply(table, self)  # type: ignore[no-untyped-call]
        return product

    def forward(self, table: Tensor) -> Tensor:
        """Computes the product, `(B, E, F)` -> `(B, L * F, n)`, without an autograd graph."""
        signals, _, features = table.shape
        out = table.new_empty(signals, len(self._matrices), features, self.points)
        for of, into in self._some(table, out):
            for number, (matrices, start, stop) in enumerate(self._levels()):
                columns = of[:, start:stop].transpose(0, 1).flatten(1)  # (b, e, F) -> (e, b * F)
                rows = _times(matrices.in_rows.forward, columns)  # (R * q, b * F)
                rows = rows.view(matrices.across_rows.forward.shape[1], -1)  # (R, q * b * F)
                values = _times(matrices.across_rows.forward, rows).view(self.points, -1, features)  # (n, b, F)
                into[:, number] = values.permute(1, 2, 0)
        return out.flatten(1, 2)

    def backward(self, gradient: Tensor) -> Tensor:
        """Computes the product with the transposes, `(B, L * F, n)` -> `(B, E, F)`."""
        signals, levels = len(gradient), len(self._matrices)
        by_level = gradient.reshape(signals, levels, -1, self.points)  # (B, L * F, n) -> (B, L, F, n)
        features = by_level.shape[2]
        out = gradient.new_empty(signals, self.grid.entries, features)
        for of, into in self._some(by_level, out):
            for number, (matrices, start, stop) in enumerate(self._levels()):
                values = of[:, number].permute(2, 0, 1)  # (b, F, n) -> (n, b, F)
                values = values.reshape(matrices.across_rows.forward.shape[0], -1)  # (p, q * b * F)
                rows = _times(matrices.across_rows.backward, values)  # (R, q * b * F)
                rows = rows.view(matrices.in_rows.forward.shape[0], -1)  # (R * q, b * F)
                columns = _times(matrices.in_rows.backward, rows).view(stop - start, -1, features)  # (e, b, F)
                into[:, start:stop] = columns.transpose(0, 1)
        return out

    def _some(self, *of_signals: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Cuts tensors `(B, ...)` into parts `(b, ...)` of as many signals as are worked on at once."""
        return zip(*(torch.split(each, self._at_once or len(each)) for each in of_signals), strict=True)

    def _levels(self) -> Iterator[tuple[_Matrices, int, int]]:
        """Each level's matrices, its first entry, and the end of its entries."""
        return zip(self._matrices, self.grid.starts, self.grid.starts[1:], strict=False)


class _ProductContext(FunctionCtx):
    """What the forward pass leaves for the backward pass."""

    points: FixedPoints


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _ProductContext, table: Tensor, points: FixedPoints) -> Tensor:
        ctx.points = points
        return points.forward(table)

    @staticmethod
    def backward(ctx: _ProductContext, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.points.backward(gradient), None


def _along(coords: Tensor, axis: int) -> Tensor:
    """Coordinates along one axis of a grid of points, `(*points, d)` -> `(points of the axis,)`."""
    others = tuple(slice(None) if number == axis else 0 for number in range(coords.dim() - 1))
    return coords[(*others, axis)]


def _times(matrix: Tensor, columns: Tensor) -> Tensor:
    """Multiplies by a sparse matrix, `(m, k) @ (k, c)`; `@` would write zeros first and be slow with one column."""
    out = columns.new_empty(matrix.shape[0], columns.shape[1])
    if columns.shape[1] == 1:
        torch.addmv(out[:, 0], matrix, columns[:, 0], beta=0, out=out[:, 0])
    else:
        torch.addmm(out, matrix, columns, beta=0, out=out)
    return out


def _matrices(level: GridLevel, axes: Sequence[Tensor]) -> _Matrices:
    """Builds a level's matrices for a grid of points, from its coordinates along each axis, `(points of the axis,)`."""
    neighbours = [level.neighbours(axis, places) for axis, places in enumerate(axes)]
    first, vertices = neighbours[0], level.vertices[0]
    every = torch.arange(vertices, device=axes[0].device).unsqueeze(1)
    neighbours[0] = Corners(every, torch.ones_like(every, dtype=torch.float64))
    grid_of = [_on_axis(of, axis, len(axes)) for axis, of in enumerate(neighbours)]
    return _Matrices(_matrix(level.combined(grid_of), level.entries), _matrix(first, vertices))


def _on_axis(corners: Corners, axis: int, axes: int) -> Corners:
    """Reshapes corners along one axis, `(n, k)` -> `(1, ..., n, ..., 1, k)`, to be broadcast along the other axes."""
    shape = [1] * axes + [-1]
    shape[axis], shape[-1] = corners.entries.shape
    return Corners(corners.entries.view(shape), corners.weights.view(shape))


def _matrix(corners: Corners, columns: int) -> _Matrix:
    """Makes the matrix `(n, columns)` that interpolates the values of points from those of their corners `(..., k)`."""
    per_point = corners.entries.shape[-1]
    inner, values = corners.entries.flatten().cpu().numpy(), corners.weights.float().flatten().cpu().numpy()
    points = len(inner) // per_point
    # 16-bit integers are sorted in a single pass over them.
    order = np.argsort(inner.astype(np.min_scalar_type(columns)), kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(inner, minlength=columns))])
    rows = np.arange(0, len(inner) + 1, per_point)

    def compressed(
        starts: NDArray[np.int64], inner: NDArray[np.int64], values: NDArray[np.float32], shape: tuple[int, int]
    ) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR")  # PyTorch warns that sparse CSR is in beta
            return torch.sparse_csr_tensor(
                torch.from_numpy(starts.astype(np.int32)),
                torch.from_numpy(inner.astype(np.int32)),
                torch.from_numpy(values),
                shape,
                device=corners.entries.device,
                check_invariants=False,
            )

    return _Matrix(
        compressed(rows, inner, values, (points, columns)),
        compressed(starts, order // per_point, values[order], (columns, points)),
    )
