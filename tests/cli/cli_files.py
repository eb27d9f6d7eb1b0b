"""Images for the tests of the commands."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_image(path: Path, channels: int) -> Path:
    """An image of 20 x 30 pixels with 1 to 4 channels of 8 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:20, :30]
    planes = np.stack([8 * x, 12 * y, 5 * (x + y), 255 - 4 * x][:channels], -1).astype(np.uint8)
    Image.fromarray(planes[..., 0] if channels == 1 else planes).save(path)
    return path
