"""Images: samples `(height, width, channels)`, rate in bits per pixel."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from searchinr.errors import UserError
from searchinr.signals.contract import Modality
from searchinr.signals.exhibits import Exhibit, Picture
from searchinr.signals.image_files import (
    IMAGE_SUFFIXES,
    displayed,
    image_misfit,
    metadata,
    pillow_mode,
    read_image,
    write_image,
)
from searchinr.signals.image_peers import image_peers
from searchinr.signals.metrics import ssim, to_samples
from searchinr.signals.peers import Peer
from searchinr.signals.signal import Layout, Samples, Signal
from searchinr.signals.suggestion import Suggestion, sized_network
from searchinr.space import PSNR, SSIM

_SHOWN = (768, 768)
"""What a report shows of a picture: its middle, if it is larger."""

_GRID_POINTS = range(2**13, 2**20 + 1)
"""Points of pictures that get a hash grid. Of smaller ones its network is most of the file; of larger ones each step
looks at some points only, and a minute is too short."""
_POINTS_PER_ENTRY = 20
_GRID_STEPS = (300, 1500)
_GRID_WORK = 400 * 768 * 512  # points of all steps: about a minute


class ImageModality(Modality):
    """Images of 8 bits per channel (grey, RGB, either with alpha) and grey images of 16 bits."""

    name = "image"
    id = 0
    rate_unit = "bpp"
    suffixes = IMAGE_SUFFIXES
    axes = ("height", "width")
    metrics = (PSNR, SSIM)
    exhibits_note = (
        "The originals, and what files at both ends and in the middle of the front decode to. "
        "Large pictures: their middle."
    )

    def read(self, path: Path) -> Signal:
        """See `read_image`."""
        return read_image(path)

    def beside_samples(self, path: Path) -> list[str]:
        """See `metadata`."""
        return metadata(path)

    def write(self, signal: Signal, path: Path) -> None:
        """See `write_image`."""
        write_image(signal, path)

    def misfit(self, layout: Layout, suffix: str) -> str | None:
        """See `image_misfit`."""
        return image_misfit(layout, suffix)

    def fault(self, layout: Layout) -> str | None:
        """Only what image files can hold exactly: colour and alpha have 8 bits."""
        return None if pillow_mode(layout) else f"an image of {layout.channels} channels of {layout.bit_depth} bits"

    def extent(self, layout: Layout) -> tuple[float, ...]:
        """The longest side spans [-1, 1], the other keeps the aspect ratio: square pixels stay square."""
        return tuple(side / max(layout.grid) for side in layout.grid)

    def resized(self, layout: Layout, scale: float) -> Layout:
        """See `Modality.resized`."""
        return replace(layout, grid=tuple(max(1, round(side * scale)) for side in layout.grid))

    def rate(self, layout: Layout, n_bytes: int) -> float:
        """Bits per pixel: 8 * bytes / (height * width)."""
        return 8 * n_bytes / layout.points

    def quality(self, original: Signal, decoded: Samples) -> dict[str, float]:
        """`psnr_db` and `ssim`."""
        return {
            PSNR.name: self.psnr_db(original, decoded),
            SSIM.name: ssim(original.samples, decoded, self.value_range(original.layout)),
        }

    def crop(self, signal: Signal, size: tuple[int, ...]) -> Signal:
        """The central part of at most `size = (height, width)`, turned to the image's own orientation."""
        return _central(signal, self._oriented(signal, size))

    def downscale(self, signal: Signal, size: tuple[int, ...]) -> Signal:
        """The image reduced to exactly `size = (height, width)`, turned to the image's own orientation.

        The largest central part of that aspect ratio (to the nearest pixel) is reduced with a Lanczos filter whose
        support grows with the reduction, so that nothing aliases.

        Raises:
            UserError: The image is smaller than `size`.
        """
        height, width = self._oriented(signal, size)
        rows, columns = signal.layout.grid
        if height > rows or width > columns:
            raise UserError(
                f"{signal.name}: downscale to {height}x{width} found, but the image has only {rows}x{columns} pixels; "
                "give a smaller size, or leave the image out"
            )
        factor = min(rows / height, columns / width)
        part = _central(signal, (round(height * factor), round(width * factor)))
        channels = [
            # Channel by channel in floats: Pillow's own path for alpha would weight colours by it.
            np.asarray(
                Image.fromarray(part.samples[..., c].astype(np.float32)).resize(
                    (width, height), Image.Resampling.LANCZOS
                )
            )
            for c in range(signal.layout.channels)
        ]
        samples = to_samples(np.stack(channels, axis=-1), self.value_range(signal.layout))
        return Signal(signal.name, samples, replace(signal.layout, grid=(height, width)))

    @property
    def peers(self) -> tuple[Peer, ...]:
        """JPEG, JPEG 2000, WebP, AVIF."""
        return image_peers()

    def exhibits(self, signal: Signal) -> Sequence[Exhibit]:
        """The middle of the picture."""
        return (Picture(displayed(self.crop(signal, _SHOWN))),)

    def suggestion(self, layout: Layout) -> Suggestion:
        """About 0.5 bpp: most pictures get a hash grid, very small and very large ones a plain network."""
        if layout.points not in _GRID_POINTS:
            return sized_network(layout.points)
        least, most = _GRID_STEPS
        return Suggestion(
            "shacira",
            steps=min(max(_GRID_WORK // layout.points, least), most),
            params={"table_size_log2": round(math.log2(layout.points / _POINTS_PER_ENTRY)), "min_resolution": 8},
        )

    def _oriented(self, signal: Signal, size: tuple[int, ...]) -> tuple[int, int]:
        """The size with its sides swapped, if either the image or the size is upright, and the other is not."""
        if len(size) != 2 or min(size) < 1:
            raise UserError(
                f"{signal.name}: size {list(size)} found; allowed for an image is [height, width], 1 or more"
            )
        height, width = size
        rows, columns = signal.layout.grid
        return (width, height) if (rows - columns) * (height - width) < 0 else (height, width)


def _central(signal: Signal, size: tuple[int, int]) -> Signal:
    rows, columns = signal.layout.grid
    height, width = min(size[0], rows), min(size[1], columns)
    top, left = (rows - height) // 2, (columns - width) // 2
    samples = signal.samples[top : top + height, left : left + width]
    return Signal(signal.name, samples.copy(), replace(signal.layout, grid=(height, width)))


MODALITY = ImageModality
