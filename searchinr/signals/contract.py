"""The modality contract: what the rest of the house needs to know about a kind of signal."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from searchinr.signals.signal import Layout, Signal


@dataclass(frozen=True)
class ClassicalCodec:
    """A published codec to draw beside ours; its rate is the size of the complete file it writes.

    Attributes:
        name: As in the literature, with the settings that matter, e.g. ``"JPEG (4:2:0, optimised)"``.
        qualities: Settings from the lowest to the highest rate.
        encode: `(signal, quality) -> bytes`, a complete file; `UserError` for a signal that the format cannot hold
            exactly as it is laid out (e.g. alpha in JPEG).
        decode: `(file, layout) -> samples (*grid, channels)`.
    """

    name: str
    qualities: tuple[float, ...]
    encode: Callable[[Signal, float], bytes]
    decode: Callable[[bytes, Layout], NDArray[np.integer]]


class Modality(ABC):
    """One kind of signal. Stateless: every method takes the signal or its layout.

    Attributes:
        name: Name in space files and experiments.
        id: Number in `.inr` files (0 to 7), never reused.
        rate_unit: Unit of `rate`, e.g. ``"bpp"``.
        suffixes: File suffixes that belong to it, lower case, with the dot; the first is the default output.
        axes: Names of the grid's axes, e.g. ``("height", "width")``.
        has_sampling_rate: Whether layouts carry a sampling rate (samples per second).
    """

    name: ClassVar[str]
    id: ClassVar[int]
    rate_unit: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    axes: ClassVar[tuple[str, ...]]
    has_sampling_rate: ClassVar[bool] = False

    @abstractmethod
    def read(self, path: Path) -> Signal:
        """Reads a file without changing any sample, or raises `UserError` saying why it cannot."""

    @abstractmethod
    def write(self, signal: Signal, path: Path) -> None:
        """Writes a file atomically in the format of its suffix, or raises `UserError`."""

    @abstractmethod
    def value_range(self, layout: Layout) -> tuple[int, int]:
        """Smallest and largest value a sample can have, both inclusive."""

    @abstractmethod
    def extent(self, layout: Layout) -> tuple[float, ...]:
        """Half the length of the domain along each axis: coordinates of axis `a` lie in `[-extent[a], extent[a]]`."""

    @abstractmethod
    def resized(self, layout: Layout, scale: float) -> Layout:
        """The layout of the same signal rendered `scale` times as finely along each axis."""

    @abstractmethod
    def rate(self, layout: Layout, n_bytes: int) -> float:
        """Rate in `rate_unit` of a complete file of `n_bytes` that holds one signal of this layout."""

    @abstractmethod
    def quality(self, original: Signal, decoded: NDArray[np.integer]) -> dict[str, float]:
        """Quality metrics of integer samples `(*grid, channels)`; always `psnr_db`, for images also `ssim`."""

    @abstractmethod
    def crop(self, signal: Signal, size: tuple[int, ...]) -> Signal:
        """At most `size` samples along each axis: the central part of an image, the beginning of a clip."""

    @abstractmethod
    def downscale(self, signal: Signal, size: tuple[int, ...]) -> Signal:
        """The signal resampled to exactly `size`; what does not fit the aspect ratio is cut off evenly.

        Raises:
            UserError: The signal is smaller than `size`, or the modality has no resampling.
        """

    @property
    def classical(self) -> tuple[ClassicalCodec, ...]:
        """Published codecs for this modality that work offline, to be measured on the same signals."""
        return ()

    def coordinates(self, layout: Layout, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Coordinates of the sample centres from `start` to `stop` in row-major order, `(stop - start, axes)`.

        The cell of sample `i` of `N` spans `[2i/N - 1, 2(i+1)/N - 1] * extent`; its centre is used, so that the same
        domain rendered at another resolution (`resized`) covers the same area.
        """
        return self.coordinates_at(layout, np.arange(start, layout.points if stop is None else stop))

    def coordinates_at(self, layout: Layout, index: NDArray[np.integer]) -> NDArray[np.float32]:
        """Coordinates of the samples with these numbers `(m,)` in row-major order, `(m, axes)`; see `coordinates`."""
        axes = [
            ((2 * i + 1 - n) / n * half).astype(np.float32)
            for i, n, half in zip(np.unravel_index(index, layout.grid), layout.grid, self.extent(layout), strict=True)
        ]
        return np.stack(axes, axis=-1)
