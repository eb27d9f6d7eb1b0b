"""Faults of every kind of file: what a disk, a careless editor or somebody hostile may make of one.

Each takes the content of a file, that of another one of its kind, and random numbers, and gives the content of a
mutant. `benchmarks.mutations` feeds mutants to the readers of all commands; tests take the same faults.
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from searchinr.engine.store.tensors import metadata, pack_tensors

Mutator = Callable[[bytes, bytes, np.random.Generator], bytes]

_HEADER_BYTES = 24
_SCALAR = re.compile(rb"[^\s:,{}\[\]\"'#]+")
_SCALARS = (
    *(b"0", b"-1", b"1", b"1.5", b"1e400", b"-1e400", b".nan", b".inf", b"NaN", b"Infinity", b"9" * 20, b"9" * 5000),
    *(b"9223372036854775808", b"1_0", b"0x10", b"1:30", b"2001-01-01", b"=", b"<<", b"null", b"~", b"true", b"no"),
    *(b"[]", b"{}", b"[[]]", b"{a: b}", b"[1, 2]", b'""', b"''", b'"', b"'", b"- ", b": ", b"? ", b"#", b"|", b">"),
    *(b"&a", b"*a", b"&a [*a, *a]", b"!!python/object/apply:os.getcwd []", b"!!binary aGk=", b"!!set {a}", b"%", b"@"),
    *(b"~nouser/x", b"~", b"../x", b"/dev/zero", b"/", b"x" * 300, b"a\\0b", b"\x00", b"\xff\xfe", b"\xed\xa0\x80"),
    *("\u2028".encode(), "\u202e".encode(), b"$$", b"\\", b"[" * 2000, b"{a: " * 500, b"s3://user:secret@host/x"),
)
_EXTREMES = (0, 1, -1, 2, 255, 256, 65535, 2**31 - 1, -(2**31), 1e30, float("nan"), float("inf"))
_TYPES = (torch.float16, torch.float32, torch.int64, torch.int32, torch.uint8, torch.bool, torch.complex64)


def mutate_bytes(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """One to four faults of single bytes, half of them in its header."""
    mutant = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        if not mutant:
            break
        at = int(rng.integers(min(len(mutant), _HEADER_BYTES) if rng.random() < 0.5 else len(mutant)))
        length = int(rng.integers(1, 9))
        match rng.integers(7):
            case 0:
                mutant[at] ^= 1 << int(rng.integers(8))
            case 1:
                mutant[at] = int(rng.integers(256))
            case 2:
                mutant[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))
            case 3:
                del mutant[at:]
            case 4:
                del mutant[at : at + length]
            case 5:
                mutant[at:at] = rng.bytes(length)
            case _:
                mutant[:at] = other[:at]
    return bytes(mutant)


def mutate_text(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """One to three faults of YAML or JSON: scalars, lines and indentation; now and then of bytes."""
    for _ in range(rng.integers(1, 4)):
        kind, lines = rng.integers(8), data.split(b"\n")
        at = int(rng.integers(len(lines)))
        if kind < 4 and (found := list(_SCALAR.finditer(data))):
            place = found[rng.integers(len(found))]
            data = data[: place.start()] + _SCALARS[rng.integers(len(_SCALARS))] + data[place.end() :]
        elif kind == 4:
            data = b"\n".join([*lines[:at], *lines[at + 1 :]])
        elif kind == 5:
            data = b"\n".join([*lines[: at + 1], *lines[at:]])
        elif kind == 6:
            theirs = other.split(b"\n")
            data = b"\n".join(
                [*lines[:at], b"  " * int(rng.integers(4)) + theirs[rng.integers(len(theirs))], *lines[at:]]
            )
        else:
            data = mutate_bytes(data, other, rng)
    return data


def mutate_tensors(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Faults of a file of tensors whose check sum is right afterwards: values, shapes, types, names, metadata."""
    if rng.random() < 0.2:
        return mutate_bytes(data, other, rng)
    tensors, about = safetensors.torch.load(data), metadata(data)
    for _ in range(rng.integers(1, 3)):
        if about and rng.random() < 0.3:
            key = list(about)[rng.integers(len(about))]
            about[key] = mutate_text(about[key].encode(), about[key].encode(), rng).decode(errors="replace")
        elif tensors:
            name = list(tensors)[rng.integers(len(tensors))]
            found = _tensor_mutant(tensors.pop(name), rng)
            if found is not None:
                tensors[name if rng.random() < 0.9 else f"{name}x"] = found
    tensors.pop("crc32", None)
    try:
        return pack_tensors(tensors, about)
    except (SafetensorError, ValueError, RuntimeError):  # such as nothing can write
        return data[: len(data) // 2]


def _tensor_mutant(tensor: Tensor, rng: np.random.Generator) -> Tensor | None:
    tensor, kind = tensor.clone(), rng.integers(7)
    if kind == 0:
        return None
    if kind == 1:
        return tensor.to(_TYPES[rng.integers(len(_TYPES))])
    if kind == 2:
        return tensor.flatten()[: int(rng.integers(tensor.numel() + 1))]
    if kind == 3:
        return tensor.unsqueeze(int(rng.integers(tensor.ndim + 1)))
    if kind == 4:
        return torch.cat([tensor.flatten(), tensor.flatten()])
    if tensor.numel():
        value = torch.tensor(_EXTREMES[rng.integers(len(_EXTREMES))], dtype=torch.float64)
        tensor.view(-1)[rng.integers(tensor.numel())] = (
            value.nan_to_num().to(torch.int64) if _is_whole(tensor) else value
        )
    return tensor


def _is_whole(tensor: Tensor) -> bool:
    return not tensor.dtype.is_floating_point


def mutate_archive(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Faults of an archive whose check sums are right afterwards: content and names of its members."""
    if rng.random() < 0.3:
        return mutate_bytes(data, other, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    at = int(rng.integers(len(members)))
    name, content = members[at]
    match rng.integers(5):
        case 0:
            del members[at]
        case 1:
            members[at] = (("../", "/", "files/../../")[rng.integers(3)] + name, content)
        case 2:
            members.append((f"files/{rng.integers(9)}.inr", bytes(2**20)))
        case 3:
            members[at] = (name, mutate_bytes(content, content, rng))
        case _:
            members[0] = (members[0][0], mutate_text(members[0][1], members[0][1], rng))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in dict(members).items():
            archive.writestr(*each)
    return packed.getvalue()


def mutate_ledger(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Faults of a ledger: half of them in one value of one line, which remains JSON."""
    if rng.random() < 0.5:
        return mutate_text(data, other, rng)
    rows = data.splitlines()
    at = int(rng.integers(len(rows)))
    row = json.loads(rows[at])
    holder = row
    while True:
        key = list(holder)[rng.integers(len(holder))]
        if not isinstance(holder[key], dict) or not holder[key] or rng.random() < 0.3:
            break
        holder = holder[key]
    numbers = (0, -1, 1.5, 1e308, 10**30, float("nan"), float("inf"))
    values: tuple[object, ...] = (None, True, "", "x", "\ud800", "../x", [], {}, [1], *numbers)
    holder[key] = values[rng.integers(len(values))]
    rows[at] = json.dumps(row).encode()
    return b"\n".join(rows) + b"\n"


def mutate_png(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Faults of a PNG file, half of them with check sums that are right afterwards."""
    mutant = mutate_bytes(data, other, rng)
    if rng.random() < 0.5 or not mutant.startswith(data[:8]):
        return mutant
    found, at = [mutant[:8]], 8
    while at + 12 <= len(mutant):
        end = min(at + 8 + int.from_bytes(mutant[at : at + 4], "big"), len(mutant) - 4)
        found.append(mutant[at:end] + zlib.crc32(mutant[at + 4 : end]).to_bytes(4, "big"))
        at = end + 4
    return b"".join(found)
