"""Interpolation in 1, 2 and 3 dimensions: matrices against gathering, and both against the definition."""

import math

import pytest
import torch
from torch import Tensor

from searchinr.codecs.fields import interpolation
from searchinr.codecs.fields.grid_levels import GridLevels
from searchinr.codecs.fields.interpolation import FixedPoints, gather, matrices_pay

EXTENTS = {1: (2.5,), 2: (0.7, 1.0), 3: (1.0, 0.5, 0.8)}
AXES = list(EXTENTS)


def make_grid(axes: int, table_size: int = 16) -> GridLevels:
    return GridLevels.geometric(EXTENTS[axes], levels=4, table_size=table_size, min_resolution=3, max_resolution=24)


def random_coords(axes: int, points: int = 60) -> Tensor:
    unit = 2 * torch.rand(points, axes, generator=torch.Generator().manual_seed(1)) - 1
    corners = torch.tensor([[-1.0] * axes, [1.0] * axes])
    return torch.cat([unit, corners]) * torch.tensor(EXTENTS[axes])


def rows_of_points(axes: int) -> Tensor:
    """`(*points, axes)`: random places along each axis, its ends among them."""
    rng = torch.Generator().manual_seed(1)
    places = [
        torch.cat([2 * torch.rand(4 + axis, generator=rng) - 1, torch.tensor([-1.0, 1.0])]) * EXTENTS[axes][axis]
        for axis in range(axes)
    ]
    return torch.stack(torch.meshgrid(*places, indexing="ij"), dim=-1)


def random_table(grid: GridLevels, signals: int = 3, features: int = 2) -> Tensor:
    return torch.randn(signals, grid.entries, features, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("axes", AXES)
def test_levels_are_dense_as_far_as_the_table_goes(axes: int) -> None:
    grid = make_grid(axes)
    hashed = [level.is_hashed for level in grid.levels]
    assert hashed == sorted(hashed) and hashed[-1]
    for level in grid.levels:
        assert level.entries == min(16, math.prod(level.vertices))
    assert [max(level.vertices) for level in grid.levels] == [3, 6, 12, 24]
    assert grid.entries == sum(level.entries for level in grid.levels)


def test_resolutions_grow_by_a_constant_factor() -> None:
    grid = GridLevels.geometric((1.0, 1.0), levels=24, table_size=2048, min_resolution=16, max_resolution=512)
    resolutions = [level.vertices[0] for level in grid.levels]
    assert resolutions[0] == 16 and resolutions[-1] == 512
    for number, resolution in enumerate(resolutions):
        assert resolution == math.floor(16 * 32 ** (number / 23) + 1e-9)
    assert [level.entries for level in grid.levels][:3] == [256, 324, 441]
    [only] = GridLevels.geometric((1.0,), levels=1, table_size=8, min_resolution=2, max_resolution=5).levels
    assert only.vertices == (5,)


@pytest.mark.parametrize("axes", AXES)
def test_weights_are_shares(axes: int) -> None:
    for level in make_grid(axes).levels:
        entries, weights = level.corners(random_coords(axes))
        assert entries.shape == weights.shape == (62, 2**axes)
        assert int(entries.min()) >= 0 and int(entries.max()) < level.entries
        assert float(weights.min()) >= -1e-6  # coordinates are rounded to float32
        torch.testing.assert_close(weights.sum(1), torch.ones(62, dtype=torch.float64))


@pytest.mark.parametrize("axes", AXES)
def test_what_is_linear_is_reproduced(axes: int) -> None:
    grid = make_grid(axes, table_size=2**16)
    coords = random_coords(axes)
    slopes = torch.arange(1.0, axes + 1)
    rows = []
    for level in grid.levels:
        ticks = [torch.linspace(-half, half, n) for half, n in zip(level.extent, level.vertices, strict=True)]
        vertices = torch.stack(torch.meshgrid(*ticks, indexing="ij"), dim=-1).reshape(-1, axes)
        rows.append(vertices @ slopes)
    features = gather(grid, torch.cat(rows).view(1, -1, 1), coords)
    torch.testing.assert_close(features, (coords @ slopes).view(1, -1, 1).expand(1, -1, 4), atol=1e-5, rtol=0)


@pytest.mark.parametrize("at_once", [1, 2, None])
@pytest.mark.parametrize("axes", AXES)
def test_matrices_and_gathering_are_equal(axes: int, at_once: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    grid, coords = make_grid(axes), rows_of_points(axes)
    table = random_table(grid)
    fixed = FixedPoints(grid, coords)
    monkeypatch.setattr(fixed, "_at_once", at_once)
    found = fixed(table).mT
    torch.testing.assert_close(found, gather(grid, table, coords.view(-1, axes)), atol=1e-6, rtol=0)
    torch.testing.assert_close(fixed(table[1:2]).mT, found[1:2], atol=1e-6, rtol=0)


@pytest.mark.parametrize("at_once", [1, 2, None])
@pytest.mark.parametrize("axes", AXES)
def test_gradients_are_those_of_a_plain_sum(axes: int, at_once: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    grid, rows = make_grid(axes), rows_of_points(axes)
    coords = rows.view(-1, axes)
    slopes = torch.randn(3, len(coords), 8, generator=torch.Generator().manual_seed(3))
    expected = torch.zeros(3, grid.entries, 2, dtype=torch.float64)
    for number, (level, start) in enumerate(zip(grid.levels, grid.starts, strict=False)):
        for point, (entries, weights) in enumerate(zip(*level.corners(coords), strict=True)):
            for entry, weight in zip(entries.tolist(), weights.tolist(), strict=True):
                expected[:, start + entry] += weight * slopes[:, point, 2 * number : 2 * number + 2]
    fixed = FixedPoints(grid, rows)
    monkeypatch.setattr(fixed, "_at_once", at_once)
    for interpolate in (lambda table: fixed(table).mT, lambda table: gather(grid, table, coords)):
        table = random_table(grid).requires_grad_()
        (interpolate(table) * slopes).sum().backward()
        torch.testing.assert_close(table.grad, expected.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("axes", AXES)
def test_matrices_are_for_what_fits_in_memory(axes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    grid, coords, cpu = make_grid(axes), rows_of_points(axes), torch.device("cpu")
    points = coords.shape[:-1]
    nonzero = sum(m.forward.values().numel() for of_level in FixedPoints(grid, coords)._matrices for m in of_level)
    monkeypatch.setattr(interpolation, "_MAX_NONZERO", nonzero)
    assert matrices_pay(grid, points, cpu) == torch.backends.mkl.is_available()
    monkeypatch.setattr(interpolation, "_MAX_NONZERO", nonzero - 1)
    assert not matrices_pay(grid, points, cpu)
