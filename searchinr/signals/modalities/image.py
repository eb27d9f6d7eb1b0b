"""Images: samples `(height, width, channels)`, rate in bits per pixel."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from searchinr.errors import UserError
from searchinr.signals.contract import ClassicalCodec, Modality
from searchinr.signals.image_codecs import image_codecs
from searchinr.signals.image_files import IMAGE_SUFFIXES, read_image, write_image
from searchinr.signals.metrics import psnr, ssim, to_samples
from searchinr.signals.signal import Layout, Signal


class ImageModality(Modality):
    """Images of 8 bits per channel (grey, RGB, either with alpha) and grey images of 16 bits."""

    name = "image"
    id = 0
    rate_unit = "bpp"
    suffixes = IMAGE_SUFFIXES
    axes = ("height", "width")

    def read(self, path: Path) -> Signal:
        """See `read_image`."""
        return read_image(path)

    def write(self, signal: Signal, path: Path) -> None:
        """See `write_image`."""
        write_image(signal, path)

    def value_range(self, layout: Layout) -> tuple[int, int]:
        """0 to 255 for 8 bits."""
        return 0, 2**layout.bit_depth - 1

    def extent(self, layout: Layout) -> tuple[float, ...]:
        """The longest side spans [-1, 1], the other keeps the aspect ratio: square pixels stay square."""
        return tuple(side / max(layout.grid) for side in layout.grid)

    def resized(self, layout: Layout, scale: float) -> Layout:
        """See `Modality.resized`."""
        return replace(layout, grid=tuple(max(1, round(side * scale)) for side in layout.grid))

    def rate(self, layout: Layout, n_bytes: int) -> float:
        """Bits per pixel: 8 * bytes / (height * width)."""
        return 8 * n_bytes / layout.points

    def quality(self, original: Signal, decoded: NDArray[np.integer]) -> dict[str, float]:
        """`psnr_db` and `ssim`."""
        value_range = self.value_range(original.layout)
        return {
            "psnr_db": psnr(original.samples, decoded, value_range),
            "ssim": ssim(original.samples, decoded, value_range),
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
    def classical(self) -> tuple[ClassicalCodec, ...]:
        """JPEG, JPEG 2000, WebP, AVIF."""
        return image_codecs()

    def _oriented(self, signal: Signal, size: tuple[int, ...]) -> tuple[int, int]:
        """`size` with its sides swapped where the image is upright and `size` is not, or the other way round."""
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
