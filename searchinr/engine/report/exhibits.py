"""HTML that shows and plays signals; pictures and sounds are part of it."""

import base64
import io

import matplotlib
import numpy as np
import soundfile
from PIL import Image

from searchinr.engine.report.decoded import Decoded
from searchinr.engine.report.document import text
from searchinr.engine.report.front import FrontReport
from searchinr.engine.report.names import quality_text
from searchinr.engine.report.sound import envelope, spectrogram, waveform
from searchinr.signals.exhibits import SPECTROGRAM_DB, Exhibit, Exhibits, Picture, Sound

_SMALL = 400  # pictures with fewer pixels in a row are enlarged, each pixel to a square
_COLUMNS = 300  # number of columns of a waveform


def exhibit(report: FrontReport, row: Decoded) -> str:
    """Shows one signal: the original, then its decoded versions by rising rate."""
    figures = [_figure(row.original, row, "original", f"<b>{text(row.name)}</b>, original")]
    for version in row.versions:
        quality = quality_text(report.metrics, version.figures)
        caption = (
            f"<b>{version.title}</b>, {version.figures.rate:.3g} {text(report.rate_unit)}<br>"
            f"{text(quality)}, {version.figures.bytes:,} bytes"
        )
        figures.append(_figure(version.exhibits, row, version.title, caption))
    return f'<div class="versions">{"".join(figures)}</div>\n'


def _figure(exhibits: Exhibits, row: Decoded, title: str, caption: str) -> str:
    name = f"{text(row.name)}, {title}"
    content = "".join(_shown(each, original, name) for each, original in zip(exhibits, row.original, strict=True))
    return f"<figure>{content}<figcaption>{caption}</figcaption></figure>"


def _shown(exhibit: Exhibit, original: Exhibit, name: str) -> str:
    if isinstance(exhibit, Picture):
        sized = ' class="pixels"' if exhibit.pixels.shape[1] < _SMALL else ""
        return f'<img{sized} alt="{name}" src="{_webp(Image.fromarray(exhibit.pixels))}">'
    if isinstance(exhibit, Sound):
        assert isinstance(original, Sound), "exhibits of an original and of what it decodes to are of the same kinds"
        return _sound(exhibit, original, name)
    rows = "".join(f"<tr><td>{text(key)}</td><td>{text(value)}</td></tr>" for key, value in exhibit.rows)
    return f'<table aria-label="{name}">{rows}</table>'


def _sound(sound: Sound, original: Sound, name: str) -> str:
    """Shows a waveform, a player and a spectrogram; the drawings have the scale of the original's."""
    peak = float(np.abs(waveform(original)).max()) or 1.0
    low, high = (50 - 48 * envelope(sound, _COLUMNS) / peak).clip(0, 100).T  # (columns,) each; 0 is the top
    corners = [*enumerate(high), *reversed(list(enumerate(low)))]
    outline = " ".join(f"{x},{y:.1f}" for x, y in corners)
    wave = (
        f'<svg role="img" aria-label="waveform of {name}" viewBox="0 0 {len(low) - 1} 100" preserveAspectRatio="none">'
        f'<polygon points="{outline}" stroke="var(--c0)" vector-effect="non-scaling-stroke"/></svg>'
    )
    top = float(spectrogram(original).max())
    level = (spectrogram(sound)[::-1] - top + SPECTROGRAM_DB) / SPECTROGRAM_DB  # (frequencies, windows), high first
    colours = matplotlib.colormaps["magma"](level.clip(0, 1), bytes=True)[..., :3]  # (frequencies, windows, 3)
    picture = f'<img class="spectrogram" alt="spectrogram of {name}" src="{_webp(Image.fromarray(colours))}">'
    return f'{wave}<audio controls preload="metadata" aria-label="{name}" src="{_wav(sound)}"></audio>{picture}'


def _webp(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, exact=True)
    return _data("image/webp", file.getvalue())


def _wav(sound: Sound) -> str:
    file = io.BytesIO()
    soundfile.write(file, sound.channels, sound.sampling_rate, format="WAV", subtype="PCM_16")
    return _data("audio/wav", file.getvalue())


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
