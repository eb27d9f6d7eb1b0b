"""Each batched backbone against its plain one-signal version: values in float32, gradients in float64."""

import pytest
import torch
from field_cases import CASES, grid_coords, make_shape, random_weights


@pytest.mark.parametrize("width", [8, 13])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("d_in", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_batched_equals_plain(case: str, d_in: int, depth: int, width: int) -> None:
    shape = make_shape(d_in, depth, width)
    field = CASES[case].field(shape)
    weights = random_weights(field, batch=3)
    coords = grid_coords(shape, times=2)
    assert {s.name: (3, *s.shape) for s in field.tensors()} == {k: tuple(w.shape) for k, w in weights.items()}

    values = field.forward(weights, coords)

    assert values.shape == (3, len(coords), 3) and values.dtype == torch.float32
    for signal in range(3):
        one = {name: w[signal].double() for name, w in weights.items()}
        plain = CASES[case].plain(field, one, coords.double())
        torch.testing.assert_close(values[signal].double(), plain, atol=1e-5, rtol=1e-5)
    assert (values[0] - values[1]).abs().max() > 1e-3  # the signals do have weights of their own


@pytest.mark.parametrize("d_in", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_those_of_plain(case: str, d_in: int) -> None:
    shape = make_shape(d_in, depth=3, width=11)
    field = CASES[case].field(shape)
    weights = {name: w.double().requires_grad_() for name, w in random_weights(field, batch=2).items()}
    coords = grid_coords(shape, times=2).double()
    slopes = torch.randn(2, len(coords), 3, generator=torch.Generator().manual_seed(5)).double()

    (field.forward(weights, coords) * slopes).sum().backward()

    for signal in range(2):
        one = {name: w[signal].detach().requires_grad_() for name, w in weights.items()}
        (CASES[case].plain(field, one, coords) * slopes[signal]).sum().backward()
        for name, w in weights.items():
            expected = one[name].grad
            assert expected is not None and w.grad is not None
            assert expected.count_nonzero() > 0, f"{name} has no effect"
            # WIRE rounds magnitudes below 2e-8 to zero
            tolerance = 1e-6 + 1e-5 * float(expected.abs().max())
            torch.testing.assert_close(w.grad[signal], expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("case", CASES)
def test_tiles_of_points_give_the_same_values(case: str) -> None:
    shape = make_shape()
    field = CASES[case].field(shape)
    weights = random_weights(field, batch=2)
    coords = grid_coords(shape)
    tiles = [field.forward(weights, tile) for tile in coords.split(20)]
    torch.testing.assert_close(torch.cat(tiles, dim=1), field.forward(weights, coords), atol=1e-5, rtol=1e-5)
