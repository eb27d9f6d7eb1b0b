"""Codec `once_for_all`: the conformance suite, and what is particular to it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conformance import CPU, Case, CodecConformance, make_signal, mutated
from torch import Tensor

from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Setup
from searchinr.codecs.fields.contract import Field, FieldShape
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting.supernet import Supernet
from searchinr.codecs.once_for_all import OnceForAllCodec, OnceForAllParams
from searchinr.codecs.once_for_all.body import Architecture, Nested
from searchinr.codecs.once_for_all.shells import Shells, Size, all_weights, sizes, subnet_weights
from searchinr.codecs.params.bit_widths import BitWidths
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.registry import decode
from searchinr.errors import InvalidFileError, UserError
from searchinr.search.configs import Config
from searchinr.signals.metrics import psnr
from searchinr.signals.signal import Layout
from searchinr.space import Value, build_params, canonical_params
from searchinr.trial import Measurement, run_trial

CODEC = OnceForAllCodec()
SMALL: dict[str, Value] = {"depths": "1 2", "widths": "4 6"}
BITS = BitWidths(8, 10, 10)
LAYOUT = Layout("image", (8, 12), 3, 8)
WITHOUT_BOOKS = [name for name, quantizer in QUANTIZERS.items() if not quantizer.has_book]


class TestConformance(CodecConformance):
    codec = "once_for_all"
    cases = {  # noqa: RUF012
        "siren": Case("image", {"depths": "1 3", "widths": "4 6 8", "weight_bits": 6}),
        "siren-last-bits": Case("image", {"last_bits": 5, **SMALL}),
        "wire": Case("image", {"backbone": "wire", "wire.omega": 4, "wire.sigma": 2, "quantizer": "fp16", **SMALL}),
        "audio": Case("audio", {"siren.omega_first": 200, "siren.omega": 10, "quantizer": "minmax", **SMALL}),
    }


def encode(steps: int = 2, layout: Layout = LAYOUT, **params: Value) -> bytes:
    signal = make_signal("any", layout)
    states = CODEC.fit([signal], build_params(OnceForAllParams, params), [steps], Setup(0, CPU))
    return CODEC.encode(next(state for state in states if state.is_rung))[0]


def make_supernet(backbone: str, depths: tuple[int, ...] = (2, 3, 5), widths: tuple[int, ...] = (5, 6, 9)) -> Supernet:
    def make(depth: int, width: int) -> Field:
        return FIELDS[backbone](FieldShape(2, 3, depth, width, (8, 12), (0.7, 1.0)), FIELDS[backbone].Params())

    return Supernet(make, depths, widths)


def random_shells(shells: Shells) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {part.name: torch.randn(2, part.size, generator=rng) for part in shells.all_parts}


@pytest.mark.parametrize("backbone", FIELDS)
def test_a_section_comes_after_all_that_its_subnet_needs(backbone: str) -> None:
    supernet = make_supernet(backbone)
    order = sizes(supernet)
    assert len(order) == 9 and order[-1] == (5, 9)
    for place, size in enumerate(order):
        assert all(other in order[: place + 1] for other in order if size.holds(other))
    counts = [subnet_weights(supernet, size) for size in order]
    assert counts == sorted(counts)


@pytest.mark.parametrize("backbone", FIELDS)
def test_shells_hold_every_weight_once(backbone: str) -> None:
    supernet = make_supernet(backbone)
    shells = Shells(supernet, BITS, CPU)
    stored = supernet.init(torch.Generator().manual_seed(0))
    assert sum(part.size for part in shells.all_parts) == all_weights(supernet)
    assert all_weights(supernet) == sum(tensor.numel() for tensor in stored.values())
    joined = shells.join({name: shell.unsqueeze(0) for name, shell in shells.split(stored).items()})
    assert joined.keys() == stored.keys()
    assert all(torch.equal(joined[name][0], tensor) for name, tensor in stored.items())


@pytest.mark.parametrize("backbone", FIELDS)
def test_a_subnet_is_made_of_its_own_and_all_smaller_shells(backbone: str) -> None:
    supernet = make_supernet(backbone)
    shells = Shells(supernet, BITS, CPU)
    values = random_shells(shells)
    whole = shells.join(values)
    for size in sizes(supernet):
        needed = {p.name for smaller in sizes(supernet) if size.holds(smaller) for p in shells.parts(smaller)}
        subnet = supernet.subnet(shells.join({name: values[name] for name in needed}), *size)
        for name, weight in supernet.subnet(whole, *size).items():
            assert torch.equal(subnet[name], weight)
        for part in shells.parts(size):  # none could have come later
            changed = supernet.subnet(shells.join({**values, part.name: values[part.name] + 1}), *size)
            assert any(not torch.equal(changed[name], weight) for name, weight in subnet.items())


def test_gradients_reach_the_shells_of_trained_widths_only() -> None:
    supernet = make_supernet("siren")
    shells = Shells(supernet, BITS, CPU)
    leaves = {name: value.requires_grad_() for name, value in random_shells(shells).items()}
    stored = shells.join(leaves)
    sum(values.sum() for _, values in supernet.outputs(stored, 6, torch.rand(4, 2))).backward()
    moved = {name for name, leaf in leaves.items() if leaf.grad is not None and leaf.grad.any()}
    assert moved
    assert not [name for name in moved if name.endswith("x9") or name.startswith("layer1.bias@5")]


@pytest.mark.parametrize("backbone", FIELDS)
def test_trimmed_files_of_every_backbone(backbone: str) -> None:
    data = encode(backbone=backbone, quantizer="mse", depths="1 2", widths="5 6 7")
    file = container.unpack(data)
    assert CODEC.inspect(file).about["backbone"] == backbone
    assert len(CODEC.levels(file)) == 6
    for level, size in CODEC.levels(file)[1:5:2]:
        trimmed = CODEC.trim(file, level)
        found = CODEC.inspect(container.unpack(trimmed))
        assert {key: found.about[key] for key in level} == level
        assert len(trimmed) == size < len(data)
        assert np.array_equal(decode(trimmed).samples, decode(data, level=level).samples)


@pytest.mark.parametrize("quantizer", WITHOUT_BOOKS)
def test_what_training_sees_is_what_the_decoder_has(quantizer: str) -> None:
    params = build_params(OnceForAllParams, {"quantizer": quantizer, "depths": "1 3", "widths": "4 8"})
    state = next(s for s in CODEC.fit([make_signal("any", LAYOUT)], params, [9], Setup(0, CPU)) if s.is_rung)
    nested = Nested.parse(container.unpack(CODEC.encode(state)[0]))
    [group], [latents] = state.groups, state.measured
    stored = nested.architecture.shells().join(group.quantizer.values(latents))
    for size in nested.sections:
        decoded = nested.weights(size)
        for name, weight in nested.architecture.supernet.subnet(stored, *size).items():
            gain = 2 ** (float(group.gains.places[0]) / 6) if name.startswith("out.") else 1
            torch.testing.assert_close(decoded[name], gain * weight, rtol=1e-6 if gain != 1 else 0, atol=0)


def test_larger_networks_of_a_file_are_better() -> None:
    layout = Layout("image", (16, 24), 3, 8)
    signal = make_signal("any", layout)
    data = encode(200, layout, depths="2 4", widths="4 8 16", batch_fraction=1.0)

    def quality(depth: int, width: int) -> float:
        return psnr(signal.samples, decode(data, level={"depth": depth, "width": width}).samples, (0, 255))

    assert quality(4, 16) > quality(4, 8) + 1 > quality(4, 4) + 2
    assert quality(4, 16) > quality(2, 16)
    assert quality(4, 16) > 30


def test_a_part_of_a_name_takes_the_largest() -> None:
    data = encode(depths="1 2", widths="4 6")
    file = container.unpack(data)
    assert CODEC.trim(file, {"depth": 1}) == CODEC.trim(file, {"depth": 1, "width": 6})
    assert CODEC.trim(file, {"width": 4}) == CODEC.trim(file, {"depth": 2, "width": 4})
    with pytest.raises(UserError, match=r"depth 3 found; this file has depth 1, 2 and width 4, 6"):
        CODEC.trim(file, {"depth": 3})
    with pytest.raises(UserError, match="level 1 found; this file has"):
        CODEC.trim(file, {"level": 1})
    smallest = container.unpack(CODEC.trim(file, {"depth": 1, "width": 4}))
    with pytest.raises(UserError, match="width 6 found; this file has depth 1 and width 4"):
        decode(CODEC.trim(file, {"depth": 1, "width": 4}), level={"width": 6})
    assert CODEC.levels(smallest) == [({"depth": 1, "width": 4}, smallest.size)]
    with pytest.raises(UserError, match="depth 2, width 6 found, which was cut off"):
        decode(data[:-1], level={"depth": 2, "width": 6})


def test_heads_have_bits_of_their_own() -> None:
    files = {bits: encode(quantizer="minmax", edge_bits=9, last_bits=bits, **SMALL) for bits in (4, 9)}
    assert files[9] == encode(quantizer="minmax", edge_bits=9, **SMALL)
    nested = {bits: Nested.parse(container.unpack(file)) for bits, file in files.items()}
    assert len(nested[4].header()) == len(nested[9].header()) + 1
    assert nested[4].architecture.bits == BitWidths(8, 9, 4)
    trimmed = container.unpack(CODEC.trim(container.unpack(files[4]), {"depth": 1}))
    assert CODEC.inspect(trimmed).about["last_bits"] == 4
    parts = nested[4].architecture.shells().all_parts
    assert all((part.bits == 4) == part.name.startswith("out.") for part in parts)


def test_a_cut_file_says_so() -> None:
    data = encode(**SMALL)
    found = CODEC.inspect(container.unpack(data[:-1]))
    assert (found.about["depth"], found.about["width"]) != (2, 6)
    assert sum(found.bits.values()) == 8 * (len(data) - 1)
    assert found.bits["incomplete"] > 0
    assert "incomplete" not in CODEC.inspect(container.unpack(data)).bits


def sections_of(data: bytes) -> tuple[bytes, list[bytes]]:
    """Header, and sections with their check sums, by what `inspect` says of their sizes."""
    lengths = [round(bits / 8) for bits in CODEC.inspect(container.unpack(data)).bits.values()]
    ends = np.cumsum(lengths)
    pieces = [data[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    return pieces[0], pieces[1:]


def test_damage_is_never_taken_for_a_cut() -> None:
    data = encode(**SMALL)
    header, sections = sections_of(data)
    for message, damaged in {
        "header": header[:-3] + bytes([header[-3] + 1]) + header[-2:] + b"".join(sections),  # a length
        "after the end": data + b"\0",
        "depth 1, width 6": header + sections[0] + bytes([sections[1][0] ^ 1]) + sections[1][1:] + sections[2],
        "section of": header + sections[0] + b"".join(sections[2:]),
        "truncated: of its first": header + sections[0][:-1],
        "in the middle of its header": header[:-1],
    }.items():
        with pytest.raises(InvalidFileError, match=message):
            decode(damaged)


def test_sections_of_one_length_cannot_take_each_others_place() -> None:
    data = encode(quantizer="fp16", depths="2 3 4", widths="4")
    header, sections = sections_of(data)
    assert len(sections[1]) == len(sections[2])
    with pytest.raises(InvalidFileError, match="section of depth 3, width 4"):
        decode(header + sections[0] + sections[2] + sections[1])


def file_of(content: bytes) -> bytes:
    """A file by the format's description, with the right check sum."""
    header = container.head(CODEC.id, Layout("image", (2, 3), 3, 8), scalable=True) + content
    return header + container.check_sum(header)


OWN = bytes([0x79, 0x79])  # of SIREN


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\xf1\x99\x00\x01\x01\x04" + OWN, "backbone number 15"),
        (b"\x00\x0f\x99\x00\x01\x01\x04" + OWN, "quantiser number 15"),
        (b"\x00\x08\x99\x00\x01\x01\x04" + OWN, "kmeans, which has code books"),  # code books
        (b"\x00\x01\x99\x00\x00\x01\x04" + OWN, "claims 0 depths"),
        (b"\x00\x01\x99\x00\x01\x00" + OWN, "1 depths and 0 widths"),
        (b"\x00\x01\x99\x00\x01\x11" + bytes([1] * 17) + OWN, "17 widths"),
        (b"\x00\x01\x99\x00\x01\x01\x81\x08" + OWN, "widths .1025"),
        (b"\x00\x01\x99\x00\x01\x02\x04\x00" + OWN, "ascending"),
        (b"\x00\x01\x99\x00\x01\x81\x10\x04" + OWN, "last layer of 17 bits"),
        (b"\x00\x00\x00\x01\x81\x05\x04" + OWN, "last layer of 6 bits"),  # of fp16
        (b"\x10\x01\x99\x00\x01\x01\x04" + OWN + b"\x09", "more depths or widths"),
        (b"\x01\x01\x99\x00\x01\x01\x04" + OWN + b"\x09", "more depths or widths"),
        (b"\x00\x01\x99\x00\x01\x01\x04" + OWN + b"\x09", "of its first 29 bytes, 18 were found"),
        (b"\x00\x01\x99\x00\x01\x01\x04", "truncated"),
    ],
)
def test_contradictions_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        decode(file_of(content))


def test_files_that_claim_the_most_weights_take_under_a_gigabyte(tmp_path: Path) -> None:
    layout = Layout("image", (2**11, 2**11), 1, 8)
    cheapest = bytes([100, 120])  # the narrowest Gaussian: a zero costs some millionths of a bit
    for name, backbone, depths, widths in (
        ("deepest", FIELDS["siren"], range(1, 17), [1024]),
        ("longest", FIELDS["diner"], [2], [4]),
    ):
        own = FIELDS["diner"].Params(table_size_log2=22) if name == "longest" else backbone.Params()
        supernet = Supernet(
            lambda d, w, f=backbone, p=own: f(FieldShape(2, 1, d, w, layout.grid, (1.0, 1.0)), p),
            tuple(depths),
            tuple(widths),
        )
        architecture = Architecture(supernet, QUANTIZERS["minmax"], BitWidths(2, 2, 2))
        shells = architecture.shells()
        sections = {size: cheapest * len(shells.parts(size)) + bytes(99) for size in architecture.sizes}
        head = container.head(CODEC.id, layout, scalable=True)
        (tmp_path / f"{name}.inr").write_bytes(
            Nested(head, architecture, Size(depths[-1], widths[-1]), sections).pack()
        )
    assert mutated(tmp_path, 0) == {"read": 2}


def test_a_trial_measures_the_whole_file() -> None:
    signal = make_signal("any", LAYOUT)
    trial = run_trial(Config("once_for_all", dict(SMALL)), [signal], [3], seed=0, device=CPU)
    [measured] = [state for state in trial if isinstance(state, Measurement)]
    data = measured.files["any"]
    assert measured.figures.rate == 8 * len(data) / 96
    assert measured.figures.psnr_db == psnr(signal.samples, decode(data).samples, (0, 255))
    field = make_supernet("siren", (2,), (6,)).largest
    assert measured.figures.decode_macs_per_sample == field.macs_per_point()


def test_lists_of_sizes_have_one_form() -> None:
    given = {"depths": " 5 2,3 2", "widths": "32 8"}
    params = build_params(OnceForAllParams, given)
    assert (params.depths, params.widths) == ("2 3 5", "8 32")
    assert canonical_params(OnceForAllParams, given)["depths"] == "2 3 5"
    assert params.lr == FIELDS["siren"].default_lr(16)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depths": ""}, "depths: found ''; allowed 1 to 16 integers from 1 to 16, as text: '1 2'"),
        ({"depths": "0 1"}, "1 to 16"),
        ({"depths": "1 17"}, "1 to 16"),
        ({"depths": "1; 2"}, "as text"),
        ({"depths": "٢"}, "as text"),
        ({"widths": "4 1025"}, "4 to 1024"),
        ({"widths": " ".join(map(str, range(4, 21)))}, "1 to 16 integers"),
        ({"widths": 16}, "widths: found 16; allowed text"),
        ({"quantizer": "kmeans"}, "quantizer: found 'kmeans'; allowed one of minmax, "),
    ],
)
def test_parameters_that_make_no_sense(given: dict[str, Value], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_params(OnceForAllParams, given)
