"""The modality contract: all that the rest of the house knows about a kind of signal.

A modality is one file in `modalities/` with a class that is named by `MODALITY`, and its test. The defaults below are
those of a picture of whole numbers on a plain grid, so a modality says only in what it differs.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from searchinr.errors import UserError
from searchinr.signals.exhibits import Exhibit
from searchinr.signals.metrics import psnr, sample_type, to_reals, to_samples
from searchinr.signals.observation import Observation
from searchinr.signals.peers import Peer
from searchinr.signals.signal import Layout, Samples, Signal
from searchinr.signals.suggestion import Suggestion, sized_network
from searchinr.space import PSNR, Metric


class Modality(ABC):
    """One kind of signal. Stateless: every method takes the signal or its layout.

    Attributes:
        name: Name in space files and experiments.
        id: Number in `.inr` files (0 to 7), never reused.
        rate_unit: Unit of `rate`, e.g. ``"bpp"``.
        suffixes: File suffixes that belong to it, lower case, with the dot. The first is the default output.
        axes: Names of the grid's axes, e.g. ``("height", "width")``.
        extras: Names of the layout's further whole numbers, which the header holds in this order.
        is_real: Whether samples are float32. Their range then stands in the header, and decoded values are not rounded.
        bit_depths: The depths that samples can have, at most four; the header holds a place in this list.
        is_separable: Whether each coordinate of a grid point follows from its place along one axis of the grid, the
            first coordinate from the first axis and so on. Sparse interpolation matrices need that.
        metrics: What `quality` measures, PSNR first; objectives and constraints of a space can name them.
        exhibits_note: A sentence about what the report shows of originals and decoded signals.
    """

    name: ClassVar[str]
    id: ClassVar[int]
    rate_unit: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    axes: ClassVar[tuple[str, ...]]
    extras: ClassVar[tuple[str, ...]] = ()
    is_real: ClassVar[bool] = False
    bit_depths: ClassVar[tuple[int, ...]] = (8, 16, 24, 32)
    is_separable: ClassVar[bool] = True
    metrics: ClassVar[tuple[Metric, ...]] = (PSNR,)
    exhibits_note: ClassVar[str] = "The originals, and what files of the front decode to."

    # --- files ---

    @abstractmethod
    def read(self, path: Path) -> Signal:
        """Reads a file without changing any sample, or raises `UserError` saying why it cannot."""

    @abstractmethod
    def write(self, signal: Signal, path: Path) -> None:
        """Writes a file atomically in the format of its suffix, or raises `UserError`."""

    def beside_samples(self, path: Path) -> list[str]:
        """What a file that `read` takes holds beside its samples and layout, in words; nothing by default.

        `.inr` files keep none of it, and `encode` says so.
        """
        return []

    def misfit(self, layout: Layout, suffix: str) -> str | None:
        """Why no file with this one of `suffixes` can hold a signal of this layout; None, the default, if one can.

        It is asked before anything is decoded, and tells a remedy as well.
        """
        return None

    @abstractmethod
    def crop(self, signal: Signal, size: tuple[int, ...]) -> Signal:
        """At most `size` samples along each axis: the central part of an image, the beginning of a clip."""

    @abstractmethod
    def downscale(self, signal: Signal, size: tuple[int, ...]) -> Signal:
        """The signal resampled to exactly `size`; what does not fit the aspect ratio is cut off evenly.

        Raises:
            UserError: The signal is smaller than `size`, or the modality has no resampling.
        """

    def posed(self, layout: Layout, path: Path) -> Layout:
        """The layout with poses that the user's file gives, to be rendered from there.

        Raises:
            UserError: The file does not hold poses, or the modality has none.
        """
        raise UserError(f"{path}: poses found; a file of modality {self.name} is rendered without any")

    # --- samples ---

    def value_range(self, layout: Layout) -> tuple[float, float]:
        """Smallest and largest value a sample can have, both inclusive; 0 to 255 for 8 bits."""
        return layout.real_range or (0, 2**layout.bit_depth - 1)

    def sample_type(self, layout: Layout) -> np.dtype[Any]:
        """The type of decoded samples: float32, or the smallest integer type that holds the range."""
        return np.dtype(np.float32 if self.is_real else sample_type(self.value_range(layout)))

    def to_samples(self, layout: Layout, values: NDArray[np.floating]) -> Samples:
        """Decoded values `(..., channels)` as samples: whole numbers rounded half to even, real ones as they are.

        Both are clipped to the range.
        """
        to = to_reals if self.is_real else to_samples
        return to(values, self.value_range(layout))

    def fault(self, layout: Layout) -> str | None:
        """What is wrong with a layout that a file claims to have, beyond what holds for all; None if nothing is."""
        return None

    # --- coordinates ---

    @abstractmethod
    def extent(self, layout: Layout) -> tuple[float, ...]:
        """Half the length of the domain along each coordinate that a network takes.

        Coordinate `a` lies in `[-extent[a], extent[a]]`. There may be more or fewer of them than axes of the grid. With
        an `observation` these are the coordinates of queries.
        """

    @abstractmethod
    def resized(self, layout: Layout, scale: float) -> Layout:
        """The layout of the same signal rendered `scale` times as finely along each axis."""

    def cells(self, layout: Layout) -> tuple[int, ...]:
        """Into how many cells tables and hash grids cut each coordinate of `extent`; by default those of the grid."""
        return layout.grid

    def coordinates(self, layout: Layout, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Coordinates of the points from `start` to `stop` in row-major order, `(stop - start, d)`."""
        return self.coordinates_at(layout, np.arange(start, layout.points if stop is None else stop))

    def coordinates_at(self, layout: Layout, index: NDArray[np.integer]) -> NDArray[np.float32]:
        """Coordinates of the points with these numbers `(m,)` in row-major order, `(m, d)`.

        By default those of the sample centres. The cell of sample `i` of `N` spans `[2i/N - 1, 2(i+1)/N - 1] * extent`;
        its centre is used, so that the same domain rendered at another resolution (`resized`) covers the same area.
        """
        axes = [
            ((2 * i + 1 - n) / n * half).astype(np.float32)
            for i, n, half in zip(np.unravel_index(index, layout.grid), layout.grid, self.extent(layout), strict=True)
        ]
        return np.stack(axes, axis=-1)

    def weights_at(self, signal: Signal, index: NDArray[np.integer]) -> NDArray[np.float32] | None:
        """How much the points with these numbers `(m,)` count, `(m,)`, in the loss and in the PSNR alike.

        Their mean over all points of the signal is 1. None, the default, if all points count the same.
        """
        return None

    def observation(self, layout: Layout) -> Observation | None:
        """What makes values of points from a network's; None, the default, if its values at points are theirs."""
        return None

    # --- figures ---

    @abstractmethod
    def rate(self, layout: Layout, n_bytes: int) -> float:
        """Rate in `rate_unit` of a complete file of `n_bytes` that holds one signal of this layout."""

    def quality(self, original: Signal, decoded: Samples) -> dict[str, float]:
        """The `metrics` of decoded samples `(*grid, channels)`, by name.

        Args:
            original: What was encoded, or of a signal with a part held out that part.
            decoded: Of the same layout.
        """
        return {PSNR.name: self.psnr_db(original, decoded)}

    def psnr_db(self, original: Signal, decoded: Samples) -> float:
        """The PSNR against the width of the range, each point weighted as `weights_at` says."""
        value_range = self.value_range(original.layout)
        return psnr(original.samples, decoded, value_range, partial(self.weights_at, original))

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Published codecs for this modality that work offline, to be measured on the same signals."""
        return ()

    # --- for people ---

    def exhibits(self, signal: Signal) -> Sequence[Exhibit]:
        """What the report shows of a signal, an original or a decoded one; nothing by default.

        Of a large signal it may be a part: the middle of a picture, the beginning of a clip.
        """
        return ()

    def suggestion(self, layout: Layout) -> Suggestion:
        """The config that `encode` takes where none is given; a network that grows with the signal by default."""
        return sized_network(layout.points)

    def facts(self, layout: Layout) -> dict[str, Any]:
        """What is particular to a layout, by name, for JSON: `extras`, and the range of real samples."""
        named: dict[str, Any] = dict(zip(self.extras, layout.extras, strict=True))
        return named if layout.real_range is None else {**named, "value_range": list(layout.real_range)}

    def described(self, layout: Layout) -> str:
        """A layout in a few words: ``"512 x 768, 3 channels of 8 bits"``."""
        kind = "real values" if self.is_real else f"{layout.bit_depth} bits"
        return f"{self.size_text(layout)}, {layout.channels} channels of {kind}"

    def size_text(self, layout: Layout) -> str:
        """The size in a few words: ``"512 x 768"``."""
        return " x ".join(map(str, layout.grid))
