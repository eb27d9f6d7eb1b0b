"""WIRE's guard against overflow."""

import torch
from field_cases import grid_coords, make_shape, plain_wire, random_weights

from searchinr.codecs.fields.wire import Wire, WireParams


def test_no_nan_where_the_published_network_overflows() -> None:
    shape = make_shape(depth=5, width=32)
    field = Wire(shape, WireParams(omega=20, sigma=0.25))
    weights = {name: (3 * w).requires_grad_() for name, w in random_weights(field, batch=2).items()}
    coords = grid_coords(shape)
    unguarded = plain_wire(field, {n: w[0].detach() for n, w in weights.items()}, coords)
    assert not unguarded.isfinite().all()

    values = field.forward(weights, coords)
    values.square().sum().backward()

    assert values.isfinite().all()
    for name, w in weights.items():
        assert w.grad is not None and w.grad.isfinite().all(), name
        assert w.grad.abs().max() > 0, name


def test_beyond_the_limit_the_magnitude_stays_and_its_gradient_is_zero() -> None:
    shape = make_shape(depth=3, width=24)
    field = Wire(shape, WireParams(omega=20, sigma=4))  # exponents up to (20 / 8)^2 = 6.25
    weights = {name: w.double().requires_grad_() for name, w in random_weights(field, batch=1).items()}
    one = {name: w[0].detach().requires_grad_() for name, w in weights.items()}
    coords = grid_coords(shape, times=2).double()

    values = field.forward(weights, coords)
    limited = plain_wire(field, one, coords, max_exponent=4.0)

    torch.testing.assert_close(values[0], limited, atol=1e-5, rtol=1e-4)
    assert (limited - plain_wire(field, one, coords)).abs().max() > 1e-2  # the limit was met
    values.sum().backward()
    limited.sum().backward()
    for name, w in weights.items():
        expected = one[name].grad
        assert w.grad is not None and expected is not None
        torch.testing.assert_close(w.grad[0], expected, atol=1e-4 * float(expected.abs().max()), rtol=0)


def test_the_limit_is_out_of_reach_up_to_a_ratio_of_four() -> None:
    shape = make_shape(depth=4, width=24)
    field = Wire(shape, WireParams(omega=20, sigma=5))
    weights = {name: w.double() for name, w in random_weights(field, batch=1).items()}
    coords = grid_coords(shape, times=2).double()
    unlimited = plain_wire(field, {name: w[0] for name, w in weights.items()}, coords)
    torch.testing.assert_close(field.forward(weights, coords)[0], unlimited, atol=1e-5, rtol=1e-6)
