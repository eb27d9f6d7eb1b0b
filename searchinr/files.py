"""Writing files so that a reader never sees half of one: write, fsync, rename."""

import os
from pathlib import Path

import safetensors.torch
from torch import Tensor


def write_atomic(path: Path, data: bytes) -> None:
    """Writes a file completely or not at all, even through a crash."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames and new names in a folder survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Writes tensors as safetensors (nothing pickled), atomically."""
    write_atomic(path, safetensors.torch.save({name: t.contiguous() for name, t in tensors.items()}))


def read_tensors(path: Path) -> dict[str, Tensor] | None:
    """Tensors of a file, or None where there is none (or not a whole one)."""
    try:
        return safetensors.torch.load(path.read_bytes())
    except FileNotFoundError:
        return None
    except safetensors.SafetensorError:
        return None
