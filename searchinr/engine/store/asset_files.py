"""Assets as files: how they are written and read, and where the one is found that a `.inr` file needs.

An asset that decoding needs is called `<name>-<first 12 digits of its SHA-256>.safetensors`. It lies beside the files
that name it, or in a folder called `assets` beside or above them. In a run that is the folder `front/assets`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from searchinr.codecs.bitstream import container
from searchinr.codecs.bitstream.container import Container
from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.codecs.registry import CODECS, codec_of, decode
from searchinr.codecs.work import Approve
from searchinr.engine.store.place import Place
from searchinr.engine.store.tensors import metadata, pack_tensors, unpack_tensors
from searchinr.errors import InvalidFileError, UserError
from searchinr.search.figures import SignalFigures
from searchinr.signals.files import check_new, check_readable, read_file, write_file
from searchinr.signals.signal import Layout, Signal
from searchinr.space import build_params

ASSET_SUFFIX = ".safetensors"
KEPT = "assets"
"""The folder of assets beside or above the files that need them."""

_LEVELS_ABOVE = 3
_SPEC = TypeAdapter(AssetSpec)


@dataclass(frozen=True)
class StoredAsset:
    """An asset from a file, with the name of the codec that it is for, and all of the file's metadata."""

    asset: Asset
    codec: str
    about: Mapping[str, str]


def asset_name(label: str) -> str:
    """The name of an asset's file, from `Asset.label`."""
    return f"{label.replace('@', '-')}{ASSET_SUFFIX}"


def write_asset(path: Place, codec: str, asset: Asset) -> int:
    """Writes an asset, whole or not at all, and returns the size of the file in bytes."""
    data = pack_asset(codec, asset, {})
    path.write_whole(data)
    return len(data)


def read_asset(path: Path) -> StoredAsset:
    """Reads what `write_asset` wrote.

    Raises:
        UserError: There is no such file.
        InvalidFileError: It is no asset, or damaged.
    """
    check_readable(path)
    return unpack_asset(path.read_bytes(), path)


def pack_asset(codec: str, asset: Asset, more: Mapping[str, str]) -> bytes:
    """The bytes of the file of an asset for a codec; its metadata also say `more`."""
    spec = {key: json.dumps(value) for key, value in asdict(asset.spec).items()}
    return pack_tensors(asset.tensors, {"codec": codec, **spec, **more})


def unpack_asset(data: bytes, source: object) -> StoredAsset:
    """The asset in the bytes of a whole file; see `read_asset`. Errors name its source."""
    tensors = unpack_tensors(data, source)
    about = metadata(data)
    if not {"codec", "name", "params", "needed_to_decode"} <= set(about):
        raise InvalidFileError(f"{source}: not an asset of searchinr; `searchinr asset export` writes one")
    try:
        named = {each.name: from_json(about[each.name]) for each in fields(AssetSpec) if each.name in about}
        spec = _SPEC.validate_json(json.dumps(named), strict=True)
        if about["codec"] in CODECS:  # else of a plug-in that is not installed here
            build_params(CODECS[about["codec"]].Params, spec.params)
    except (ValueError, UserError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error).splitlines()[0]
        raise InvalidFileError(f"{source}: damaged asset: what it was built for is none ({reason})") from error
    return StoredAsset(Asset.of(spec, tensors), about["codec"], about)


def copy_asset(source: Path, folder: Path, *, force: bool) -> Path:
    """Copies the file of an asset into a folder under its own name, and returns where the copy is.

    Args:
        source: The asset's file.
        folder: Where to. If the same asset is there already, nothing is written.
        force: Whether another file of that name may be replaced.

    Raises:
        UserError: There is no such file, or it cannot be written, or another one is there.
    """
    target, data = folder / source.name, read_file(source)
    if not (target.is_file() and target.read_bytes() == data):
        check_new(target, force=force)
        write_file(target, data)
    return target


def find_asset(file: Container, source: Path | None, given: Path | None) -> Asset | None:
    """The asset that a file names; None if the file names none, or if the asset is in none of the places to look at.

    Args:
        file: The file.
        source: Where the file is, if it is somewhere.
        given: An asset, or a folder of assets, to look at first.

    Raises:
        UserError: `given` is not there, or no asset.
        InvalidFileError: The file is corrupt, or the asset is.
    """
    needed = codec_of(file).needed_asset(file)
    if needed is None:
        return None
    if given is not None and not given.is_dir():
        return read_asset(given).asset
    folders = [] if given is None else [given]
    if source is not None:
        above = source.resolve().parents
        folders += [above[0], *(folder / KEPT for folder in above[:_LEVELS_ABOVE])]
    for folder in folders:
        for path in sorted(folder.glob(f"*-{needed}*{ASSET_SUFFIX}")):
            return read_asset(path).asset
    return None


def read_recorded(path: Path, row: SignalFigures) -> bytes:
    """The bytes of a file on record, before anything is done with what it claims.

    Raises:
        InvalidFileError: It is not there, or is not the file on record.
    """
    try:
        size, found = path.stat().st_size, ""
        if size == row.bytes:
            data = path.read_bytes()
            found = hashlib.sha256(data).hexdigest()
    except OSError as error:
        raise InvalidFileError(error.strerror) from error
    for key, mine, theirs in (("bytes", size, row.bytes), ("sha256", found, row.sha256)):
        if mine != theirs:
            raise InvalidFileError(f"{key} is {mine}, the ledger says {theirs}; it is not decoded")
    return data


def decode_data(data: bytes, source: Path, layout: Layout | None = None, approve: Approve | None = None) -> Signal:
    """The signal in the bytes of a whole `.inr` file with the asset that it names, at its own layout or another one.

    For `approve` see `codecs.registry.decode`.

    Raises:
        InvalidFileError: The file or its asset is corrupt.
        MissingAssetError: Its asset is not where `find_asset` looks for it.
    """
    file = container.unpack(data)
    return decode(file, asset=find_asset(file, source, None), layout=layout, approve=approve)
