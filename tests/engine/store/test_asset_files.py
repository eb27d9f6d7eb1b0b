"""What an asset's file says of itself is checked before anything is made of it."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.engine.store.asset_files import pack_asset, read_asset, unpack_asset
from searchinr.engine.store.tensors import metadata, pack_tensors, unpack_tensors
from searchinr.errors import InvalidFileError

TENSORS = {"a": torch.arange(6.0)}
ASSET = Asset.of(AssetSpec("prior", {"width": 8}, needed_to_decode=True), TENSORS)
ABOUT = {"codec": "combiner", "name": '"prior"', "params": '{"width":8}', "needed_to_decode": "true"}


def test_an_asset_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "prior.safetensors"
    path.write_bytes(pack_asset("combiner", ASSET, {}))
    found = read_asset(path)
    assert (found.asset.spec, found.asset.sha256, found.codec) == (ASSET.spec, ASSET.sha256, "combiner")
    assert unpack_asset(pack_tensors(TENSORS, ABOUT), path).asset.spec == ASSET.spec


@pytest.mark.parametrize(
    "about",
    [
        {"name": "prior"},
        {"name": "7"},
        {"params": "[" * 100_000},
        {"params": "[]"},
        {"params": '{"width":{}}'},
        {"params": '{"width":1e9}'},
        {"params": '{"width":-3}'},
        {"params": '{"witdh":3}'},
        {"params": '{"width":' + 5000 * "9" + "}"},
        {"needed_to_decode": '"yes"'},
        {"version": "1.5"},
        {"version": '1,"name":"other"'},
        {"per_seed": "null"},
    ],
    ids=json.dumps,
)
def test_what_no_asset_was_built_for_is_refused(about: dict[str, str]) -> None:
    with pytest.raises(InvalidFileError, match="here: damaged asset"):
        unpack_asset(pack_tensors(TENSORS, {**ABOUT, **about}), "here")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"a": torch.zeros(2, dtype=torch.complex64)}, "complex64"),
        ({"a": torch.zeros(2).to(torch.float8_e4m3fn)}, "float8"),
        ({"crc32": torch.tensor([0, 0])}, "checksum is wrong"),
        ({"crc32": torch.tensor(float("nan"))}, "checksum is wrong"),
        ({"crc32": torch.zeros(2, 2)}, "checksum is wrong"),
        ({}, "checksum is wrong"),
    ],
)
def test_tensors_that_nothing_writes_are_refused(tensors: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        unpack_tensors(save(tensors), "here")


@pytest.mark.parametrize("header", ["", "7", "[]", '{"__metadata__":7}', '{"__metadata__":{"a":7}}', "[" * 100_000])
def test_bytes_without_metadata_are_refused(header: str) -> None:
    with pytest.raises(InvalidFileError, match="not a file of tensors"):
        metadata(len(header).to_bytes(8, "little") + header.encode())
