"""Codec `shacira`: the conformance suite, and what is particular to it."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from conformance import CPU, Case, CodecConformance, make_signal, make_signals, mutated

from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Setup
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.registry import decode
from searchinr.codecs.shacira import ShaciraCodec, ShaciraParams
from searchinr.codecs.shacira.body import LatentFile
from searchinr.codecs.shacira.codec import ShaciraState, _fixed_points
from searchinr.codecs.shacira.objective import DECODER, LATENTS
from searchinr.errors import InvalidFileError, UserError
from searchinr.signals.metrics import psnr
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Value, build_params, canonical_params

CODEC = ShaciraCodec()
TINY: dict[str, Value] = {
    "table_size_log2": 5,
    "levels": 3,
    "min_resolution": 3,
    "mlp_width": 6,
    "mlp_depth": 1,
    "lambda": 0.000125,
    "lr": 0.03,
    "latent_lr": 0.1,
    "decoder_lr": 0.03,
}
LAYOUT = Layout("image", (8, 12), 3, 8)


class TestConformance(CodecConformance):
    codec = "shacira"
    cases = {  # noqa: RUF012
        "soft round": Case("image", TINY),
        "sga, sampled, fp16": Case(
            "image",
            {**TINY, "rounding": "sga", "quantizer": "fp16", "batch_fraction": 0.5, "latent_dim": 2},
        ),
        "audio": Case(
            "audio", {**TINY, "rounding": "noise", "quantizer": "kmeans", "features": 2, "levels": 9, "mlp_width": 24}
        ),
    }


def fit(signals: list[Signal], steps: int = 2, seed: int = 0, **params: Value) -> ShaciraState:
    built = build_params(ShaciraParams, {**TINY, **params})
    return next(s for s in CODEC.fit(signals, built, [steps], Setup(seed, CPU)) if s.is_rung)


def encode(steps: int = 2, **params: Value) -> bytes:
    return CODEC.encode(fit([make_signal("any", LAYOUT)], steps, **params))[0]


def quality(signal: Signal, data: bytes, **level: int) -> float:
    return psnr(signal.samples, decode(data, level=level or None).samples, (0, 255))


@pytest.mark.parametrize("rounding", ["sga", "sga_tanh", "soft_round", "noise", "ste"])
def test_every_rounding_learns(rounding: str) -> None:
    signal = make_signal("any", LAYOUT)
    data = CODEC.encode(fit([signal], 150, rounding=rounding))[0]
    constant = np.full_like(signal.samples, round(float(signal.samples.mean())))
    assert quality(signal, data) > psnr(signal.samples, constant, (0, 255)) + 3


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_what_training_sees_is_what_the_decoder_has(quantizer: str) -> None:
    state = fit(make_signals("image")[:2], 9, quantizer=quantizer, latent_dim=2, features=3)
    [group], [latents] = state.groups, state.measured
    assert group.quantizer is not None
    values = {**group.quantizer.beside(latents), **group.quantizer.values(latents)}
    table = values[LATENTS].round() @ values[DECODER]
    for position, data in enumerate(CODEC.encode(state)):
        parsed = LatentFile.parse(container.unpack(data))
        decoded = parsed.weights(parsed.levels[-1])
        torch.testing.assert_close(decoded["table"][0], table[position], rtol=1e-6, atol=1e-7)
        for name in ("layer0.weight", "layer0.bias"):
            assert torch.equal(decoded[name][0], values[name][position])
        gain = 2 ** (float(group.gains.places[position]) / 6)
        torch.testing.assert_close(decoded["out.weight"][0], gain * values["out.weight"][position])


def test_matrices_and_sampled_points_give_the_same_operating_point(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = make_signal("any", LAYOUT)
    with_matrices = CODEC.encode(fit([signal], 60))[0]
    monkeypatch.setattr("searchinr.codecs.shacira.codec.matrices_pay", lambda *_: False)
    without = CODEC.encode(fit([signal], 60))[0]
    assert len(without) == pytest.approx(len(with_matrices), rel=0.05)
    assert quality(signal, without) == pytest.approx(quality(signal, with_matrices), abs=0.5)


def test_fits_of_one_geometry_share_their_matrices() -> None:
    _fixed_points.cache_clear()
    for params in ({"rounding": "ste"}, {"mlp_width": 8}, {"lambda": 0.025}):
        fit([make_signal("any", LAYOUT)], **params)
    assert _fixed_points.cache_info().misses == 1
    fit([make_signal("any", LAYOUT)], levels=4)
    assert _fixed_points.cache_info().misses == 2


def test_lambda_trades_bits_for_error() -> None:
    signal = make_signal("any", LAYOUT)
    cheap, dear = (CODEC.encode(fit([signal], 200, **{"lambda": bit}))[0] for bit in (0.25, 0.0))
    assert len(cheap) < len(dear) - 20
    assert quality(signal, cheap) < quality(signal, dear)


def test_more_steps_do_not_end_worse() -> None:
    signal = make_signal("any", LAYOUT)
    costs = []
    for steps in (50, 150, 450):
        state = fit([signal], steps, quantizer="fp16")
        costs.append(float(state.groups[0].trunk.losses(state.measured[0], torch.arange(1))))
    assert costs == sorted(costs, reverse=True)


def test_levels_refine() -> None:
    signal = make_signal("any", LAYOUT)
    data = CODEC.encode(fit([signal], 300, level_dropout=0.5))[0]
    file = container.unpack(data)
    levels = [level["level"] for level, _ in CODEC.levels(file)]
    assert levels == [1, 2, 3]
    by_level = [quality(signal, data, level=level) for level in levels]
    assert by_level[0] < by_level[1] < by_level[2]


def test_level_dropout_makes_coarse_levels_better() -> None:
    signal = make_signal("any", LAYOUT)
    plain, dropped = (CODEC.encode(fit([signal], 300, level_dropout=p))[0] for p in (0.0, 0.7))
    gains = [quality(signal, dropped, level=level) - quality(signal, plain, level=level) for level in (1, 2)]
    assert min(gains) > 0.3


def test_empty_levels_cost_a_bit() -> None:
    state = fit([make_signal("any", LAYOUT)], levels=8)
    whole = CODEC.encode(state)[0]
    group = state.groups[0]
    starts = group.architecture.grid.starts
    for empty in (3, 8):
        state.measured[0][LATENTS] = state.measured[0][LATENTS].clone()
        state.measured[0][LATENTS][:, starts[empty - 1] : starts[empty]] = 0.4
        data = CODEC.encode(state)[0]
        file = container.unpack(data)
        parsed = LatentFile.parse(file)
        assert empty not in parsed.levels
        assert f"level {empty}" not in CODEC.inspect(file).bits
        with pytest.raises(UserError, match=f"level {empty} found; this file has level 1, 2, "):
            decode(data, level={"level": empty})
    assert parsed.kept == 7
    assert len(data) < len(whole)
    state.measured[0][LATENTS] = torch.zeros_like(state.measured[0][LATENTS])
    data = CODEC.encode(state)[0]
    assert CODEC.levels(container.unpack(data)) == [({"level": 1}, len(data))]
    assert len(np.unique(decode(data).samples.reshape(-1, 3), axis=0)) == 1


def sections_of(data: bytes) -> list[bytes]:
    """Header, and sections with their check sums, by what `inspect` says of their sizes."""
    lengths = [bits // 8 for bits in CODEC.inspect(container.unpack(data)).bits.values()]
    ends = np.cumsum(lengths)
    return [data[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def test_damage_is_never_taken_for_a_cut() -> None:
    data = encode()
    header, network, first, second, third = sections_of(data)
    assert b"".join((header, network, first, second, third)) == data
    for message, damaged in {
        "header": header[:-3] + bytes([header[-3] + 1]) + header[-2:] + data[len(header) :],
        "after the end": data + b"\0",
        "section of the network": header + bytes([network[0] ^ 1]) + network[1:] + first + second + third,
        "section of level 2": header + network + first + bytes([second[0] ^ 1]) + second[1:] + third,
        "section of level 1": header + network + second + first + third,
        "truncated: of its first": header + network + first[:-1],
        "in the middle of its header": header[:-1],
    }.items():
        with pytest.raises(InvalidFileError, match=message):
            decode(damaged)
    with pytest.raises(UserError, match="level 3 found; this file has level 1, 2"):
        decode(data[:-1], level={"level": 3})
    assert CODEC.inspect(container.unpack(data[:-1])).bits["incomplete"] == 8 * (len(third) - 1)


def file_of(content: bytes) -> bytes:
    """A file by the format's description, with the right check sum."""
    header = container.head(CODEC.id, Layout("image", (2, 3), 3, 8), scalable=True) + content
    return header + container.check_sum(header)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xf0\x70\x05\x22\x0a\x20\x03\x0c\x07", "quantiser number 15"),
        (b"\x00\x70\x05\x22\x0a\x20\x03\x0c\x07", "bit-width of weights in fp16"),
        (b"\x10\x70\x05\x22\x06\x20\x03\x0c\x07", "table_size_log2: found 3"),
        (b"\x10\x70\x05\x22\x0a\x20\x0c\x03\x07", "grids of 12 to 3 vertices"),
        (b"\x10\x70\x05\x23\x0a\x20\x03\x0c\x07", "to hold 4 levels of 3"),
        (b"\x10\x70\x05\x22\x0a\x20\x03\x0c\x08", "levels beyond 3"),
        (b"\x10\x7f\x05\x3f\x31\xff\x80\x20\x80\x40\xff\xff\xff\xff", "more than 16777216 latents"),
        (b"\x10\x70\x05\x22\x0a\x20\x03\x0c\x07\x09\x02\x02\x02", "of its first 36 bytes, 21 were found"),
        (b"\x10\x70\x05\x22\x0a", "truncated"),
    ],
)
def test_contradictions_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        decode(file_of(content))


def test_files_that_claim_the_most_latents_take_under_a_gigabyte(tmp_path: Path) -> None:
    state = fit([make_signal("any", LAYOUT)])
    parsed = LatentFile.parse(container.unpack(CODEC.encode(state)[0]))
    out = bytearray(parsed.head + b"\x10\x70\x05\x00" + (23 << 9 | 0 << 4 | 1).to_bytes(2, "big"))
    out += b"\x80\x18\x80\x18\x01"  # 3072 x 2048 vertices, the level is not empty
    latents = bytes([0]) + bytes(99)  # the narrowest Laplace: a zero costs some thousandths of a bit
    network = parsed.sections[0]
    for section in (network, latents):
        size = len(section)
        out += bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    out += container.check_sum(bytes(out))
    for number, section in enumerate((network, latents)):
        out += section + container.check_sum(bytes([number]) + section)
    (tmp_path / "largest.inr").write_bytes(out)
    assert mutated(tmp_path, 0).total() == 1


def test_parameters_have_one_form() -> None:
    params = canonical_params(ShaciraParams, {"quantizer": "fp16", "weight_bits": 5, "qat_fraction": 0.2})
    assert not {"weight_bits", "qat_fraction", "max_resolution"} & params.keys()
    assert params["lambda"] == 0.0025
    given = canonical_params(ShaciraParams, {"lambda": 0.025})
    assert (given["lambda"], given["weight_bits"], given["qat_fraction"]) == (0.025, 8, 0.4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lambda": -1.0}, "lambda: found -1"),
        ({"rounding": "floor"}, "rounding: found 'floor'"),
        ({"max_resolution": 8}, "max_resolution: found 8; allowed is min_resolution"),
        ({"levels": 33}, "levels: found 33"),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, Value], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_params(ShaciraParams, given)


def test_a_single_level_has_the_finest_resolution() -> None:
    found = CODEC.inspect(container.unpack(encode(levels=1, table_size_log2=10)))
    assert found.about["max_resolution"] == 12 and found.about["latents"] == 12 * 8
    assert math.isclose(sum(found.bits.values()), 8 * len(encode(levels=1, table_size_log2=10)))
