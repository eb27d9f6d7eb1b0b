import numpy as np
import pytest
import torch
from torch import Tensor

from searchinr.codecs.fields.contract import Field, FieldShape
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting import supernet as module
from searchinr.codecs.fitting.objective import Step
from searchinr.codecs.fitting.points import HeldPoints
from searchinr.codecs.fitting.supernet import Sandwich, Supernet, sandwich
from searchinr.codecs.fitting.training import BatchFit, Recipe, fit_to_rung
from searchinr.codecs.params.network_params import LossName

GRID = (6, 9)
DEPTHS, WIDTHS = (1, 2, 4), (6, 8, 12)


def supernet(backbone: str) -> Supernet:
    def make(depth: int, width: int) -> Field:
        return FIELDS[backbone](FieldShape(2, 3, depth, width, GRID, (0.7, 1.0)), FIELDS[backbone].Params())

    return Supernet(make, DEPTHS, WIDTHS)


def initial(net: Supernet, signals: int = 2) -> dict[str, Tensor]:
    each = [net.init(torch.Generator().manual_seed(seed)) for seed in range(signals)]
    return {name: torch.stack([stored[name] for stored in each]) for name in each[0]}


def coords() -> Tensor:
    rows, columns = torch.meshgrid(torch.linspace(-0.6, 0.6, 6), torch.linspace(-0.9, 0.9, 9), indexing="ij")
    return torch.stack([rows, columns], dim=-1).reshape(-1, 2)


@pytest.mark.parametrize("backbone", FIELDS)
def test_one_pass_gives_what_each_subnet_gives_on_its_own(backbone: str) -> None:
    net = supernet(backbone)
    stored = initial(net)
    for width in WIDTHS:
        found = dict(net.outputs(stored, width, coords()))
        assert tuple(found) == DEPTHS
        for depth, values in found.items():
            weights = net.subnet(stored, depth, width)
            field = net.make_field(depth, width)
            assert {name: w.shape[1:] for name, w in weights.items()} == {s.name: s.shape for s in field.tensors()}
            torch.testing.assert_close(values, field.forward(weights, coords()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backbone", FIELDS)
def test_the_largest_subnet_starts_as_the_backbone_does(backbone: str) -> None:
    net = supernet(backbone)
    weights = net.subnet(initial(net, 1), DEPTHS[-1], WIDTHS[-1])
    for name, weight in net.largest.init(torch.Generator().manual_seed(0)).items():
        torch.testing.assert_close(weights[name][0], weight)


def test_slices_are_as_large_as_what_they_would_be_initialised_with() -> None:
    net = Supernet(lambda depth, width: supernet("siren").make_field(depth, width), (2,), (32, 128))
    narrow = net.subnet(initial(net, 1), 2, 32)["layer1.weight"]
    alone = net.make_field(2, 32).init(torch.Generator().manual_seed(1))["layer1.weight"]
    assert float(narrow.std()) == pytest.approx(float(alone.std()), rel=0.1)


def test_biases_belong_to_widths_and_heads_to_depths() -> None:
    net = supernet("siren")
    stored = initial(net)
    before = net.subnet(stored, 2, 8)
    stored["layer1.bias@12"] += 1
    stored["out.weight@4"] += 1
    stored["out.bias@4"] += 1
    for name, weight in net.subnet(stored, 2, 8).items():
        assert torch.equal(weight, before[name])
    assert not torch.equal(net.subnet(stored, 4, 12)["layer1.bias"], initial(net)["layer1.bias@12"])


def test_every_step_trains_both_ends() -> None:
    rng = np.random.default_rng(0)
    drawn = [sandwich((4, 5, 6, 7), rng) for _ in range(50)]
    assert all(widths[:2] == [7, 4] for widths in drawn)
    assert {widths[2] for widths in drawn} == {5, 6}
    assert sandwich((4, 7), rng) == [7, 4] and sandwich((4,), rng) == [4]


@pytest.mark.parametrize("loss", ["log_mse", "mse"])
@pytest.mark.parametrize("chunk", [1, 2**25], ids=["one signal at a time", "all at once"])
def test_gradient_is_that_of_all_three_widths(monkeypatch: pytest.MonkeyPatch, loss: LossName, chunk: int) -> None:
    monkeypatch.setattr(module, "_CHUNK_ELEMENTS", chunk)
    net, targets = supernet("siren"), torch.rand(2, 54, 3, generator=torch.Generator().manual_seed(0))
    leaves = {name: weight.requires_grad_() for name, weight in initial(net).items()}
    plain = {name: weight.detach().clone().requires_grad_() for name, weight in leaves.items()}
    evaluated = Sandwich(net).backward(leaves, HeldPoints(coords(), targets), Step(loss, np.random.default_rng(0)))
    errors = torch.stack(
        [
            (net.make_field(depth, width).forward(net.subnet(plain, depth, width), coords()) - targets).square()
            for depth in DEPTHS
            for width in WIDTHS  # all three: the one between the ends is the one that is drawn
        ]
    ).mean(dim=(2, 3))  # (subnets, B)
    each = (errors.log() if loss == "log_mse" else errors).sum(0)
    each.sum().backward()
    torch.testing.assert_close(evaluated.error, each.detach(), rtol=1e-4, atol=1e-5)
    assert evaluated.macs == 3 * 2 * 54 * sum(net.macs_per_point(width) for width in WIDTHS)
    for name, leaf in leaves.items():
        torch.testing.assert_close(leaf.grad, plain[name].grad, rtol=1e-3, atol=1e-4)


def test_training_makes_every_subnet_better_and_counts_its_work() -> None:
    net = supernet("siren")
    rng = torch.Generator().manual_seed(0)
    targets = torch.stack([torch.sin(3 * coords() @ torch.rand(2, 3, generator=rng)) for _ in range(2)])  # (B, n, c)
    points = HeldPoints(coords(), targets)

    def errors(stored: dict[str, Tensor]) -> dict[tuple[int, int], Tensor]:
        return {
            (depth, width): (values - targets).square().mean(dim=(1, 2))
            for width in WIDTHS
            for depth, values in net.outputs(stored, width, coords())
        }

    def run(seed: int) -> BatchFit:
        recipe = Recipe(lr=5e-3, decay=1.0, batch_fraction=0.5, seed=seed)
        *_, last = fit_to_rung(BatchFit(Sandwich(net), initial(net), points, recipe), recipe, 150)
        return last

    trained, before = run(0), errors(initial(net))
    for (depth, width), error in errors(trained.weights).items():
        assert (error < (1.0 if depth == 1 else 0.3) * before[depth, width]).all()
    assert trained.steps == 150
    widest, narrowest = (net.macs_per_point(width) for width in (WIDTHS[-1], WIDTHS[0]))
    between = trained.macs / (3 * 2 * 27 * 150) - widest - narrowest
    assert between == pytest.approx(net.macs_per_point(8))
    again, other = run(0), run(1)
    assert all(torch.equal(again.weights[name], weight) for name, weight in trained.weights.items())
    assert any(not torch.equal(other.weights[name], weight) for name, weight in trained.weights.items())
