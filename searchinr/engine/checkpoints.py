"""Checkpoints: tensors in files, nothing pickled."""

from pathlib import Path

import safetensors.torch
from torch import Tensor

from searchinr.files import write_atomic


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
