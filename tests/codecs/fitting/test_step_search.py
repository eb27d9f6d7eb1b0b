"""The search of steps: never worse, led by the rate, and as good as trying everything where that can be done."""

from collections.abc import Mapping
from functools import cache
from itertools import product

import pytest
import torch
from conformance import CPU, make_signal
from torch import Tensor

from searchinr.codecs.bitstream.quant_spec import QuantSpec
from searchinr.codecs.bitstream.steps import LAST_STEP
from searchinr.codecs.contract import Setup
from searchinr.codecs.fitting.objective import bit_weight
from searchinr.codecs.fitting.step_search import search_steps
from searchinr.codecs.mlp import MlpCodec, MlpParams
from searchinr.codecs.mlp.codec import MlpState
from searchinr.codecs.quantize.mse import Mse
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.registry import decode
from searchinr.signals.datasets import load_dataset
from searchinr.signals.metrics import psnr
from searchinr.signals.signal import Layout, Signal
from searchinr.space import DatasetEntry, Value, build_params

CODEC = MlpCodec()
SMALL = Layout("image", (12, 16), 3, 8)
WITH_STEPS = [name for name, quantizer in QUANTIZERS.items() if quantizer.has_steps]


@cache
def photographs() -> tuple[Signal, ...]:
    return load_dataset(DatasetEntry(name="photos", downscale=(32, 48), limit=2)).signals


def fitted(signals: list[Signal], steps: int, **params: Value) -> MlpState:
    built = build_params(MlpParams, {"depth": 2, "width": 12, **params})
    return next(state for state in CODEC.fit(signals, built, [steps], Setup(0, CPU)) if state.is_rung)


def costs(state: MlpState, lambda_: float) -> Tensor:
    """Loss + lambda * bits per sample of each signal, from whole files: `(B,)`."""
    [group], [latents] = state.groups, state.measured
    assert group.quantizer is not None
    everyone = torch.arange(len(group.indices))
    sizes = torch.tensor([len(file) for file in CODEC.encode(state)])
    loss = group.trunk.losses(group.quantizer.values(latents), everyone)
    return loss + 8 * sizes * bit_weight(lambda_, state.params.loss, group.layout.points)


def steps_of(state: MlpState) -> dict[str, Tensor]:
    [group], [latents] = state.groups, state.measured
    assert group.quantizer is not None
    return {name: tensor.steps for name, tensor in group.quantizer.coded(latents).items()}


@pytest.mark.parametrize(
    ("quantizer", "steps_per", "loss"),
    [
        pytest.param(*each, marks=[] if set(each) >= set(pair) else pytest.mark.slow)
        for each in product(WITH_STEPS, ("tensor", "channel"), ("log_mse", "mse"))
        for pair in [("tensor", "mse") if WITH_STEPS.index(each[0]) % 2 else ("channel", "log_mse")]
    ],
)
def test_cost_never_rises(quantizer: str, steps_per: str, loss: str) -> None:
    signals = [make_signal(name, SMALL) for name in ("one", "two")]
    lambda_ = {"log_mse": 0.03, "mse": 0.00025}[loss]
    params = {"quantizer": quantizer, "steps_per": steps_per, "loss": loss, "lambda": lambda_}
    plain = fitted(signals, 40, **params)
    searched = fitted(signals, 40, step_search=True, **params)
    before, after = costs(plain, lambda_), costs(searched, lambda_)
    assert (after <= before).all()
    assert after.sum() < before.sum()
    for file in CODEC.encode(searched):
        assert decode(file).layout == SMALL


def test_channels_keep_their_steps_beside_each_other() -> None:
    params: dict[str, Value] = {"quantizer": "mse", "steps_per": "channel", "lambda": 0.1}
    signal = [make_signal("any", SMALL)]
    before, after = steps_of(fitted(signal, 40, **params)), steps_of(fitted(signal, 40, step_search=True, **params))
    moved = {name: (after[name] - before[name]).unique() for name in before}
    assert all(len(by) == 1 for by in moved.values())
    assert any(int(by) > 0 for by in moved.values())


@pytest.mark.parametrize("quantizer", ["mse", "lsq"])
def test_a_larger_lambda_gives_smaller_files_of_a_photograph(quantizer: str) -> None:
    [photograph, _] = photographs()
    found = []
    for lambda_ in (0.0, 0.3, 3.0):
        state = fitted([photograph], 100, quantizer=quantizer, weight_bits=8, step_search=True, **{"lambda": lambda_})
        [file] = CODEC.encode(state)
        found.append((len(file), psnr(photograph.samples, decode(file).samples, (0, 255))))
    sizes, qualities = zip(*found, strict=True)
    assert sizes[0] > sizes[1] > sizes[2]
    assert qualities[0] > qualities[2]
    assert sizes[2] < 0.8 * sizes[0]


def test_a_bit_width_is_a_mere_maximum() -> None:
    # steps of 16 bits are ten octaves finer than those that pay: the descent gets there
    [photograph, _] = photographs()
    sizes = [
        len(
            CODEC.encode(
                fitted([photograph], 60, weight_bits=bits, edge_bits=bits, step_search=True, **{"lambda": 1.0})
            )[0]
        )
        for bits in (8, 16)
    ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


def test_work_of_the_search_is_counted_in_passes() -> None:
    signal = [make_signal("any", SMALL)]
    plain = fitted(signal, 20, quantizer="mse")
    searched = fitted(signal, 20, quantizer="mse", step_search=True)
    pass_macs = plain.decode_macs_per_sample * SMALL.points
    passes = (searched.macs - plain.macs) / pass_macs
    assert passes == pytest.approx(round(passes))
    assert 3 * 7 < passes < 20 * 7  # of three strides and seven coordinates


class Toy:
    """One tensor for each of some signals; the loss is its squared error, the size the entropy of its symbols."""

    def __init__(self, scales: list[float]) -> None:
        rng = torch.Generator().manual_seed(0)
        self.weights = torch.tensor(scales).view(-1, 1, 1) * torch.randn(20, 20, generator=rng)  # (B, 20, 20)
        self.quantizer = Mse([QuantSpec("only", (20, 20), 12)])
        self.latents = self.quantizer.start({"only": self.weights})

    def losses(self, values: Mapping[str, Tensor], signals: Tensor) -> Tensor:
        return (values["only"] - self.weights[signals]).square().mean(dim=(1, 2))

    def sizes(self, latents: Mapping[str, Tensor]) -> list[int]:
        found = []
        for symbols in self.quantizer.coded(latents)["only"].symbols:
            counts = symbols.unique(return_counts=True)[1]
            found.append(int((counts * -torch.log2(counts / counts.sum())).sum() / 8))
        return found

    def search(self, bit_weight: float) -> dict[str, Tensor]:
        return search_steps(self.quantizer, self.latents, self.losses, self.sizes, bit_weight)

    def steps(self, latents: Mapping[str, Tensor]) -> Tensor:
        return self.quantizer.coded(latents)["only"].steps[:, 0]


@pytest.mark.parametrize("bit_weight", [1e-6, 1e-4, 1e-2])
def test_the_step_of_one_tensor_is_as_good_as_the_best_of_all(bit_weight: float) -> None:
    toy = Toy([1.0])

    def cost(latents: Mapping[str, Tensor]) -> float:
        [loss], [size] = toy.losses(toy.quantizer.values(latents), torch.tensor([0])), toy.sizes(latents)
        return float(loss) + 8 * bit_weight * size

    start = toy.steps(toy.latents)
    every = [cost(toy.quantizer.move_steps(toy.latents, {"only": code - start})) for code in range(LAST_STEP + 1)]
    assert cost(toy.search(bit_weight)) <= 1.05 * min(every)


def test_signals_of_a_batch_decide_for_themselves() -> None:
    scales = [1.0, 30.0, 0.1]
    toy = Toy(scales)
    together = toy.steps(toy.search(1e-3))
    alone = [Toy([scale]) for scale in scales]
    assert torch.equal(together, torch.cat([one.steps(one.search(1e-3)) for one in alone]))
    by = (together - toy.steps(toy.latents)).tolist()
    assert by[1] < by[0] < by[2], "the larger the weights, the more their error outweighs their bits"


def test_whoever_gains_nothing_in_whole_bytes_stays() -> None:
    toy = Toy([1.0, 2.0])

    def swollen(latents: Mapping[str, Tensor]) -> list[int]:
        return [int(step) for step in toy.steps(latents)]  # the coarser, the longer: against all reason

    found = search_steps(toy.quantizer, toy.latents, lambda _, signals: torch.zeros(len(signals)), swollen, 1.0)
    assert torch.equal(toy.steps(found), toy.steps(toy.latents))
