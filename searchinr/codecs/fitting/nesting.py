"""Puts the tensors of several parts into one flat checkpoint, each part under a name of its own."""

from collections.abc import Mapping

from torch import Tensor


def nested(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a part, called `<part>.<name>`."""
    return {f"{part}.{name}": tensor for name, tensor in tensors.items()}


def part_of(checkpoint: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors that `nested` was given for this part; empty if the checkpoint has none of them."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): tensor for name, tensor in checkpoint.items() if name.startswith(prefix)}
