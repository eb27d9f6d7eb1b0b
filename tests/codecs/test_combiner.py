"""Codec `combiner`: the conformance suite, and what is particular to it."""

import numpy as np
import pytest
from conformance import CPU, Case, CodecConformance, make_signal, make_signals, training_signals

from searchinr.codecs.bitstream import container
from searchinr.codecs.combiner import CombinerCodec, CombinerParams
from searchinr.codecs.combiner.codec import CombinerState, _parsed
from searchinr.codecs.combiner.prior import Prior
from searchinr.codecs.contract import Asset, Setup
from searchinr.codecs.registry import decode
from searchinr.errors import InvalidFileError, TrialError
from searchinr.signals.metrics import psnr
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Choice, Range, Value, build_params

CODEC = CombinerCodec()
TINY: dict[str, Value] = {
    "beta": 1e-2,
    "depth": 1,
    "width": 6,
    "features": 2,
    "max_frequency": 4.0,
    "prior_steps": 300,
    "refinement_steps": 1,
    "candidates": 4,
    "batch_fraction": 1.0,
}
LAYOUT = Layout("image", (8, 12), 3, 8)


class TestConformance(CodecConformance):
    codec = "combiner"
    cases = {  # noqa: RUF012
        "learned": Case("image", TINY),
        "layerwise, A* alone, sampled": Case(
            "image",
            {**TINY, "prior": "layerwise", "candidates": 1, "refinement_steps": 0, "batch_fraction": 0.5},
        ),
        "from the neighbour": Case(
            "image", {**TINY, "init": "neighbour", "neighbour.betas": "0.05 0.01", "neighbour.steps": 100}
        ),
        "audio": Case("audio", {**TINY, "features": 4, "max_frequency": 8.0}),
    }


def prior_of(signals: list[Signal], seed: int = 0, **params: Value) -> Asset:
    spec = CODEC.asset_spec(build_params(CombinerParams, {**TINY, **params}))
    asset = list(CODEC.prepare(signals, spec, Setup(seed, CPU)))[-1].asset
    assert asset is not None
    return asset


TRAINING = [make_signal(f"training {number}", LAYOUT) for number in range(16)]


def fit(asset: Asset, signals: list[Signal], steps: int = 200, **params: Value) -> CombinerState:
    built = build_params(CombinerParams, {**TINY, **params})
    return next(s for s in CODEC.fit(signals, built, [steps], Setup(0, CPU, asset)) if s.is_rung)


def quality(asset: Asset, signal: Signal, data: bytes) -> float:
    return psnr(signal.samples, decode(data, asset=asset).samples, (0, 255))


def mean_quality(asset: Asset, steps: int = 200, **params: Value) -> float:
    signals = [make_signal(f"measured {number}", LAYOUT) for number in range(6)]
    files = CODEC.encode(fit(asset, signals, steps, **params))
    return float(np.mean([quality(asset, *pair) for pair in zip(signals, files, strict=True)]))


def test_a_file_is_four_bytes_and_two_for_each_block() -> None:
    asset = prior_of(TRAINING)
    prior = Prior.of(asset).by_channels[3]
    [data] = CODEC.encode(fit(asset, [make_signal("any", LAYOUT)]))
    head = len(container.head(CODEC.id, LAYOUT))
    assert len(data) == head + 4 + 2 * len(prior.lengths) + 2
    found = CODEC.inspect(container.unpack(data), asset=asset).about
    assert found["blocks"] == len(prior.lengths) and found["weights"] == len(prior.mean)
    assert found["asset"] == f"prior {asset.sha256[:6]}"


def test_files_of_blocks_too_few_or_cut_in_two_are_refused() -> None:
    asset = prior_of(TRAINING)
    [data] = CODEC.encode(fit(asset, [make_signal("any", LAYOUT)], steps=2))
    body = container.unpack(data).body
    for left in (body[:-2], body[:-1], body[:4], body[:3], body[:2]):
        with pytest.raises(InvalidFileError):
            decode(container.pack(CODEC.id, LAYOUT, left), asset=asset)
    with pytest.raises(InvalidFileError, match="none for signals like"):
        decode(container.pack(CODEC.id, Layout("image", (8, 12), 1, 8), body), asset=asset)


def test_a_quiet_signal_is_as_good_as_a_loud_one() -> None:
    loud = make_signal("any", LAYOUT)
    quiet = Signal("quiet", (loud.samples.astype(np.int64) - 128) // 16 + 128, LAYOUT)
    asset = prior_of(TRAINING)
    files = CODEC.encode(fit(asset, [loud, quiet]))
    gains = [_parsed(container.unpack(data))[0] for data in files]
    assert gains[1] == pytest.approx(gains[0] / 16, rel=0.26)  # two places on the grid of steps
    assert quality(asset, quiet, files[1]) > quality(asset, loud, files[0]) + 15


def test_blocks_are_steered_to_what_an_index_holds() -> None:
    asset = prior_of(TRAINING)
    built = build_params(CombinerParams, TINY)
    state = next(s for s in CODEC.fit(TRAINING[:3], built, [600], Setup(0, CPU, asset)) if s.steps >= 460)
    bits = state.groups[0].trunk.block_bits()
    assert 14.5 < float(bits.median()) < 16.5


def test_smaller_beta_means_more_blocks_and_less_error() -> None:
    few, many = (prior_of(TRAINING, beta=beta) for beta in (2e-2, 2e-4))
    blocks = [len(Prior.of(asset).by_channels[3].lengths) for asset in (few, many)]
    assert blocks[0] < blocks[1]
    assert mean_quality(few, beta=2e-2) + 1 < mean_quality(many, beta=2e-4)


def test_refinement_and_the_choice_by_error_each_help() -> None:
    asset = prior_of(TRAINING)
    plain = mean_quality(asset, candidates=1, refinement_steps=0)
    assert mean_quality(asset, candidates=1, refinement_steps=10) > plain + 0.3
    assert mean_quality(asset, candidates=32, refinement_steps=0) > plain + 0.3


def test_a_layerwise_prior_has_one_deviation_for_each_layer() -> None:
    prior = Prior.of(prior_of(TRAINING, prior="layerwise"))
    weights = prior.by_channels[3]
    assert (weights.mean == 0).all()
    layers = weights.deviation.split(prior.network(LAYOUT).layer_sizes)
    assert len(layers) == 2
    assert all(len(layer.unique()) == 1 for layer in layers)
    learned = Prior.of(prior_of(TRAINING))
    assert len(learned.by_channels[3].lengths) < len(weights.lengths), "it knows better what weights to expect"


def test_priors_differ_by_the_number_of_channels_and_are_shared_by_layouts() -> None:
    signals = make_signals("image")
    prior = Prior.of(prior_of(training_signals("image")))
    assert set(prior.by_channels) == {signal.layout.channels for signal in signals}
    upright = make_signal("upright", Layout("image", (12, 8), 3, 8))
    asset = prior_of(TRAINING)
    assert len(CODEC.encode(fit(asset, [upright], steps=2))) > 0
    with pytest.raises(TrialError, match="none for signals of 1 channels"):
        fit(asset, [make_signal("grey", Layout("image", (8, 12), 1, 8))], steps=2)


def test_a_prior_is_learned_from_as_many_signals_as_are_asked_for() -> None:
    assert prior_of(TRAINING, prior_signals=16).sha256 == prior_of(TRAINING).sha256
    assert prior_of(TRAINING, prior_signals=4).sha256 == prior_of(TRAINING[:4]).sha256
    with pytest.raises(TrialError, match="prior_signals: found 17; the training signals are 16"):
        prior_of(TRAINING, prior_signals=17)


def test_what_the_prior_depends_on_has_few_values() -> None:
    _, findings = CODEC.completed({"beta": Range(1e-3, 1e-2, log=True, integer=False), "width": Choice((8, 16))})
    [(loc, text)] = findings
    assert loc == ("beta",) and text.startswith("found the range 0.001 to 0.01; allowed is a constant or a choice")
    assert CODEC.completed({"lr": Range(1e-3, 1e-2, log=True, integer=False)})[1] == []


def test_the_prior_is_not_asked_to_change_by_what_it_does_not_depend_on() -> None:
    specs = [
        CODEC.asset_spec(build_params(CombinerParams, {**TINY, **changes}))
        for changes in ({}, {"lr": 0.05, "candidates": 1, "refinement_steps": 3, "decay": 0.5}, {"width": 7})
    ]
    assert specs[0] == specs[1] != specs[2]
    assert specs[0].needed_to_decode
