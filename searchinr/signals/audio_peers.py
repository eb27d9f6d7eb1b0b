"""Published audio codecs through libsndfile, whole files counted."""

from io import BytesIO
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from searchinr.errors import UserError
from searchinr.signals.audio_files import sampling_rate
from searchinr.signals.metrics import to_samples
from searchinr.signals.peers import Peer
from searchinr.signals.signal import Layout, Signal


def audio_peers() -> tuple[Peer, ...]:
    """MP3, Opus and Vorbis, as far as this libsndfile has them.

    `quality` is one minus libsndfile's compression level. What they write is aligned with the original: MP3 with a
    variable bit rate carries its delay in a LAME tag, which constant bit rates below 40 kbit/s have no room for, so
    those are not offered.
    """
    codecs = [
        _codec(
            "MP3 (LAME, variable bit rate)",
            "MP3",
            "MPEG_LAYER_III",
            (0.05, 0.08, 0.1, 0.3, 0.5, 0.65, 0.8, 0.9, 1.0),
            {"bitrate_mode": "VARIABLE"},
        ),
        _codec("Opus", "OGG", "OPUS", (0.0, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2), {}),
        _codec("Vorbis", "OGG", "VORBIS", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0), {}),
    ]
    return tuple(codec for codec in codecs if codec is not None)


def _codec(
    name: str, container: str, subtype: str, qualities: tuple[float, ...], options: dict[str, Any]
) -> Peer | None:
    """One codec, or None if this libsndfile was built without it."""
    if not soundfile.check_format(container, subtype):
        return None

    def encode(signal: Signal, quality: float) -> bytes:
        layout = signal.layout
        file = BytesIO()
        try:
            soundfile.write(
                file,
                signal.samples / 2.0 ** (layout.bit_depth - 1),
                sampling_rate(layout),
                format=container,
                subtype=subtype,
                compression_level=1 - quality,
                **options,
            )
        except (soundfile.SoundFileError, OverflowError, ValueError):
            found = f"{sampling_rate(layout)} samples per second in {layout.channels} channels"
            raise UserError(f"{signal.name}: {name} cannot hold {found}") from None
        return file.getvalue()

    def decode(file: bytes, layout: Layout) -> NDArray[np.integer]:
        values, _ = soundfile.read(BytesIO(file), dtype="float64", always_2d=True)
        if values.shape != (layout.points, layout.channels):
            raise UserError(f"{name}: a delay of unknown length found, so that the result cannot be compared")
        full = 2 ** (layout.bit_depth - 1)
        return to_samples(values * full, (-full, full - 1))

    return Peer(name, qualities, encode, decode)
