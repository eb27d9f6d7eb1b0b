"""Affine maps batched over signals."""

import pytest
import torch
from torch import Tensor

from searchinr.codecs.fields.affine import affine


def made(signals: int, shared: bool, outputs: int) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(outputs)
    inputs = torch.randn((50, 8) if shared else (signals, 50, 8), generator=rng)
    return inputs, torch.randn(signals, 8, outputs, generator=rng), torch.randn(signals, outputs, generator=rng)


@pytest.mark.parametrize("outputs", [1, 5])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("signals", [1, 3])
def test_it_is_a_product_and_a_sum(signals: int, shared: bool, outputs: int) -> None:
    inputs, weight, bias = made(signals, shared, outputs)
    expected = inputs.double() @ weight.double() + bias.double().unsqueeze(1)
    found = affine(inputs, weight, bias)
    assert found.shape == (signals, 50, outputs)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)


def test_one_output_is_rounded_as_if_a_signal_were_alone() -> None:
    inputs, weight, bias = made(3, False, 1)
    leaves = [part.requires_grad_() for part in (inputs, weight, bias)]
    together = affine(inputs, weight, bias)
    slopes = torch.sin(torch.arange(together.numel())).view_as(together)
    gradients = torch.autograd.grad(together, leaves, slopes)
    for signal in range(3):
        own = [leaf.detach()[signal : signal + 1].requires_grad_() for leaf in leaves]
        alone = affine(*own)
        assert torch.equal(together[signal], alone[0])
        for gradient, expected in zip(
            gradients, torch.autograd.grad(alone, own, slopes[signal : signal + 1]), strict=True
        ):
            assert torch.equal(gradient[signal], expected[0])
