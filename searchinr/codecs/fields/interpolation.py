"""Interpolating between the vertices of `grid_levels`, for many signals at once.

On points that stay the same, interpolation is a product with a sparse matrix that is built once; its gradient is the
product with the transposed one. There is one matrix for each level: one for all of them takes as long with a feature or
two, and twice as long with more (55,296 points, 16 levels, one thread). On points drawn anew, vertices are gathered,
which takes two to five times as long. Both compute the same sums.

Notation used for tensor shapes: B signals, n points, E entries, L levels, F features, k corners.
"""

import warnings
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.fields.grid_levels import GridLevel, GridLevels

_MAX_NONZERO = 2**26
"""Elements of all matrices; with their transposes they take 16 bytes each."""


def gather(grid: GridLevels, table: Tensor, coords: Tensor) -> Tensor:
    """Features at any points.

    Args:
        grid: The levels.
        table: `(B, E, F)`.
        coords: `(n, d)`.

    Returns:
        `(B, n, L * F)`, level after level.
    """
    signals, _, width = table.shape
    # Rows of all signals, whose gradients add up six times as fast as columns; and level by level, since every gradient
    # of a selection is as large as what was selected from.
    rows = table.transpose(0, 1).flatten(1)  # (E, B * F)
    parts = torch.split(rows, [level.entries for level in grid.levels])  # L of (e, B * F)
    features = []
    for level, part in zip(grid.levels, parts, strict=True):
        entries, weights = level.corners(coords)  # (n, k)
        corners = zip(entries.unbind(1), weights.to(table.dtype).unbind(1), strict=True)
        features.append(sum(part.index_select(0, entry) * weight.unsqueeze(-1) for entry, weight in corners))
    stacked = torch.stack(cast("list[Tensor]", features), dim=1).view(len(coords), -1, signals, width)
    return stacked.permute(2, 0, 1, 3).flatten(2)  # (n, L, B, F) -> (B, n, L * F)


def matrices_pay(grid: GridLevels, points: int, device: torch.device) -> bool:
    """Whether the matrices of so many points fit in memory, and the device has a fast product with them."""
    nonzero = points * len(grid.levels) << len(grid.levels[0].vertices)
    has_product = device.type == "cuda" or torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    return nonzero <= _MAX_NONZERO and has_product


class FixedPoints:
    """Interpolation on points that stay the same."""

    def __init__(self, grid: GridLevels, coords: Tensor) -> None:
        """Builds the matrices: for 55,296 points and 16 levels in 0.3 s.

        Args:
            grid: The levels.
            coords: `(n, d)`, on the device of the tables.
        """
        self.grid = grid
        self.points = len(coords)
        self._matrices = [_matrix_and_transpose(level, coords) for level in grid.levels]

    def __call__(self, table: Tensor) -> Tensor:
        """Features at the points, `(B, E, F)` -> `(L, n, B, F)`: each level's product as it comes, without a copy."""
        product: Tensor = _Product.apply(table, self)  # type: ignore[no-untyped-call]
        return product

    def forward(self, table: Tensor) -> Tensor:
        """The product, `(B, E, F)` -> `(L, n, B, F)`, without a graph."""
        signals, _, features = table.shape
        out = table.new_empty(len(self._matrices), self.points, signals * features)
        for number, ((matrix, _), start, stop) in enumerate(self._levels()):
            columns = table[:, start:stop].transpose(0, 1).reshape(stop - start, -1)  # (B, e, F) -> (e, B * F)
            torch.mm(matrix, columns, out=out[number])
        return out.view(-1, self.points, signals, features)

    def backward(self, gradient: Tensor) -> Tensor:
        """The product with the transposes, `(L, n, B, F)` -> `(B, E, F)`."""
        _, _, signals, features = gradient.shape
        out = gradient.new_empty(signals, self.grid.entries, features)
        for number, ((_, transpose), start, stop) in enumerate(self._levels()):
            columns = gradient[number].reshape(self.points, -1)  # (n, B, F) -> (n, B * F)
            product = (transpose @ columns).view(stop - start, signals, features)  # (e, B, F)
            out[:, start:stop] = product.transpose(0, 1)
        return out

    def _levels(self) -> Any:  # noqa: ANN401  an iterator of ((matrix, transpose), start, stop)
        return zip(self._matrices, self.grid.starts, self.grid.starts[1:], strict=False)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, points: FixedPoints) -> Tensor:  # noqa: ANN401
        ctx.points = points
        return points.forward(table)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return ctx.points.backward(gradient), None


def _matrix_and_transpose(level: GridLevel, coords: Tensor) -> tuple[Tensor, Tensor]:
    """The matrix `(n, entries)` that interpolates in a level, and its transpose, both by compressed rows."""
    corners = level.corners(coords)
    entries, weights = corners.entries.cpu().numpy(), corners.weights.float().cpu().numpy()  # (n, k)
    points, per_point = entries.shape
    columns = entries.ravel()
    # Sorting 16-bit integers takes one pass over them.
    order = np.argsort(columns.astype(np.min_scalar_type(level.entries)), kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=level.entries))])
    rows = np.arange(0, columns.size + 1, per_point)

    def compressed(starts: Any, inner: Any, values: Any, shape: tuple[int, int]) -> Tensor:  # noqa: ANN401
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR")  # PyTorch calls all of it beta
            return torch.sparse_csr_tensor(
                torch.from_numpy(starts.astype(np.int32)),
                torch.from_numpy(inner.astype(np.int32)),
                torch.from_numpy(values),
                shape,
                device=coords.device,
                check_invariants=False,
            )

    return (
        compressed(rows, columns, weights.ravel(), (points, level.entries)),
        compressed(starts, order // per_point, weights.ravel()[order], (level.entries, points)),
    )
