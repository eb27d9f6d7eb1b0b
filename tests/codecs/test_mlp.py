"""Codec `mlp`: the conformance suite over its backbones and quantisers, and what is particular to it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conformance import CPU, Case, CodecConformance, make_signal, mutated
from pydantic import ValidationError

from searchinr.codecs.bitstream import container
from searchinr.codecs.bitstream.bits import Writer
from searchinr.codecs.bitstream.models.registry import best_model
from searchinr.codecs.bitstream.quant_spec import BOOK
from searchinr.codecs.contract import CodecParams, Setup
from searchinr.codecs.fields.contract import FieldShape
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.mlp import MAX_DEPTH, MAX_WIDTH, MlpCodec, MlpParams
from searchinr.codecs.mlp.body import Body
from searchinr.codecs.once_for_all import OnceForAllParams
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.registry import decode
from searchinr.errors import InvalidFileError, UserError
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Value, build_params, canonical_params

CODEC = MlpCodec()
SMALL = {"depth": 2, "width": 8}
MINMAX = 0x1000


class TestConformance(CodecConformance):
    codec = "mlp"
    cases = {  # noqa: RUF012
        "siren": Case("image", {"backbone": "siren", **SMALL}),
        "siren-fp16": Case("image", {"backbone": "siren", "quantizer": "fp16", **SMALL}),
        "fourier": Case("image", {"backbone": "fourier", "fourier.features": 6, "fourier.sigma": 1, **SMALL}),
        "mfn": Case("image", {"backbone": "mfn", "mfn.input_scale": 16, "batch_fraction": 1, **SMALL}),
        "mfn-gabor-fp16": Case(
            "image",
            {"backbone": "mfn", "mfn.filter": "gabor", "mfn.input_scale": 16, "quantizer": "fp16", **SMALL},
        ),
        "wire": Case("image", {"backbone": "wire", "wire.omega": 4, "wire.sigma": 2, "weight_bits": 12, **SMALL}),
        "diner": Case("image", {"backbone": "diner", "diner.table_size_log2": 5, "weight_bits": 6, **SMALL}),
        "relu": Case("image", {"backbone": "relu", "relu.octaves": 3, "loss": "mse", **SMALL}),
        "gauss": Case("image", {"backbone": "gauss", "gauss.scale": 4, **SMALL}),
        **{
            f"siren-{name}": Case(
                "image", {"quantizer": name, "weight_bits": 9, "edge_bits": 9, "qat_fraction": 0.2, **SMALL}
            )
            for name in QUANTIZERS
        },
        "siren-kmeans-channel": Case(
            "image", {"quantizer": "kmeans-qat", "weight_bits": 3, "steps_per": "channel", "depth": 3, "width": 8}
        ),
        "siren-kmeans-shared": Case(
            "image", {"quantizer": "kmeans", "weight_bits": 4, "edge_bits": 12, "depth": 4, "width": 8}
        ),
        "siren-lsq-ternary": Case(
            "image", {"quantizer": "lsq", "weight_bits": 1, "steps_per": "channel", "depth": 2, "width": 32}
        ),
        "siren-last-bits": Case("image", {"last_bits": 6, **SMALL}),
        "siren-lsq-rate": Case("image", {"quantizer": "lsq+", "lambda": 0.01, "qat_fraction": 0.9, **SMALL}),
        **{
            f"{backbone}-activations": Case("image", {"backbone": backbone, "activation_bits": 7, **own, **SMALL})
            for backbone, own in {
                "wire": {"wire.omega": 4, "wire.sigma": 2, "weight_bits": 12},
                "relu": {"relu.octaves": 3, "quantizer": "lsq+"},
            }.items()
        },
        "siren-step-search": Case(
            "image",
            {
                "quantizer": "lsq+",
                "steps_per": "channel",
                "activation_bits": 8,
                "step_search": True,
                "lambda": 0.001,
                "batch_fraction": 1,
                "siren.omega_first": 10,
                "depth": 1,
                "width": 8,
            },
        ),
        "siren-supernet": Case(
            "image",
            {"init": "supernet", "supernet.steps": 12, "supernet.depths": "1 2 3", "supernet.widths": "6 8", **SMALL},
        ),
        "mfn-supernet": Case(
            "image",
            {"backbone": "mfn", "mfn.input_scale": 16, "init": "supernet", "supernet.steps": 6, "loss": "mse", **SMALL},
        ),
        "siren-audio": Case("audio", {"siren.omega_first": 200, "siren.omega": 10, "batch_fraction": 1, **SMALL}),
        "fourier-audio": Case("audio", {"backbone": "fourier", "fourier.sigma": 100, "quantizer": "fp16", **SMALL}),
    }


def encode(signal: Signal, steps: int = 2, **params: Value) -> bytes:
    states = CODEC.fit([signal], build_params(MlpParams, params), [steps], Setup(0, CPU))
    return CODEC.encode(next(state for state in states if state.is_rung))[0]


def header_bytes(file: bytes) -> int:
    bits = CODEC.inspect(container.unpack(file)).bits["header"]  # with the check sum
    assert bits % 8 == 0
    return bits // 8


@pytest.mark.parametrize("backbone", FIELDS)
@pytest.mark.parametrize("quantizer", ["minmax", "fp16"])
def test_header_of_an_image_is_at_most_16_bytes(backbone: str, quantizer: str) -> None:
    # of the size of a Kodak image, at a width that takes two bytes, without training it
    out = Writer()
    layout = Layout("image", (512, 768), 3, 8)
    field = FIELDS[backbone](FieldShape(2, 3, 2, 200, layout.grid, (512 / 768, 1.0)), FIELDS[backbone].Params())
    out.byte(field.id << 4 | 1)
    out.data += (199 if quantizer == "fp16" else MINMAX | 199).to_bytes(2, "big")
    if quantizer != "fp16":
        out.byte(0x79)
    field.pack(out)
    if quantizer == "fp16":
        out.data += bytes(2 * sum(int(np.prod(spec.shape)) for spec in field.tensors()))
    else:
        out.data += bytes([100, 0] * len(field.tensors())) + bytes(1000)
    data = container.pack(CODEC.id, layout, bytes(out.data))
    assert CODEC.inspect(container.unpack(data)).about["width"] == 200
    assert header_bytes(data) <= (19 if backbone == "hashgrid" else 16)  # its geometry, beside a table of thousands


@pytest.mark.parametrize("backbone", FIELDS)
def test_inspect_names_what_was_asked_for(backbone: str) -> None:
    signal = make_signal("any", Layout("image", (8, 12), 3, 8))
    file = encode(signal, backbone=backbone, depth=3, width=12, weight_bits=5, edge_bits=9)
    found = CODEC.inspect(container.unpack(file)).about
    expected = {"backbone": backbone, "depth": 3, "width": 12, "weight_bits": 5, "edge_bits": 9, "quantizer": "minmax"}
    assert {key: found[key] for key in expected} == expected


def test_the_widest_network_fits_its_ten_bits() -> None:
    file = encode(make_signal("any", Layout("image", (4, 6), 3, 8)), depth=1, width=MAX_WIDTH, activation_bits=8)
    assert CODEC.inspect(container.unpack(file)).about["width"] == MAX_WIDTH
    assert decode(file).layout.grid == (4, 6)


def test_fp16_costs_16_bits_a_weight() -> None:
    signal = make_signal("any", Layout("image", (8, 12), 3, 8))
    file = encode(signal, width=10, depth=2, quantizer="fp16")
    weights = 2 * 10 + 10 + 10 * 10 + 10 + 10 * 3 + 3
    assert CODEC.inspect(container.unpack(file)).about["weights"] == weights
    assert len(file) == header_bytes(file) + 2 * weights


def test_more_bits_come_closer_to_fp16() -> None:
    signal = make_signal("any", Layout("image", (16, 24), 3, 8))

    def error(**params: Value) -> float:
        return float(np.abs(decode(encode(signal, 30, **params)).samples.astype(float) - exact).mean())

    exact = decode(encode(signal, 30, quantizer="fp16")).samples.astype(float)
    errors = [error(weight_bits=bits, edge_bits=bits) for bits in (2, 4, 6, 8, 12)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1


@pytest.mark.parametrize(
    "layout",
    [Layout("image", (1, 1), 3, 8), Layout("image", (1, 40), 1, 8), Layout("audio", (1,), 1, 16, (16000,))],
    ids=str,
)
def test_smallest_signals(layout: Layout) -> None:
    signal = make_signal("any", layout)
    assert decode(encode(signal, 30)).layout == layout


@pytest.mark.parametrize("value", [0, 128, 255])
def test_constant_image_is_brought_back(value: int) -> None:
    layout = Layout("image", (4, 6), 3, 8)
    signal = Signal("flat", np.full((4, 6, 3), value, np.uint8), layout)
    decoded = decode(encode(signal, 200, quantizer="fp16", batch_fraction=1)).samples
    assert np.abs(decoded.astype(int) - value).max() <= 1


def test_silence_is_brought_back() -> None:
    signal = Signal("silence", np.zeros((300, 1), np.int16), Layout("audio", (300,), 1, 16, (8000,)))
    decoded = decode(encode(signal, 200, quantizer="fp16", batch_fraction=1)).samples
    assert np.abs(decoded.astype(int)).max() <= 1


def test_order_of_files_is_that_of_signals() -> None:
    landscape, portrait = Layout("image", (6, 9), 3, 8), Layout("image", (9, 6), 3, 8)
    signals = [make_signal(str(i), layout) for i, layout in enumerate((landscape, portrait, landscape, portrait))]
    files = CODEC.encode(next(CODEC.fit(signals, MlpParams(width=8), [3], Setup(0, CPU))))
    assert [decode(file).layout for file in files] == [s.layout for s in signals]


def test_macs_include_the_branches_to_earlier_rungs() -> None:
    signals = [make_signal("any", Layout("image", grid, 3, 8)) for grid in ((8, 12), (12, 8))]

    def macs(*rungs: int) -> float:
        params = MlpParams(width=8, decay=0.5)
        return [state.macs for state in CODEC.fit(signals, params, rungs, Setup(0, CPU)) if state.is_rung][-1]

    assert macs(10, 18) / macs(18) == pytest.approx((18 + 5) / 18)


def test_decoding_leaves_the_number_of_threads() -> None:
    file = encode(make_signal("any", Layout("image", (4, 6), 3, 8)))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        decode(file)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("backbone", FIELDS)
def test_last_layer_takes_a_gain(backbone: str) -> None:
    field = FIELDS[backbone](FieldShape(2, 3, 2, 9, (6, 9), (0.7, 1.0)), FIELDS[backbone].Params())
    weights = {name: w.unsqueeze(0) for name, w in field.init(torch.Generator().manual_seed(0)).items()}
    louder = {name: 3 * w if name.startswith("out.") else w for name, w in weights.items()}
    coords = torch.rand(20, 2) - 0.5
    torch.testing.assert_close(field.forward(louder, coords), 3 * field.forward(weights, coords))


def test_learning_rate_left_out_is_the_backbones() -> None:
    for backbone in FIELDS:
        assert MlpParams(backbone=backbone, width=96).lr == FIELDS[backbone].default_lr(96)
    assert MlpParams(lr=0.125).lr == 0.125
    with pytest.raises(ValidationError):
        MlpParams(width=MAX_WIDTH + 1)


def test_what_the_quantiser_ignores_makes_no_other_config() -> None:
    assert build_params(MlpParams, {"quantizer": "mse", "qat_fraction": 0.2, "lambda": 3.0}) == MlpParams(
        quantizer="mse"
    )
    assert build_params(MlpParams, {"quantizer": "kmeans-qat", "lambda": 3.0}) == MlpParams(quantizer="kmeans-qat")
    learnt = MlpParams(quantizer="lsq", qat_fraction=0.2)
    assert (learnt.qat_fraction, learnt.lambda_) == (0.2, 0)
    assert MlpParams(quantizer="lsq").qat_fraction > 0
    with pytest.raises(ValidationError):
        MlpParams(quantizer="mse", qat_fraction="none")


def test_what_has_no_steps_is_not_searched_for_them() -> None:
    for name, quantizer in QUANTIZERS.items():
        searched = build_params(MlpParams, {"quantizer": name, "step_search": True, "lambda": 3.0})
        assert searched.step_search == quantizer.has_steps
        assert (searched.lambda_ == 3) == (quantizer.has_steps or quantizer.learns_rate)
        assert (MlpParams(quantizer=name, step_search=True) == MlpParams(quantizer=name)) != quantizer.has_steps
    assert MlpParams(quantizer="mse", step_search=True).lambda_ == 0
    with pytest.raises(ValidationError):
        MlpParams(quantizer="kmeans", step_search="yes")


def test_weights_of_16_bits_floating_go_with_activations_as_they_are() -> None:
    assert MlpParams(quantizer="fp16", activation_bits=4) == MlpParams(quantizer="fp16")
    assert MlpParams(quantizer="fp16", step_search=True) == MlpParams(quantizer="fp16")
    assert MlpParams(activation_bits=4) != MlpParams(activation_bits=5) != MlpParams()
    for bits in (1, 9):
        with pytest.raises(ValidationError):
            MlpParams(activation_bits=bits)


@pytest.mark.parametrize("params", [MlpParams, OnceForAllParams])
def test_bits_of_the_last_layer_left_out_are_those_of_the_first(params: type[CodecParams]) -> None:
    assert params(edge_bits=7) == params(edge_bits=7, last_bits=7)
    assert params(edge_bits=7, last_bits=5) != params(edge_bits=7) != params(edge_bits=5, last_bits=7)
    assert params(quantizer="fp16", last_bits=5) == params(quantizer="fp16")
    given: dict[str, Value] = {"edge_bits": 12, "quantizer": "mse"}
    assert canonical_params(params, given) == canonical_params(params, {**given, "last_bits": 12})
    with pytest.raises(UserError, match=r"^edge_bits: found 17; allowed an integer at least 1 and at most 16$"):
        build_params(params, {"edge_bits": 17})  # said of this key alone
    with pytest.raises(UserError, match=r"^last_bits: found 17; "):
        build_params(params, {"last_bits": 17})


@pytest.mark.parametrize("backbone", FIELDS)
def test_the_last_layer_has_bits_of_its_own(backbone: str) -> None:
    signal = make_signal("any", Layout("image", (8, 12), 3, 8))
    file = container.unpack(encode(signal, backbone=backbone, weight_bits=5, edge_bits=9, last_bits=7))
    assert {key: CODEC.inspect(file).about[key] for key in ("weight_bits", "edge_bits", "last_bits")} == {
        "weight_bits": 5,
        "edge_bits": 9,
        "last_bits": 7,
    }
    bits = {part.name: part.bits for part in Body.parse(file).parts}
    assert {bits.pop("out.weight"), bits.pop("out.bias")} == {7}
    assert set(bits.values()) <= {5, 9}
    biases = [width for name, width in bits.items() if name.endswith(".bias")]
    assert set(biases) <= {9}  # whatever layer they are of
    first = max(width for name, width in bits.items() if not name.endswith(".bias"))
    assert first == (5 if backbone in ("fourier", "hashgrid") else 9)


def test_bit_widths_beyond_two_share_one_byte() -> None:
    signal = make_signal("any", Layout("image", (8, 12), 3, 8))
    further: list[dict[str, Value]] = [{}, {"last_bits": 16}, {"activation_bits": 8}]
    headers = [header_bytes(encode(signal, edge_bits=10, **params)) for params in further]
    assert headers[1:] == [headers[0] + 1] * 2
    both = container.unpack(encode(signal, edge_bits=10, last_bits=1, activation_bits=8))
    found = CODEC.inspect(both)
    assert (found.about["last_bits"], found.about["activation_bits"], found.bits["header"]) == (1, 8, 8 * headers[1])
    same = [encode(signal, edge_bits=10, last_bits=bits) for bits in (9, 10)]
    assert same[1] == encode(signal, edge_bits=10) != same[0]


def test_lambda_buys_bytes_with_error() -> None:
    signal = make_signal("any", Layout("image", (16, 24), 3, 8))
    files = [encode(signal, 60, quantizer="lsq", width=16, **{"lambda": weight}) for weight in (0.0, 0.3, 3.0)]
    sizes = [len(file) for file in files]
    assert sizes == sorted(sizes, reverse=True) and sizes[2] < 0.8 * sizes[0]
    errors = [np.square(decode(file).samples.astype(float) - signal.samples).mean() for file in files]
    assert errors[2] > errors[0]


@pytest.mark.parametrize(("weight_bits", "shared"), [(4, True), (1, False)])
def test_inspect_tells_code_books_from_tensors(weight_bits: int, shared: bool) -> None:
    signal = make_signal("any", Layout("image", (16, 24), 3, 8))
    params = MlpParams(quantizer="kmeans", weight_bits=weight_bits, edge_bits=12, depth=4, width=40)
    state = next(state for state in CODEC.fit([signal], params, [30], Setup(0, CPU)) if state.is_rung)
    [group], [latents] = state.groups, state.measured
    assert group.quantizer is not None
    coded = group.quantizer.coded(latents)
    books = [tensor.book[0].numpy() for tensor in coded.values() if tensor.book is not None]
    stored = books[:1] if shared else books
    gaps = [np.diff(book, prepend=BOOK.low).astype(np.int32) for book in stored]
    models = [best_model(each, 0, BOOK.high - BOOK.low) for each in gaps]
    costs = [model.description_bits + model.bits(each) for model, each in zip(models, gaps, strict=True)]
    assert len(books) > 2 and all(np.array_equal(book, books[0]) for book in books) == shared

    bits = CODEC.inspect(container.unpack(CODEC.encode(state)[0])).bits
    assert bits["code books"] == pytest.approx(8 + sum(costs))  # with the byte that says whether they share one
    symbols = coded["layer1.weight"].symbols.flatten().numpy().astype(np.int32)
    model = best_model(symbols, 0, coded["layer1.weight"].book.shape[1] - 1)
    assert bits["layer1.weight"] == pytest.approx(8 + model.description_bits + model.bits(symbols))


@pytest.mark.parametrize(("quantizer", "weight_bits"), [("kmeans", 9), ("minmax", 3), ("fp16", 8)])
def test_inspect_names_no_code_books_where_there_are_none(quantizer: str, weight_bits: int) -> None:
    signal = make_signal("any", Layout("image", (8, 12), 3, 8))
    file = encode(signal, quantizer=quantizer, weight_bits=weight_bits, width=12)
    assert "code books" not in CODEC.inspect(container.unpack(file)).bits


def test_learning_beats_rounding_at_few_bits() -> None:
    signal = make_signal("any", Layout("image", (16, 24), 3, 8))

    def error(quantizer: str) -> float:
        file = encode(signal, 120, quantizer=quantizer, weight_bits=2, width=16, batch_fraction=1)
        return float(np.square(decode(file).samples.astype(float) - signal.samples).mean())

    rounded = {name: error(name) for name in QUANTIZERS if not QUANTIZERS[name].learns}
    for name in ("lsq", "lsq+", "kmeans-qat", "adaround"):
        assert error(name) < min(rounded["mse"], rounded["minmax"])
    assert rounded["mse"] < rounded["explicit"]


def body(backbone: int, depth: int, width: int, bits: tuple[int, int] | None, own: bytes, rest: bytes) -> bytes:
    """A body by the format's description, whether or not it makes sense."""
    out = Writer()
    out.byte(backbone << 4 | (depth - 1))
    out.data += (width - 1 if bits is None else MINMAX | (width - 1)).to_bytes(2, "big")
    if bits is not None:
        out.byte((bits[0] - 1) << 4 | (bits[1] - 1))
    return bytes(out.data) + own + rest


IMAGE = Layout("image", (2, 3), 3, 8)
SIREN = bytes([0x79, 0x79])
SIDE = bytes([100, 20])  # a step and a model


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (body(15, 1, 4, (8, 8), b"", bytes(99)), "backbone number 15"),
        (b"\x00\xf0\x04" + bytes(99), "quantiser number 15"),
        (b"\x00\x08\x04" + bytes(99), "bit-widths of weights in fp16"),
        (b"\x00\x04\x04" + bytes(99), "bit-widths of weights in fp16"),
        (b"\x00\x14\x04\x77\x97" + bytes(99), "activations of 9 bits"),
        (b"\x00\x14\x04\x77\x17" + bytes(99), "activations of 1 bits"),
        (b"\x0f\x14\x04\x77\x87" + SIREN + bytes(15), "truncated"),
        (body(0, 1, 4, None, SIREN, bytes(2 * 27 - 1)), "54 expected"),
        (body(0, 1, 4, None, SIREN, bytes(2 * 27 + 1)), "54 expected"),
        (body(0, 1, 4, None, SIREN, b"\x00\x7c" * 27), "not finite"),
        (body(0, 1, 4, None, SIREN, b"\x01\x7d" * 27), "not finite"),  # a signalling NaN
        (body(0, 1, 4, (8, 8), SIREN, SIDE * 3), "truncated"),
        (body(0, MAX_DEPTH, MAX_WIDTH, (8, 8), SIREN, SIDE * 34 + bytes(50)), "more than its 50 coded bytes"),
        (body(2, 1, 4, (8, 8), b"\x02", bytes(99)), "filter number 2"),
        (body(4, 1, 4, (8, 8), b"\x03\x79", bytes(99)), "table_size_log2: found 3"),
        (b"\x00\x04", "truncated"),
        (b"\x00\x10\x04", "truncated"),
    ],
)
def test_contradictions_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        decode(container.pack(CODEC.id, IMAGE, content))


def test_weights_that_give_nan_are_refused() -> None:
    # Gabor filters with a negative width overflow to infinity away from their centre, and infinity - infinity is NaN.
    depth, width = 2, 4
    shape = FieldShape(2, 3, depth, width, IMAGE.grid, (2 / 3, 1.0))
    field = FIELDS["mfn"](shape, FIELDS["mfn"].Params(filter="gabor"))
    values = {"filters.gamma": -6e4, "layer1.weight": 1.0, "filters.weight": 1.0, "out.weight": 1.0}
    weights = [np.full(spec.shape, values.get(spec.name, 0.5), "<f2") for spec in field.tensors()]
    weights[-2][::2] *= -1
    content = body(2, depth, width, None, b"\x01", b"".join(w.tobytes() for w in weights))
    with pytest.raises(InvalidFileError, match="NaN"):
        decode(container.pack(CODEC.id, IMAGE, content))


def test_files_that_claim_the_most_weights_take_under_a_gigabyte(tmp_path: Path) -> None:
    cheapest = bytes([100, 120])  # the narrowest Gaussian: a zero costs some millionths of a bit
    deepest = body(0, MAX_DEPTH, MAX_WIDTH, (2, 2), SIREN, cheapest * 34 + bytes(99))
    longest = body(4, MAX_DEPTH, MAX_WIDTH, (2, 2), bytes([24, 0x79]), cheapest * 35 + bytes(99))
    wide_tables = body(0, 1, 4, (16, 16), SIREN, bytes([0, 5] * 4 + [0] * 99))
    for name, content in {"deepest": deepest, "wide-tables": wide_tables}.items():
        (tmp_path / f"{name}.inr").write_bytes(container.pack(CODEC.id, IMAGE, content))
    large = Layout("image", (2**12, 2**12), 1, 8)
    (tmp_path / "longest.inr").write_bytes(container.pack(CODEC.id, large, longest))
    assert mutated(tmp_path, 0) == {"read": 3}
