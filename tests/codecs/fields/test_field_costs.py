"""What a backbone costs: weights, multiply-accumulates, header bytes."""

import math

import pytest
import torch
from field_cases import CASES, grid_coords, make_shape, random_weights

from searchinr.codecs.bitstream.bits import MAX_BYTE_FLOAT, Reader, Writer
from searchinr.codecs.fields.contract import Field, FieldShape
from searchinr.codecs.fields.registry import FIELDS
from searchinr.errors import InvalidFileError


def image_field(name: str, width: int, depth: int, **params: object) -> Field:
    shape = FieldShape(2, 3, depth, width, cells=(512, 768), extent=(2 / 3, 1.0))
    return FIELDS[name](shape, FIELDS[name].Params(**params))


def count(field: Field) -> int:
    return sum(math.prod(spec.shape) for spec in field.tensors())


def test_files_know_these_numbers() -> None:
    assert {name: field.id for name, field in FIELDS.items()} == {
        "siren": 0,
        "fourier": 1,
        "mfn": 2,
        "wire": 3,
        "diner": 4,
        "relu": 5,
        "gauss": 6,
        "hashgrid": 7,
    }


@pytest.mark.parametrize(
    ("field", "weights"),
    [
        (image_field("siren", 128, 5), 66_819),  # ANI
        (image_field("siren", 64, 3), 8_707),
        (image_field("siren", 30, 5), 3_903),  # COIN's second-smallest network
        (image_field("fourier", 128, 3, features=128), 66_307),  # ANI
        (image_field("mfn", 128, 5, filter="gabor"), 70_275),  # ANI
        (image_field("relu", 64, 2, octaves=6), 64 * 26 + 64 + 64 * 64 + 64 + 3 * 64 + 3),
        (image_field("gauss", 128, 5), 66_819),
        (image_field("diner", 64, 3, table_size_log2=10), 8_707 + 2 * 1024),
        (image_field("diner", 64, 3, table_size_log2=24), 8_707 + 2 * 512 * 768),
        (image_field("hashgrid", 16, 2, levels=24, features=1, table_size_log2=4, max_resolution=512), 723 + 24 * 16),
    ],
)
def test_weight_counts_of_published_networks(field: Field, weights: int) -> None:
    assert count(field) == weights


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("case", CASES)
def test_macs_follow_from_the_shapes(case: str, depth: int) -> None:
    field = CASES[case].field(make_shape(depth=depth))
    macs = 0
    for spec in field.tensors():
        if spec.name.endswith((".weight", ".mu", ".gamma")):
            macs += math.prod(spec.shape)
            # two stored reals of a complex weight take part in four products, unless only the real part is wanted
            if case.startswith("wire") and spec.role == "hidden":
                macs += math.prod(spec.shape)
    if case.startswith("hashgrid"):
        macs += 4 * field.params.levels * field.params.features
    if case == "fourier":
        macs += field.frequencies.numel()
    assert field.macs_per_point() == macs


@pytest.mark.parametrize("case", CASES)
def test_pack_is_short_and_unpacks_to_the_same_function(case: str) -> None:
    shape = make_shape()
    field = CASES[case].field(shape)
    out = Writer()
    field.pack(out)
    assert len(out.data) <= (4 if case.startswith("hashgrid") else 2)

    reader = Reader(bytes(out.data))
    unpacked = type(field).unpack(shape, reader)

    assert reader.rest() == b""
    assert unpacked.tensors() == field.tensors()
    weights, coords = random_weights(field, batch=2), grid_coords(shape)
    assert torch.equal(unpacked.forward(weights, coords), field.forward(weights, coords))


@pytest.mark.parametrize(
    ("name", "data"),
    [("mfn", b"\x02"), ("diner", b"\x03\x7e"), ("diner", b"\x19\x7e"), ("diner", b"\xff\x7e"), ("relu", b"\x15")]
    + [
        ("hashgrid", data)
        for data in (b"\x07\xf1\x10\x20", b"\x33\xf1\x10\x20", b"\x16\xf1\x20\x10", b"\x16\xf1\x01\x10")
    ],
)
def test_values_out_of_range_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(InvalidFileError, match=r"filter|table|octaves|vertices|resolution"):
        FIELDS[name].unpack(make_shape(), Reader(data))


@pytest.mark.parametrize("name", FIELDS)
def test_any_header_unpacks_or_is_refused(name: str) -> None:
    for first in range(256):
        for second in (0, 127, 255):
            try:
                field = FIELDS[name].unpack(make_shape(), Reader(bytes([first, second])))
            except InvalidFileError:
                continue
            assert count(field) < 10_000
    with pytest.raises(InvalidFileError, match="truncated"):
        FIELDS[name].unpack(make_shape(), Reader(b""))


@pytest.mark.parametrize("name", FIELDS)
def test_every_parameter_is_described_and_bounded(name: str) -> None:
    for key, info in FIELDS[name].Params.model_fields.items():
        assert info.description, key
        if info.annotation in (int, float):
            assert isinstance(info.json_schema_extra, dict) and info.json_schema_extra["unit"], key
            for beyond in (-1, 2 * MAX_BYTE_FLOAT * 1e6):
                with pytest.raises(ValueError, match=r"greater|less"):
                    FIELDS[name].Params(**{key: beyond})


@pytest.mark.parametrize("name", FIELDS)
def test_default_lr_falls_with_width(name: str) -> None:
    assert 0 < FIELDS[name].default_lr(256) < FIELDS[name].default_lr(16) < 0.1
