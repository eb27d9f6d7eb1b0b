import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from searchinr.codecs.fitting import tiles, training
from searchinr.codecs.fitting.objective import Forward, SingleNetwork
from searchinr.codecs.fitting.points import HeldPoints
from searchinr.codecs.fitting.training import LARGE, POINTS_OF_LARGE, BatchFit, Recipe, fit_to_rung
from searchinr.errors import TrialError

SIGNALS, POINTS, WIDTH = 3, 40, 6


def network(weights: dict[str, Tensor], coords: Tensor) -> Tensor:
    """Two layers, batched over signals: (n, 2) -> (B, n, 1)."""
    hidden = torch.sin(coords @ weights["first"])  # (B, n, w)
    return hidden @ weights["last"] + weights["shift"].unsqueeze(1)


def make_problem(signals: int = SIGNALS, points: int = POINTS) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    weights = {
        "first": 3 * torch.randn(signals, 2, WIDTH, generator=rng),
        "last": torch.randn(signals, WIDTH, 1, generator=rng),
        "shift": torch.randn(signals, 1, generator=rng),
    }
    coords = 2 * torch.rand(points, 2, generator=rng) - 1
    targets = torch.rand(signals, points, 1, generator=rng) * torch.tensor([1.0, 0.1, 10.0])[:signals].view(-1, 1, 1)
    return weights, coords, targets


def make_fit(recipe: Recipe, *, only: int | None = None, forward: Forward = network, **sizes: int) -> BatchFit:
    weights, coords, targets = make_problem(**sizes)
    keep = slice(None) if only is None else slice(only, only + 1)
    single = SingleNetwork(forward, macs_per_point=3 * WIDTH, elements_per_point=WIDTH)
    return BatchFit(single, {name: w[keep] for name, w in weights.items()}, HeldPoints(coords, targets[keep]), recipe)


FULL = Recipe(lr=0.01, decay=0.5, batch_fraction=1, seed=0)
SAMPLED = Recipe(lr=0.01, decay=0.5, batch_fraction=0.3, seed=0)


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=tolerance, rtol=tolerance)


def test_step_is_that_of_adam_on_the_sum_of_log_errors() -> None:
    fit = make_fit(FULL)
    weights, coords, targets = make_problem()
    plain = {name: w.clone().requires_grad_() for name, w in weights.items()}
    adam = torch.optim.Adam(list(plain.values()), lr=0.0, eps=1e-12)
    for step in range(12):
        lr = 0.01 / (step + 1)
        fit.step(lr)
        adam.param_groups[0]["lr"] = lr
        adam.zero_grad()
        mse = (network(plain, coords) - targets).square().mean(dim=(1, 2))  # (B,)
        mse.log().sum().backward()
        adam.step()
    assert_same(fit.weights, plain, 1e-4)
    assert fit.steps == 12
    assert (plain["first"] - weights["first"]).abs().max() > 0.01


def test_tiles_give_the_gradient_of_all_points_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def observed(weights: dict[str, Tensor], coords: Tensor) -> Tensor:
        sizes.append(len(coords))
        return network(weights, coords)

    whole = make_fit(FULL, forward=observed)
    whole.step(0.01)
    assert sizes == [POINTS]
    sizes.clear()
    monkeypatch.setattr(tiles, "_MIN_TILE", 1)
    monkeypatch.setattr(tiles, "_TILE_ELEMENTS", {"cpu": 7 * WIDTH})
    tiled = make_fit(FULL, forward=observed)
    tiled.step(0.01)
    assert sizes == SIGNALS * 5 * [7] + SIGNALS * [5]
    assert_same(tiled.weights, whole.weights, 1e-6)
    for _ in range(20):
        whole.step(0.01)
        tiled.step(0.01)
    assert_same(tiled.weights, whole.weights, 1e-3)


def test_activations_do_not_grow_with_the_signal() -> None:
    largest = 0

    def observed(weights: dict[str, Tensor], coords: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, len(weights["first"]) * len(coords) * WIDTH)
        return network(weights, coords)

    make_fit(FULL, forward=observed, points=100_000).step(0.01)
    assert largest <= 2**17


@pytest.mark.parametrize("recipe", [FULL, SAMPLED], ids=["full", "sampled"])
def test_each_signal_trains_as_it_would_alone(recipe: Recipe) -> None:
    together = make_fit(recipe)
    alone = [make_fit(recipe, only=signal) for signal in range(SIGNALS)]
    for _ in range(15):
        for fit in (together, *alone):
            fit.step(0.01)
    for signal, fit in enumerate(alone):
        assert_same({n: w[signal : signal + 1] for n, w in together.weights.items()}, fit.weights, 1e-4)


def test_each_signal_of_many_points_gets_the_very_bits_that_it_would_get_alone() -> None:
    # Of so many points a chunk holds one signal, so every product is the same one: no machine can tell a difference.
    together = make_fit(FULL, points=30_000)
    alone = [make_fit(FULL, only=signal, points=30_000) for signal in range(SIGNALS)]
    for _ in range(4):
        for fit in (together, *alone):
            fit.step(0.01)
    for signal, fit in enumerate(alone):
        assert all(torch.equal(together.weights[name][signal], weight[0]) for name, weight in fit.weights.items())


def test_scale_of_a_signal_does_not_change_its_share() -> None:
    # the gradient of the log is the same for a signal and one a thousand times as loud, up to the factor on the output
    weights, coords, targets = make_problem(signals=1)
    steps = []
    for gain in (1.0, 1000.0):
        louder = {"first": weights["first"], "last": gain * weights["last"], "shift": gain * weights["shift"]}
        single = SingleNetwork(network, macs_per_point=1, elements_per_point=WIDTH)
        fit = BatchFit(single, louder, HeldPoints(coords, gain * targets), FULL)
        fit.step(0.01)
        steps.append(fit.weights["first"].detach() - weights["first"])
    torch.testing.assert_close(steps[0], steps[1], atol=1e-6, rtol=1e-3)


def test_points_are_drawn_anew_at_every_step_and_for_every_seed() -> None:
    def drawn(seed: int, steps: int) -> list[Tensor]:
        seen: list[Tensor] = []

        def observed(weights: dict[str, Tensor], coords: Tensor) -> Tensor:
            seen.append(coords)
            return network(weights, coords)

        fit = make_fit(Recipe(lr=0.01, decay=0.5, batch_fraction=0.3, seed=seed), forward=observed)
        for _ in range(steps):
            fit.step(0.01)
        return seen

    first, second = drawn(0, 2)
    assert first.shape == (12, 2) and not torch.equal(first, second)
    assert torch.equal(first, drawn(0, 1)[0])
    assert not torch.equal(first, drawn(1, 1)[0])
    assert not torch.equal(first, drawn(2**31 - 1, 1)[0])


def test_of_large_signals_a_part_is_drawn_unless_the_recipe_says_otherwise() -> None:
    by_default, whole = replace(FULL, batch_fraction=None), replace(FULL, batch_fraction=1.0)
    assert [by_default.batch(points) for points in (40, LARGE, LARGE + 1)] == [40, LARGE, POINTS_OF_LARGE]
    assert whole.batch(LARGE + 1) == LARGE + 1
    assert SAMPLED.batch(1) == 1


def test_states_are_compared_by_the_same_points_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sampled, whole = make_fit(SAMPLED), make_fit(FULL)
    exact = whole.own_losses()
    assert torch.equal(sampled.own_losses(), exact)
    monkeypatch.setattr(training, "_MOST_COMPARED", 25)
    drawn = make_fit(SAMPLED)
    first = drawn.own_losses()
    assert not torch.equal(first, exact) and torch.allclose(first, exact, atol=1.5)
    drawn.step(0.0)
    assert torch.equal(drawn.own_losses(), first) and torch.equal(drawn.branch().own_losses(), first)
    assert torch.equal(make_fit(FULL).own_losses(), exact), "what is seen in every step is compared whole"


def test_macs_count_forward_and_backward_of_every_point_used() -> None:
    for recipe, points in ((FULL, POINTS), (SAMPLED, 12)):
        fit = make_fit(recipe)
        fit.step(0.01)
        fit.step(0.01)
        assert fit.macs == 2 * 3 * (3 * WIDTH) * SIGNALS * points


def test_a_perfect_fit_stays_perfect() -> None:
    weights, coords, _ = make_problem()
    single = SingleNetwork(network, macs_per_point=1, elements_per_point=WIDTH)
    fit = BatchFit(single, weights, HeldPoints(coords, network(weights, coords)), FULL)
    fit.step(0.01)
    fit.check_finite()
    assert_same(fit.weights, weights, 1e-9)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_divergence_is_a_failed_trial(bad: float) -> None:
    fit = make_fit(FULL)
    fit.check_finite()
    with torch.no_grad():
        fit.weights["last"][1, 0, 0] = bad
    fit.step(0.01)
    with pytest.raises(TrialError, match=r"diverged.*step 1"):
        fit.check_finite()


def test_learning_rates() -> None:
    recipe = Recipe(lr=0.4, decay=0.25, batch_fraction=1, seed=0)
    assert recipe.trunk_end(100) == 75
    assert recipe.trunk_lr(0) == pytest.approx(0.02)
    assert recipe.trunk_lr(19) == recipe.trunk_lr(74) == 0.4
    branch = [recipe.branch_lr(step, 100) for step in range(75, 100)]
    assert branch == sorted(branch, reverse=True)
    assert branch[12] == pytest.approx(0.4 * 0.5 * (1 + math.cos(math.pi * 13 / 25)))
    assert branch[-1] == pytest.approx(0, abs=1e-12)


def test_weights_that_are_only_rounded_are_trained_to_their_end_before() -> None:
    plain = Recipe(lr=0.4, decay=0.25, batch_fraction=1, seed=0)
    rounded = replace(plain, qat_fraction=0.5, keeps_weights=True)
    assert rounded.trunk_end(200) == plain.trunk_end(100) == 75
    assert [rounded.branch_lr(step, 200) for step in range(75, 100)] == [
        plain.branch_lr(step, 100) for step in range(75, 100)
    ]
    learning = [rounded.branch_lr(step, 200) for step in range(100, 200)]
    assert learning == sorted(learning, reverse=True)
    assert learning[0] == pytest.approx(0.4, rel=1e-3)
    assert learning[-1] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("decay", [0.05, 0.1, 0.3, 0.5, 0.9])
def test_every_rung_has_a_decay_and_comes_no_earlier_than_the_one_before(decay: float) -> None:
    ends = [Recipe(lr=1, decay=decay, batch_fraction=1, seed=0).trunk_end(rung) for rung in range(1, 400)]
    assert all(end < rung for rung, end in enumerate(ends, start=1))
    assert ends == sorted(ends)


def test_passing_a_rung_leaves_no_trace() -> None:
    direct, stopping = make_fit(SAMPLED), make_fit(SAMPLED)
    for rung in (10, 11, 24):
        *_, at_rung = fit_to_rung(stopping, SAMPLED, rung)
        assert at_rung.steps == rung
    *_, expected = fit_to_rung(direct, SAMPLED, 24)
    assert_same(at_rung.weights, expected.weights, 0)
    assert_same(stopping.state(), direct.state() | {"macs": stopping.state()["macs"]}, 0)


@pytest.mark.parametrize("moment", [0, 1, 7])
def test_loading_continues_exactly(moment: int) -> None:
    fit = make_fit(SAMPLED)
    for _ in range(moment):
        fit.step(0.01)
    saved = fit.state()
    for _ in range(5):
        fit.step(0.01)
    other = make_fit(Recipe(lr=0.01, decay=0.5, batch_fraction=0.3, seed=0))
    other.load(saved)
    for _ in range(5):
        other.step(0.01)
    assert_same(other.state(), fit.state(), 0)
    assert other.macs == fit.macs


def test_a_branch_ends_as_the_best_of_its_states() -> None:
    recipes = [Recipe(lr=0.5, decay=0.5, batch_fraction=1, seed=0, keep_best_of=every) for every in (0, 4)]
    plain, kept = ([(f.steps, f.own_losses()) for f in fit_to_rung(make_fit(r), r, 40)] for r in recipes)
    looked_at = torch.stack([losses for steps, losses in plain if steps > 20 and steps % 4 == 0])  # (5, B)
    assert torch.equal(kept[-1][1], looked_at.amin(0))
    assert (plain[-1][1] > kept[-1][1]).any()
    for (_, one), (_, other) in zip(plain[:-1], kept[:-1], strict=True):
        assert torch.equal(one, other)  # to look does no harm


def test_weights_may_have_learning_rates_of_their_own() -> None:
    recipe = Recipe(lr=0.01, decay=0.5, batch_fraction=1, seed=0, lr_factors={"last": 0.1})
    slow, fast = make_fit(recipe), make_fit(FULL)
    start = {name: weight.detach().clone() for name, weight in fast.weights.items()}
    for fit in (slow, fast):
        fit.step(0.01)
    for name, factor in {"first": 1.0, "last": 0.1, "shift": 1.0}.items():
        moved = fast.weights[name].detach() - start[name]
        torch.testing.assert_close(slow.weights[name].detach() - start[name], factor * moved, atol=1e-6, rtol=1e-3)
