"""Adam over named weights."""

import pytest
import torch

from searchinr.codecs.fitting.adam import Adam

CPU = torch.device("cpu")
STEPS = 30


@pytest.mark.parametrize("weights", [1, 3, 16, 17, 100])
@pytest.mark.parametrize("signals", [2, 3, 7])
def test_the_bits_of_a_signal_do_not_depend_on_its_companions(signals: int, weights: int) -> None:
    # Left to itself, PyTorch's fused kernel rounds what is left over behind whole vectors otherwise than the rest.
    rng = torch.Generator().manual_seed(signals * weights)
    initial = torch.randn(signals, weights, generator=rng)
    together = Adam({"w": initial}, CPU)
    alone = [Adam({"w": each}, CPU) for each in initial.split(1)]
    for _ in range(STEPS):
        gradient = torch.randn(signals, weights, generator=rng)
        together.weights["w"].grad = gradient
        together.step(0.01)
        for fit, own in zip(alone, gradient.split(1), strict=True):
            fit.weights["w"].grad = own.clone()
            fit.step(0.01)
    assert torch.equal(together.weights["w"], torch.cat([fit.weights["w"] for fit in alone]))


def test_steps_are_those_of_pytorch_s_adam_whatever_the_sizes() -> None:
    rng = torch.Generator().manual_seed(0)
    initial = {f"{size}": torch.randn(2, size, generator=rng) for size in (1, 7, 8, 9, 40)}
    ours, plain = Adam(initial, CPU), {name: w.clone().requires_grad_() for name, w in initial.items()}
    reference = torch.optim.Adam(list(plain.values()), lr=0.01, eps=1e-12)
    for _ in range(STEPS):
        for name, weight in plain.items():
            weight.grad = torch.randn(weight.shape, generator=rng)
            ours.weights[name].grad = weight.grad.clone()
        ours.step(0.01)
        reference.step()
    for name, weight in plain.items():
        torch.testing.assert_close(ours.weights[name], weight)


def test_a_state_has_the_shapes_of_the_weights_and_is_all_that_matters() -> None:
    rng = torch.Generator().manual_seed(0)
    initial = {"matrix": torch.randn(2, 3, 5, generator=rng), "bias": torch.randn(2, 5, generator=rng)}
    first, second = Adam(initial, CPU), Adam({name: torch.zeros_like(w) for name, w in initial.items()}, CPU)
    gradients = {name: torch.randn(w.shape, generator=rng) for name, w in initial.items()}

    def step(adam: Adam) -> None:
        for name, gradient in gradients.items():
            adam.weights[name].grad = gradient.clone()
        adam.step(0.01)

    step(first)
    state = first.state()
    for name, weight in initial.items():
        assert state[f"weight.{name}"].shape == state[f"exp_avg.{name}"].shape == weight.shape
    second.load(state)
    step(first)
    step(second)
    assert all(torch.equal(first.state()[name], value) for name, value in second.state().items())
