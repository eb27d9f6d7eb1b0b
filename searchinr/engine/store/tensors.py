"""Tensors in files, with a checksum and with nothing pickled: checkpoints and assets."""

import json
import zlib
from collections.abc import Mapping

import safetensors.torch
import torch
from torch import Tensor

from searchinr.engine.store.place import Place
from searchinr.errors import InvalidFileError

_CHECKSUM = "crc32"
_TYPES = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
_TYPES |= {torch.float16, torch.bfloat16, torch.float32, torch.float64}


def write_tensors(path: Place, tensors: Mapping[str, Tensor]) -> None:
    """Writes tensors as safetensors, whole or not at all; what is there afterwards survives a crash."""
    path.write_whole(pack_tensors(tensors))


def read_tensors(path: Place) -> dict[str, Tensor] | None:
    """Tensors of a file, or None where there is none; `InvalidFileError` if it is torn, or not what was written."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return unpack_tensors(data, path)


def pack_tensors(tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a file of tensors, with metadata that no checksum covers; see `write_tensors`."""
    data = {name: tensor.contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(
        {**data, _CHECKSUM: torch.tensor(checksum(data))}, None if about is None else dict(about)
    )


def unpack_tensors(data: bytes, source: object) -> dict[str, Tensor]:
    """The tensors in the bytes of a whole file; see `read_tensors`. Errors name its source."""
    try:
        tensors = safetensors.torch.load(data)
    except Exception as error:  # of many kinds: the header may say anything
        raise InvalidFileError(f"{source}: not a whole file of tensors ({error})") from error
    found = tensors.pop(_CHECKSUM, torch.tensor([]))
    if strange := {str(tensor.dtype) for tensor in (found, *tensors.values()) if tensor.dtype not in _TYPES}:
        raise InvalidFileError(f"{source}: tensors of type {', '.join(sorted(strange))} found, which nothing writes")
    if found.numel() != 1 or found.item() != checksum(tensors):
        raise InvalidFileError(f"{source}: damaged tensors (the checksum is wrong)")
    return tensors


def metadata(data: bytes) -> dict[str, str]:
    """The metadata of a file of tensors, from its bytes or as many of them as its header has; empty if it has none.

    Raises:
        InvalidFileError: The bytes do not begin with such a header.
    """
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])  # as the format begins
        found = header.get("__metadata__", {})
    except (ValueError, AttributeError, RecursionError) as error:
        raise InvalidFileError(f"not a file of tensors ({error})") from error
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise InvalidFileError("not a file of tensors (its metadata are not text)")
    return found


def checksum(tensors: Mapping[str, Tensor]) -> int:
    """CRC-32 of names and values, in the order of the names."""
    crc = 0
    for name in sorted(tensors):
        crc = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, zlib.crc32(name.encode(), crc))
    return crc
