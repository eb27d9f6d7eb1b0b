"""Quantised activations: the same function in training and in decoding, for every backbone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conformance import CPU, DECODE_ALL, digest, make_signal, run_python
from numpy.typing import NDArray
from torch import Tensor

from searchinr.codecs.bitstream import container
from searchinr.codecs.bitstream.steps import LAST_STEP, step_sizes
from searchinr.codecs.contract import Setup
from searchinr.codecs.fields.contract import Field, FieldShape
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting.activations import ACTIVATIONS, WithActivations, activation_steps, forward_of
from searchinr.codecs.mlp import MlpCodec, MlpParams
from searchinr.codecs.mlp.body import Body, parts_of
from searchinr.codecs.mlp.codec import MlpState
from searchinr.codecs.params.bit_widths import BitWidths
from searchinr.codecs.quantize.mse import Mse
from searchinr.codecs.registry import decode
from searchinr.signals.metrics import psnr
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Value, build_params

CODEC = MlpCodec()
LAYOUT = Layout("image", (16, 24), 3, 8)
OWN: dict[str, dict[str, Value]] = {  # for a picture this small
    "fourier": {"fourier.features": 8, "fourier.sigma": 1},
    "mfn": {"mfn.input_scale": 16},
    "wire": {"wire.omega": 5, "wire.sigma": 5},
    "diner": {"diner.table_size_log2": 6},
    "relu": {"relu.octaves": 3},
    "gauss": {"gauss.scale": 4},
}


def black_and_white() -> Signal:
    """A signal whose gain is 1, so that the network gives what the file says without a factor."""
    signal = make_signal("any", LAYOUT)
    samples = signal.samples.copy()
    samples[0, 0], samples[-1, -1] = 0, 255
    return Signal(signal.name, samples, LAYOUT)


def fitted(signal: Signal, steps: int, backbone: str = "siren", **params: Value) -> MlpState:
    built = build_params(MlpParams, {"backbone": backbone, "depth": 3, "width": 12, **OWN.get(backbone, {}), **params})
    return next(state for state in CODEC.fit([signal], built, [steps], Setup(0, CPU)) if state.is_rung)


def network(backbone: str) -> tuple[Field, dict[str, Tensor], Tensor]:
    """A field, weights of three signals, and the coordinates of its grid."""
    extent = MODALITIES["image"].extent(LAYOUT)
    field = FIELDS[backbone](FieldShape(2, 3, 3, 12, LAYOUT.grid, extent), FIELDS[backbone].Params())
    each = [field.init(torch.Generator().manual_seed(seed)) for seed in range(3)]
    weights = {name: torch.stack([w[name] for w in each]) for name in each[0]}
    return field, weights, torch.from_numpy(MODALITIES["image"].coordinates(LAYOUT))


def with_activations(field: Field, bits: int, coords: Tensor) -> WithActivations:
    return WithActivations(Mse(parts_of(field, BitWidths(12, 12, 12), per_channel=False)), field, bits, coords)


@pytest.mark.parametrize("quantizer", ["lsq", "mse"])
@pytest.mark.parametrize("backbone", FIELDS)
def test_what_training_sees_is_what_the_decoder_computes(backbone: str, quantizer: str) -> None:
    state = fitted(black_and_white(), 30, backbone, quantizer=quantizer, activation_bits=5)
    [group], [latents] = state.groups, state.measured
    assert group.quantizer is not None and not group.gains.places.any()
    coords = torch.from_numpy(MODALITIES["image"].coordinates(LAYOUT))
    trained = forward_of(group.architecture, 5)(group.quantizer.values(latents), coords)

    body = Body.parse(container.unpack(CODEC.encode(state)[0]))
    weights = {name: torch.from_numpy(w).unsqueeze(0) for name, w in body.weights().items()}
    assert torch.equal(body.forward(weights, coords), trained)
    assert not torch.equal(body.field.forward(weights, coords), trained), "activations are not quantised"


def test_files_of_all_backbones_decode_in_a_fresh_process(tmp_path: Path) -> None:
    expected = {}
    for backbone in FIELDS:
        [file] = CODEC.encode(fitted(black_and_white(), 10, backbone, activation_bits=4))
        (tmp_path / f"{backbone}.inr").write_bytes(file)
        decoded = decode(file)
        expected[f"{backbone}.inr"] = [list(decoded.samples.shape), digest(decoded)]
    assert run_python(DECODE_ALL, tmp_path) == expected


@pytest.mark.parametrize("bits", [2, 3, 8])
@pytest.mark.parametrize("backbone", FIELDS)
def test_activations_are_symbols_times_a_step(backbone: str, bits: int) -> None:
    field, weights, coords = network(backbone)
    quantizer = with_activations(field, bits, coords)
    latents = quantizer.start(weights)
    steps = activation_steps(latents)
    assert steps is not None and steps.shape == (3, 3)
    values = quantizer.values(latents)
    # the first output is the last layer's first channel, as it is
    values["out.bias"] = torch.zeros_like(values["out.bias"])
    values["out.weight"] = torch.zeros_like(values["out.weight"])
    values["out.weight"].view(3, -1)[:, 0] = 1
    channel = forward_of(field, bits)(values, coords)[..., 0].numpy()  # (B, n)
    symbols = channel / step_sizes()[steps[:, -1]][:, None]
    np.testing.assert_allclose(symbols, np.rint(symbols), atol=1e-4)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if field.signed else (0, 2**bits - 1)
    assert low <= np.rint(symbols).min() and np.rint(symbols).max() <= high


@pytest.mark.parametrize("backbone", FIELDS)
def test_backbones_that_say_so_have_no_negative_activations(backbone: str) -> None:
    field, weights, coords = network(backbone)
    negative = [bool((hidden < 0).any()) for hidden in field.layers(weights, coords)]
    assert all(negative) if field.signed else not any(negative)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("backbone", ["siren", "relu"])
def test_steps_after_training_are_those_of_least_error(backbone: str, bits: int) -> None:
    field, weights, coords = network(backbone)  # with fewer points than are looked at
    quantizer = with_activations(field, bits, coords)
    latents = quantizer.start(weights)
    values = quantizer.values(latents)
    first = next(field.layers(values, coords)).numpy()  # (B, n, w)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if field.signed else (0, 2**bits - 1)

    def errors(hidden: NDArray[np.float32]) -> list[float]:
        return [float(np.square(np.clip(np.rint(hidden / s), low, high) * s - hidden).sum()) for s in step_sizes()]

    steps = activation_steps(latents)
    assert steps is not None
    for signal in range(3):
        found = errors(first[signal])
        assert found[int(steps[signal, 0])] == pytest.approx(min(found), rel=1e-4)
    assert int(steps.min()) > 0 and int(steps.max()) < LAST_STEP


def quality(signal: Signal, **params: Value) -> float:
    """PSNR of a file whose weights cost none."""
    state = fitted(signal, 150, weight_bits=12, edge_bits=12, batch_fraction=1, **params)
    return psnr(signal.samples, decode(CODEC.encode(state)[0]).samples, (0, 255))


def test_many_bits_cost_little_quality_and_few_cost_much() -> None:
    signal = make_signal("any", LAYOUT)
    exact = quality(signal, quantizer="mse")
    eight, five, two = (quality(signal, quantizer="mse", activation_bits=bits) for bits in (8, 5, 2))
    assert eight == pytest.approx(exact, abs=0.3)
    assert two < five - 8 and five < eight


def test_learning_makes_up_for_few_bits_of_activations() -> None:
    signal = make_signal("any", LAYOUT)
    after, in_training = (quality(signal, quantizer=name, activation_bits=2) for name in ("mse", "lsq"))
    assert in_training > after + 1


def test_steps_learn() -> None:
    field, weights, coords = network("siren")
    quantizer = with_activations(field, 4, coords)
    latents = {name: latent.requires_grad_() for name, latent in quantizer.start(weights).items()}
    forward_of(field, 4)(quantizer.values(latents), coords).square().sum().backward()
    gradient = latents[f"{ACTIVATIONS}:steps"].grad
    assert gradient is not None and gradient.shape == (3, 3) and (gradient != 0).all()


def test_each_layer_costs_a_byte_and_the_header_one() -> None:
    signal = black_and_white()
    found = []
    for params in ({}, {"activation_bits": 6}):
        state = fitted(signal, 10, quantizer="mse", **params)
        [file] = CODEC.encode(state)
        found.append((len(file), CODEC.inspect(container.unpack(file))))
    (plain_bytes, plain), (quantised_bytes, quantised) = found
    assert quantised_bytes == plain_bytes + 1 + 3
    assert quantised.about["activation_bits"] == 6 and "activation_bits" not in plain.about
    assert quantised.bits[ACTIVATIONS] == 8 * 3
    assert quantised.bits["header"] == plain.bits["header"] + 8
