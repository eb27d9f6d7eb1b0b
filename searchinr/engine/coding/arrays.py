"""Arrays in place of files: samples as numpy has them, from the user to a signal and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from searchinr.codecs.bitstream import container
from searchinr.errors import UserError
from searchinr.signals.contract import Modality
from searchinr.signals.signal import Layout, Signal

NAME = "samples"
"""What a signal is called that has come as an array."""


def signal_of(modality: Modality, array: ArrayLike, extras: Mapping[str, int]) -> Signal:
    """The signal that an array holds.

    The array is `(*grid, channels)`, or `(*grid)` for one channel. Its modality says which types samples can have: an
    image is of uint8 or uint16, audio of int8, int16 or int32, and a modality of real samples of float32. `extras` are
    the further whole numbers that the modality needs, by name: `sampling_rate` of audio.

    Raises:
        UserError: The array has another type or shape, or a number is missing or too many.
    """
    samples = np.asarray(array)
    axes = ", ".join(modality.axes)
    if samples.ndim not in (len(modality.axes), len(modality.axes) + 1) or samples.size == 0:
        raise UserError(f"{NAME}: shape {samples.shape} found; allowed are ({axes}) and ({axes}, channels), not empty")
    if samples.ndim == len(modality.axes):
        samples = samples[..., None]
    *grid, channels = samples.shape
    if channels > container.MAX_CHANNELS:
        raise UserError(
            f"{NAME}: {channels} channels found, on the last axis; allowed are 1 to {container.MAX_CHANNELS}"
        )
    named = _checked(modality, extras)
    value_range = _range(modality, samples)
    possible = [
        Layout(modality.name, tuple(grid), channels, depth, named, value_range) for depth in sorted(modality.bit_depths)
    ]
    faults = [modality.fault(layout) for layout in possible]
    layouts = {
        modality.sample_type(layout): layout for layout, fault in zip(possible, faults, strict=True) if fault is None
    }
    if not layouts:
        raise UserError(f"{NAME}: {faults[0]}")
    if samples.dtype not in layouts:
        allowed = " and ".join(str(dtype) for dtype in layouts)
        raise UserError(
            f"{NAME}: {samples.dtype} found; allowed for modality {modality.name} with {channels} channels: {allowed}"
        )
    return Signal(NAME, np.ascontiguousarray(samples), layouts[samples.dtype])


def array_of(signal: Signal) -> NDArray[Any]:
    """The samples `(*grid, channels)`, or `(*grid)` if there is one channel."""
    return signal.samples[..., 0] if signal.layout.channels == 1 else signal.samples


def _range(modality: Modality, samples: NDArray[Any]) -> tuple[float, float] | None:
    """The range of real samples; None for whole numbers."""
    if not modality.is_real:
        return None
    if not np.isfinite(samples).all():
        raise UserError(f"{NAME}: values that are not finite found; allowed are numbers")
    low, high = float(np.float32(samples.min())), float(np.float32(samples.max()))
    if low == high:
        raise UserError(f"{NAME}: {low:g} found everywhere; allowed are real values that differ")
    return low, high


def _checked(modality: Modality, extras: Mapping[str, int]) -> tuple[int, ...]:
    """The further numbers in the order of the modality."""
    for name in extras:
        if name not in modality.extras:
            allowed = f"allowed are {', '.join(modality.extras)}" if modality.extras else "it needs none"
            raise UserError(f"{name}: found for an array of modality {modality.name}; {allowed}")
    for name in modality.extras:
        if name not in extras:
            raise UserError(f"{name}: missing; an array of modality {modality.name} does not say it")
        if not (isinstance(extras[name], int | np.integer) and extras[name] >= 0):
            raise UserError(f"{name}: {extras[name]!r} found; allowed is a whole number, not negative")
    return tuple(int(extras[name]) for name in modality.extras)
