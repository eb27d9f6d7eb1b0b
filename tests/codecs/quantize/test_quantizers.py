"""What every quantiser must do, and what each of them is for."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream.coded_tensors import CodedTensor
from searchinr.codecs.bitstream.quant_spec import QuantSpec
from searchinr.codecs.bitstream.steps import MAX_BITS, step_sizes
from searchinr.codecs.quantize.contract import Coded, Quantizer
from searchinr.codecs.quantize.kmeans import KMeans, lloyd
from searchinr.codecs.quantize.lsq import Lsq
from searchinr.codecs.quantize.lsq_plus import LsqPlus
from searchinr.codecs.quantize.minmax import MinMax
from searchinr.codecs.quantize.mse import Mse
from searchinr.codecs.quantize.rate import laplace_bits
from searchinr.codecs.quantize.registry import QUANTIZERS

B = 3
LEARNING = [name for name, quantizer in QUANTIZERS.items() if quantizer.learns]
WITH_STEPS = [name for name, quantizer in QUANTIZERS.items() if quantizer.has_steps]


def parts(bits: int = 4, per_channel: bool = False) -> list[QuantSpec]:
    return [
        QuantSpec("layer1.weight", (24, 24), bits, per_channel),
        QuantSpec("layer1.bias", (24,), bits, per_channel),
        QuantSpec("out.weight", (24, 3), 8, per_channel),
    ]


def weights(of: list[QuantSpec], seed: int = 0) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {part.name: 0.1 * torch.randn(B, *part.shape, generator=rng) for part in of}


def error(quantizer: Quantizer, trained: dict[str, Tensor], name: str = "layer1.weight") -> float:
    return float((quantizer.values(quantizer.start(trained))[name] - trained[name]).square().mean())


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, MAX_BITS])
@pytest.mark.parametrize("name", QUANTIZERS)
def test_files_hold_the_values_that_training_has_seen(name: str, bits: int, per_channel: bool) -> None:
    of = parts(bits, per_channel)
    quantizer = QUANTIZERS[name](of)
    latents = quantizer.start(weights(of))
    values, coded = quantizer.values(latents), quantizer.coded(latents)
    for part in of:
        tensor = coded[part.name]
        for signal in range(B):
            np.testing.assert_array_equal(read(tensor, part, signal), values[part.name][signal].detach().numpy())
        low, high = (0, part.symbols.number - 1) if tensor.book is not None else part.symbols
        assert low <= int(tensor.symbols.min()) and int(tensor.symbols.max()) <= high


def read(coded: Coded, part: QuantSpec, signal: int) -> NDArray[np.float32]:
    """The weights that a file of one signal holds."""
    tensor = CodedTensor(
        coded.symbols[signal].flatten().numpy().astype(np.int32),
        coded.steps[signal].numpy(),
        None if coded.offsets is None else coded.offsets[signal].numpy(),
        None if coded.book is None else coded.book[signal].numpy(),
    )
    return tensor.values(part)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("name", WITH_STEPS)
def test_steps_that_have_moved_are_those_of_files(name: str, per_channel: bool) -> None:
    of = parts(6, per_channel)
    quantizer = QUANTIZERS[name](of)
    latents = quantizer.start(weights(of))
    before = quantizer.coded(latents)
    moved = quantizer.move_steps(latents, {"layer1.weight": torch.tensor([0, 7, -300])})
    values, coded = quantizer.values(moved), quantizer.coded(moved)
    for part in of:
        for signal in range(B):
            np.testing.assert_array_equal(read(coded[part.name], part, signal), values[part.name][signal].numpy())
    after = coded["layer1.weight"]
    assert torch.equal(after.steps[0], before["layer1.weight"].steps[0])
    assert torch.equal(after.symbols[0], before["layer1.weight"].symbols[0])
    assert torch.equal(after.steps[1], before["layer1.weight"].steps[1] + 7)
    assert not after.steps[2].any(), "it stops at the finest step"
    assert torch.equal(coded["out.weight"].symbols, before["out.weight"].symbols)


@pytest.mark.parametrize("name", WITH_STEPS)
def test_coarser_steps_round_the_trained_weights_anew(name: str) -> None:
    of = parts(8)
    quantizer, trained = QUANTIZERS[name](of), weights(of)
    trained["layer1.weight"] += 0.1  # where offsets, if there are any, are not zero
    latents = quantizer.start(trained)
    coarse = quantizer.move_steps(latents, {"layer1.weight": torch.full((B,), 12)})
    step = torch.from_numpy(step_sizes())[quantizer.coded(coarse)["layer1.weight"].steps]  # (B, 1)
    error = (quantizer.values(coarse)["layer1.weight"] - trained["layer1.weight"]).abs().flatten(1)
    assert (error < 0.5001 * step).float().mean() > 0.99  # the rest is clipped
    assert error.max() > 0.4 * step.min()


@pytest.mark.parametrize("name", QUANTIZERS)
def test_signals_do_not_touch_each_other(name: str) -> None:
    of = parts()
    quantizer, trained = QUANTIZERS[name](of), weights(of)
    trained["layer1.weight"][1] *= 50
    together = quantizer.coded(quantizer.start(trained))
    alone = quantizer.coded(quantizer.start({key: w[:1] for key, w in trained.items()}))
    torch.testing.assert_close(together["out.weight"].symbols[:1], alone["out.weight"].symbols)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_zeros_stay_zeros(name: str) -> None:
    of = parts()
    quantizer = QUANTIZERS[name](of)
    values = quantizer.values(quantizer.start({part.name: torch.zeros(B, *part.shape) for part in of}))
    assert all(not value.any() for value in values.values())


@pytest.mark.parametrize("bits", [2, 5, 12])
def test_minmax_clips_nothing_and_errs_by_half_a_step(bits: int) -> None:
    of = parts(bits)
    quantizer, trained = MinMax(of), weights(of)
    latents = quantizer.start(trained)
    steps = step_sizes()[quantizer.coded(latents)["layer1.weight"].steps.numpy()]  # (B, 1)
    worst = (quantizer.values(latents)["layer1.weight"] - trained["layer1.weight"]).abs().flatten(1).amax(1)
    assert (worst.numpy() <= 0.5001 * steps[:, 0]).all()


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_searched_steps_err_least_of_those_after_training(bits: int) -> None:
    of = parts(bits)
    trained = weights(of)
    best = error(Mse(of), trained)
    assert all(best <= error(QUANTIZERS[name](of), trained) for name in ("minmax", "explicit", "distributional"))
    assert best < 0.9 * error(MinMax(of), trained)


def test_channels_of_different_size_want_steps_of_their_own() -> None:
    trained = weights(parts())
    trained["layer1.weight"] *= torch.logspace(-2, 0, 24)
    assert error(Mse(parts(per_channel=True)), trained) < 0.5 * error(Mse(parts()), trained)


def test_code_books_fit_clusters_that_no_step_fits() -> None:
    of = parts(2)
    centres = torch.tensor([-0.9, -0.8, 0.1, 1.0])
    rng = torch.Generator().manual_seed(0)
    trained = weights(of)
    trained["layer1.weight"] = centres[torch.randint(4, (B, 24, 24), generator=rng)]
    assert error(KMeans(of), trained) < 1e-5 < 1e-3 < error(Mse(of), trained)


def test_tensors_alike_share_a_code_book_and_others_do_not() -> None:
    of = [QuantSpec(f"layer{i}.weight", (24, 24), 4) for i in range(3)]
    rng = torch.Generator().manual_seed(0)
    alike = {part.name: (i + 1) * torch.randn(B, 24, 24, generator=rng) for i, part in enumerate(of)}
    quantizer = KMeans(of)
    books = [tensor.book for tensor in quantizer.coded(quantizer.start(alike)).values()]
    assert all(torch.equal(book, books[0]) for book in books if book is not None and books[0] is not None)
    alike["layer0.weight"] = torch.sign(alike["layer0.weight"]) * (4 + 0.1 * alike["layer0.weight"])
    books = [tensor.book for tensor in quantizer.coded(quantizer.start(alike)).values()]
    assert books[0] is not None and books[1] is not None and not torch.equal(books[0], books[1])


def test_lloyd_finds_separate_clusters() -> None:
    flat = torch.tensor([[0.0, 0.1, 5.0, 5.2, 9.0, 9.0]])
    torch.testing.assert_close(lloyd(flat, 3), torch.tensor([[0.05, 5.1, 9.0]]))


def learn(quantizer: Quantizer, of: list[QuantSpec], trained: dict[str, Tensor], steps: int = 200) -> list[float]:
    """Errors of a linear layer's output before and after learning to be quantised."""
    latents = {name: latent.requires_grad_() for name, latent in quantizer.start(trained).items()}
    inputs = torch.rand(1, 200, 24, generator=torch.Generator().manual_seed(1))
    target = inputs @ trained["layer1.weight"]
    optimiser = torch.optim.Adam(list(latents.values()), 1e-3)
    errors = []
    for step in range(steps + 1):
        progress = 1.0 if step in (0, steps) else step / steps
        output = inputs @ quantizer.values(latents, progress)["layer1.weight"]
        loss = (output - target).square().mean()
        if progress == 1:
            errors.append(loss.item())
        penalty = quantizer.penalty(latents, progress)
        optimiser.param_groups[0]["lr"] = 2e-3 * (1 - step / (steps + 1))
        optimiser.zero_grad()
        (loss + (0 if penalty is None else 1e-2 * penalty.mean())).backward()
        optimiser.step()
    coded = quantizer.coded(latents)
    values = quantizer.values(latents)
    steps_used = step_sizes()[coded["layer1.weight"].steps.numpy()]
    assert (steps_used > 0).all() and all(value.isfinite().all() for value in values.values())
    return errors


@pytest.mark.parametrize("name", LEARNING)
def test_learning_makes_up_for_rounding(name: str) -> None:
    of = parts(2)
    before, after = learn(QUANTIZERS[name](of), of, weights(of))
    assert after < 0.7 * before


def test_offsets_serve_weights_that_are_not_centred() -> None:
    of = parts(2)
    trained = weights(of)
    trained["layer1.weight"] += 0.3
    assert learn(LsqPlus(of), of, trained)[1] < 0.8 * learn(Lsq(of), of, trained)[1]


def test_learnt_rounding_never_goes_further_than_the_next_symbol() -> None:
    of = parts(3)
    trained = weights(of)
    quantizer = QUANTIZERS["adaround"](of)
    steps = step_sizes()[quantizer.coded(quantizer.start(trained))["layer1.weight"].steps.numpy()]
    start = quantizer.start(trained)
    start["layer1.weight:up"] = torch.randn(start["layer1.weight:up"].shape, generator=torch.Generator().manual_seed(1))
    inside = trained["layer1.weight"].abs() < 2 * torch.from_numpy(steps).view(-1, 1, 1)
    moved = (quantizer.values(start)["layer1.weight"] - trained["layer1.weight"]).abs()
    assert (moved < torch.from_numpy(steps).view(-1, 1, 1) * 1.0001)[inside].all()


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_estimated_rate_is_the_entropy_of_laplace_symbols(scale: float) -> None:
    rng = np.random.default_rng(0)
    symbols = np.rint(rng.laplace(scale=scale, size=20000))
    _, counts = np.unique(symbols, return_counts=True)
    entropy = float(-(counts * np.log2(counts / counts.sum())).sum())
    estimated = float(laplace_bits(torch.from_numpy(symbols)[None])[0])
    assert estimated == pytest.approx(entropy, rel=0.03)
    assert float(laplace_bits(torch.zeros(1, 100))[0]) < 2


def test_rate_falls_with_the_weights_and_with_coarser_steps() -> None:
    of = parts(8)
    quantizer = Lsq(of)
    latents = {name: latent.requires_grad_() for name, latent in quantizer.start(weights(of)).items()}
    quantizer.bits(latents).sum().backward()
    weight, step = latents["layer1.weight"], latents["layer1.weight:step"]
    assert weight.grad is not None and step.grad is not None
    assert (weight.grad * weight >= 0).all() and (weight.grad != 0).any()
    assert (step.grad < 0).all()
