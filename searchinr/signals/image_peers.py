"""Published image codecs through Pillow, whole files counted."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from searchinr.errors import UserError
from searchinr.signals.image_files import from_pillow, pillow_mode, to_pillow
from searchinr.signals.peers import Peer
from searchinr.signals.signal import Layout, Signal

_Options = Callable[[float, Layout], dict[str, Any]]


def image_peers() -> tuple[Peer, ...]:
    """JPEG, JPEG 2000, WebP and AVIF, as far as this Pillow has them; their settings span about 0.1 to 3 bpp."""
    codecs = [
        _codec(
            "JPEG (4:2:0, optimised)",
            "JPEG",
            "jpg",
            ("L", "RGB"),
            (5, 10, 20, 30, 45, 60, 75, 85, 92),
            lambda quality, _: {"quality": round(quality), "subsampling": "4:2:0", "optimize": True},
        ),
        _codec(
            "JPEG 2000 (9/7 wavelet)",
            "JPEG2000",
            "jpg_2000",
            ("L", "LA", "RGB", "I;16"),  # for RGBA, OpenJPEG leaves out the colour transform: 4 dB below what it can do
            (0.1, 0.15, 0.25, 0.4, 0.6, 0.9, 1.3, 2, 3),
            _jpeg_2000_options,
        ),
        _codec(
            "WebP (method 6)",
            "WEBP",
            "webp",
            ("L", "RGB", "RGBA"),
            (0, 5, 20, 40, 60, 75, 85, 92, 96),
            lambda quality, _: {"quality": round(quality), "method": 6, "exact": True},
        ),
        _codec(
            "AVIF (4:4:4, speed 6)",
            "AVIF",
            "avif",
            ("L", "RGB", "RGBA"),
            (5, 20, 30, 40, 50, 60, 70, 80, 90),
            lambda quality, _: {"quality": round(quality), "subsampling": "4:4:4", "speed": 6},
        ),
    ]
    return tuple(codec for codec in codecs if codec is not None)


def _codec(
    name: str, pillow_format: str, feature: str, modes: tuple[str, ...], qualities: tuple[float, ...], options: _Options
) -> Peer | None:
    """One codec, or None if this Pillow was built without it (`feature` is Pillow's name for it)."""
    if not features.check(feature):
        return None

    def encode(signal: Signal, quality: float) -> bytes:
        if pillow_mode(signal.layout) not in modes:
            raise UserError(
                f"{signal.name}: {pillow_format} cannot hold {signal.layout.channels} channels "
                f"with {signal.layout.bit_depth} bits each; allowed are {', '.join(modes)}"
            )
        file = BytesIO()
        try:
            to_pillow(signal).save(file, pillow_format, **options(quality, signal.layout))
        except (OSError, ValueError) as error:  # e.g. more pixels along one side than the format allows
            raise UserError(f"{signal.name}: cannot be encoded as {pillow_format} ({error})") from None
        return file.getvalue()

    def decode(file: bytes, layout: Layout) -> NDArray[np.integer]:
        # WebP returns grey as RGB: three equal channels, of which the conversion keeps one.
        mode = pillow_mode(layout)
        assert mode is not None, "encode refuses such layouts"
        return from_pillow(Image.open(BytesIO(file), formats=(pillow_format,)), mode)

    return Peer(name, qualities, encode, decode)


def _jpeg_2000_options(bpp: float, layout: Layout) -> dict[str, Any]:
    """Settings for about `bpp` bits per pixel, as a bare codestream: a complete file without the JP2 boxes."""
    return {
        "no_jp2": True,
        "irreversible": True,
        "mct": int(layout.channels == 3),  # RGB to YCbCr, which Pillow leaves out unless told
        "quality_mode": "rates",
        "quality_layers": [layout.channels * layout.bit_depth / bpp],
        "num_resolutions": min(6, min(layout.grid).bit_length()),  # each halves the image
    }
