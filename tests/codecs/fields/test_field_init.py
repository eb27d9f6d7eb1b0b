"""Initialisations are the published ones and depend on the generator only."""

import math

import pytest
import torch
from field_cases import CASES, make_shape
from torch import Tensor

from searchinr.codecs.fields.contract import FieldShape


def initial(case: str, shape: FieldShape, seed: int = 0) -> dict[str, Tensor]:
    return CASES[case].field(shape).init(torch.Generator().manual_seed(seed))


def assert_uniform(values: Tensor, bound: float) -> None:
    """U(-bound, bound) by its bounds, mean and deviation, within 5 standard errors (deviation: 10 %)."""
    assert values.abs().max() <= bound * (1 + 1e-6)
    assert values.abs().max() >= bound * (1 - 10 / values.numel())
    assert abs(float(values.mean())) <= 5 * bound / math.sqrt(3 * values.numel())
    if values.numel() >= 200:
        assert float(values.std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)


@pytest.mark.parametrize("case", CASES)
def test_deterministic_for_a_seed(case: str) -> None:
    shape = make_shape()
    first, again, other = initial(case, shape, 1), initial(case, shape, 1), initial(case, shape, 2)
    for name, value in first.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, again[name])
        assert not torch.equal(value, other[name])


def test_siren() -> None:
    weights = initial("siren-60-20", make_shape(d_in=2, depth=3, width=120))
    assert_uniform(weights["layer0.weight"], 1 / 2)
    assert_uniform(weights["layer0.bias"], 1 / math.sqrt(2))
    for name in ("layer1.weight", "layer2.weight", "out.weight"):
        assert_uniform(weights[name], math.sqrt(6 / 120) / 20)
    assert_uniform(weights["layer1.bias"], 1 / math.sqrt(120))


def test_fourier() -> None:
    weights = initial("fourier", make_shape(depth=2, width=90))
    assert_uniform(weights["layer0.weight"], 1 / math.sqrt(10))
    assert_uniform(weights["layer0.bias"], 1 / math.sqrt(10))
    assert_uniform(weights["layer1.weight"], 1 / math.sqrt(90))
    assert_uniform(weights["out.weight"], 1 / math.sqrt(90))


def test_mfn_fourier() -> None:
    weights = initial("mfn-fourier", make_shape(d_in=2, depth=4, width=150))
    assert_uniform(weights["filters.weight"], 32 / math.sqrt(4) / math.sqrt(2))
    assert_uniform(weights["filters.bias"], math.pi)
    assert_uniform(weights["layer3.weight"], 1 / math.sqrt(150))
    assert_uniform(weights["out.weight"], 1 / math.sqrt(150))


def test_mfn_gabor() -> None:
    weights = initial("mfn-gabor", make_shape(d_in=2, depth=3, width=1500))
    gamma = weights["filters.gamma"]  # Gamma(2, 1): mean 2, variance 2
    assert gamma.min() >= 0
    assert float(gamma.mean()) == pytest.approx(2, rel=0.1) and float(gamma.var()) == pytest.approx(2, rel=0.2)
    spread = (weights["filters.weight"] / gamma.sqrt().unsqueeze(1)).clamp(-100, 100)
    assert_uniform(spread, 32 / math.sqrt(3) / math.sqrt(2))
    assert_uniform(weights["filters.mu"][:, 0], 0.7)
    assert_uniform(weights["filters.mu"][:, 1], 1.0)


def test_wire() -> None:
    weights = initial("wire", make_shape(d_in=2, depth=2, width=85))
    assert weights["layer1.weight"].shape == (2, 60, 60)
    assert_uniform(weights["layer0.weight"], 1 / math.sqrt(2))
    assert_uniform(weights["layer1.weight"][0], 1 / math.sqrt(60))
    assert_uniform(weights["layer1.weight"][1], 1 / math.sqrt(60))
    assert_uniform(weights["layer1.bias"], 1 / math.sqrt(60))


def test_relu_and_gauss_are_left_as_pytorch_makes_them() -> None:
    for case, n_in in (("relu", 14), ("gauss", 2)):
        weights = initial(case, make_shape(d_in=2, depth=2, width=100))
        assert_uniform(weights["layer0.weight"], 1 / math.sqrt(n_in))
        assert_uniform(weights["layer1.weight"], 1 / math.sqrt(100))
        assert_uniform(weights["out.weight"], 1 / math.sqrt(100))


def test_diner() -> None:
    weights = initial("diner-own", make_shape(d_in=2, depth=2, width=100))
    assert_uniform(weights["table"], 1e-4)
    assert_uniform(weights["layer0.weight"], 1 / 2)
    assert_uniform(weights["layer1.weight"], math.sqrt(6 / 100) / 30)
