"""Signals as a page shows and plays them; pictures and sounds are part of the page."""

import base64
import io

import matplotlib
import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from searchinr.engine.report.sound import envelope, spectrogram, waveform
from searchinr.signals.exhibits import SPECTROGRAM_DB, Sound

_COLUMNS = 300  # number of columns of a waveform


def outline(sound: Sound, original: Sound) -> str:
    """The corners of a waveform's outline in a square of 100 x 100, in which the loudest original fills the height."""
    peak = float(np.abs(waveform(original)).max()) or 1.0
    low, high = (50 - 48 * envelope(sound, _COLUMNS) / peak).clip(0, 100).T  # (columns,) each; 0 is the top
    across = np.linspace(0, 100, len(low))
    corners = [*zip(across, high, strict=True), *zip(across[::-1], low[::-1], strict=True)]
    return " ".join(f"{x:.2f},{y:.1f}" for x, y in corners)


def spectrogram_picture(sound: Sound, original: Sound) -> NDArray[np.uint8]:
    """A spectrogram in colours, `(frequencies, windows, 3)`, high frequencies first, on the scale of the original's."""
    level = (spectrogram(sound)[::-1] - float(spectrogram(original).max()) + SPECTROGRAM_DB) / SPECTROGRAM_DB
    colours: NDArray[np.uint8] = matplotlib.colormaps["magma"](level.clip(0, 1), bytes=True)[..., :3]
    return colours


def webp(pixels: NDArray[np.uint8]) -> str:
    """A picture, `(height, width, 3 or 4)`, as the address of an image."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=True)
    return _data("image/webp", file.getvalue())


def wav(sound: Sound) -> str:
    """A sound as the address of an audio file."""
    file = io.BytesIO()
    soundfile.write(file, sound.channels, sound.sampling_rate, format="WAV", subtype="PCM_16")
    return _data("audio/wav", file.getvalue())


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
