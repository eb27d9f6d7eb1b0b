"""DINER's table: which entry belongs to which point."""

import pytest
import torch
from field_cases import grid_coords, make_shape, random_weights

from searchinr.codecs.fields.contract import FieldShape
from searchinr.codecs.fields.diner import Diner, DinerParams


@pytest.mark.parametrize("d_in", [1, 2])
def test_a_long_table_has_one_entry_per_point_in_order(d_in: int) -> None:
    shape = make_shape(d_in)
    field = Diner(shape, DinerParams(table_size_log2=20))
    coords = grid_coords(shape)
    assert field.entries == len(coords)
    assert field.entry_of(coords).tolist() == list(range(len(coords)))


def test_a_short_table_is_shared_evenly() -> None:
    shape = FieldShape(2, 3, 2, 8, cells=(96, 144), extent=(2 / 3, 1.0))
    field = Diner(shape, DinerParams(table_size_log2=8))
    counts = torch.bincount(field.entry_of(grid_coords(shape)), minlength=256)
    assert counts.shape == (256,)  # 54 points per entry on average, deviation 7.3
    assert counts.min() > 54 - 5 * 7.3 and counts.max() < 54 + 5 * 7.3


@pytest.mark.parametrize("size", [4, 20])
@pytest.mark.parametrize("times", [2, 3])
def test_entries_do_not_depend_on_the_resolution(size: int, times: int) -> None:
    shape = make_shape(2)
    field = Diner(shape, DinerParams(table_size_log2=size))
    coarse = field.entry_of(grid_coords(shape)).reshape(6, 9)
    fine = field.entry_of(grid_coords(shape, times)).reshape(6 * times, 9 * times)
    assert torch.equal(fine, coarse.repeat_interleave(times, 0).repeat_interleave(times, 1))


def test_coordinates_on_and_beyond_the_border_use_the_border_cells() -> None:
    field = Diner(make_shape(1), DinerParams(table_size_log2=20))
    assert field.entry_of(torch.tensor([[-0.7], [-3.0], [0.7], [3.0]])).tolist() == [0, 0, 5, 5]


def test_cells_of_a_long_recording_do_not_run_into_each_other() -> None:
    samples = 16_000 * 120
    shape = FieldShape(1, 1, 2, 8, cells=(samples,), extent=(60.0,))
    field = Diner(shape, DinerParams(table_size_log2=24))
    assert torch.equal(field.entry_of(grid_coords(shape)), torch.arange(samples))


def test_points_that_share_an_entry_add_up_their_gradients() -> None:
    shape = make_shape(1)
    field = Diner(shape, DinerParams(table_size_log2=4))
    weights = random_weights(field, batch=1)
    table = weights["table"].requires_grad_()
    point = grid_coords(shape)[:1]
    field.forward(weights, point).sum().backward()
    once = table.grad
    table.grad = None
    field.forward(weights, point.repeat(7, 1)).sum().backward()
    assert once is not None and table.grad is not None
    assert once.count_nonzero() == 1
    torch.testing.assert_close(table.grad, 7 * once)
