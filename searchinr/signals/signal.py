"""A signal: samples on a regular grid, exactly as its file stores them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Layout:
    """What a decoder must know of a signal besides its samples.

    Attributes:
        modality: Name of the modality, e.g. ``"image"``.
        grid: Samples along each axis: image `(height, width)`, audio `(samples,)`.
        channels: Values per grid point: 3 for RGB, 1 for mono.
        bit_depth: Bits per value in the original file; with the modality it fixes the value range.
        sampling_rate: Samples per second; 0 for modalities that have none.
    """

    modality: str
    grid: tuple[int, ...]
    channels: int
    bit_depth: int
    sampling_rate: int = 0

    @property
    def points(self) -> int:
        """Number of grid points (pixels of an image, samples of one audio channel)."""
        return math.prod(self.grid)


@dataclass(frozen=True, eq=False)
class Signal:
    """One image, clip, ...: integer samples and their layout.

    Attributes:
        name: Name within its dataset, unique there (the file name without its suffix).
        samples: Integer values as stored in the original file, `(*grid, channels)`.
        layout: Modality, grid, channels, bit depth, sampling rate.
    """

    name: str
    samples: NDArray[np.integer]
    layout: Layout

    def __post_init__(self) -> None:
        expected = (*self.layout.grid, self.layout.channels)
        if self.samples.shape != expected:
            raise ValueError(f"samples have shape {self.samples.shape}, but the layout says {expected}")
        if not np.issubdtype(self.samples.dtype, np.integer):
            raise ValueError(f"samples must be integers, not {self.samples.dtype}")
