"""A picture as a screen can show it."""

import numpy as np
from PIL import Image

from searchinr.signals.image_files import to_pillow
from searchinr.signals.signal import Signal


def displayed(signal: Signal) -> Image.Image:
    """The picture in 8 bits, RGB or with alpha RGBA; of 16 bits the upper half."""
    if signal.layout.bit_depth == 16:
        image = Image.fromarray((signal.samples[..., 0] >> 8).astype(np.uint8))
    else:
        image = to_pillow(signal)
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
