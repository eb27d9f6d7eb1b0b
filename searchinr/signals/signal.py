"""A signal: the samples of its file, exactly as they are stored there, and where they lie."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.number]
"""Whole numbers of any size, or float32 where a layout has a `real_range`."""


@dataclass(frozen=True)
class Layout:
    """Where samples lie and what they can be. All of it but the poses stands in the header of an `.inr` file.

    Attributes:
        modality: Name of the modality, e.g. ``"image"``.
        grid: Samples along each axis: image `(height, width)`, audio `(samples,)`.
        channels: Values per grid point: 3 for RGB, 1 for mono.
        bit_depth: Bits per value in the original file. With the modality it fixes the range of whole numbers.
        extras: Further whole numbers, 0 or more, which the modality names: the sampling rate of audio.
        real_range: Smallest and largest value of real samples, both float32. None if samples are whole numbers.
        poses: Flat numbers from which the modality makes the coordinates, where these do not follow from the grid, for
            example cameras. They come with the signal or from the user, and no file holds them.
    """

    modality: str
    grid: tuple[int, ...]
    channels: int
    bit_depth: int
    extras: tuple[int, ...] = ()
    real_range: tuple[float, float] | None = None
    poses: tuple[float, ...] = ()

    @property
    def points(self) -> int:
        """Number of grid points (pixels of an image, samples of one audio channel)."""
        return math.prod(self.grid)

    @property
    def in_file(self) -> "Layout":
        """What a file says of this layout: everything but the poses."""
        return replace(self, poses=())


@dataclass(frozen=True, eq=False)
class Signal:
    """One image, clip, field, scene, ...: samples and their layout.

    Attributes:
        name: Name within its dataset, unique there (the file name without its suffix).
        samples: Values as stored in the original file, `(*grid, channels)`.
        layout: Modality, grid, channels, range.
        held_out: The part by which an encoded signal is judged, where that is not the part to which it is fitted, for
            example the pictures of a scene that no fit sees. None if both are the same.
    """

    name: str
    samples: Samples
    layout: Layout
    held_out: "Signal | None" = None

    def __post_init__(self) -> None:
        expected = (*self.layout.grid, self.layout.channels)
        if self.samples.shape != expected:
            raise ValueError(f"samples have shape {self.samples.shape}, but the layout says {expected}")
        if self.layout.real_range is None and not np.issubdtype(self.samples.dtype, np.integer):
            raise ValueError(f"samples must be integers, not {self.samples.dtype}: their layout has no real_range")
        if self.layout.real_range is not None:
            if self.samples.dtype != np.float32:
                raise ValueError(f"real samples must be float32, not {self.samples.dtype}")
            if any(float(np.float32(end)) != end for end in self.layout.real_range):
                raise ValueError(f"the ends of real_range must be float32, not {self.layout.real_range}")
        if self.held_out is not None:
            kept, held = (replace(each, grid=(), poses=()) for each in (self.layout, self.held_out.layout))
            if kept != held:
                raise ValueError(f"what is held out has the layout {held}, the signal {kept}: only grids may differ")

    @property
    def measured(self) -> "Signal":
        """The part by which an encoded signal is judged: `held_out`, or else the signal itself."""
        return self if self.held_out is None else self.held_out

    @property
    def judged_at(self) -> Layout | None:
        """Where a file of this signal is rendered to be judged; None if that is where the file itself says."""
        return None if self.measured.layout == self.layout.in_file else self.measured.layout
