"""Signals to look at and to listen to, as HTML that carries them inside."""

import base64
import io

import matplotlib
import numpy as np
import soundfile
from PIL import Image

from searchinr.engine.report.decoded import Decoded
from searchinr.engine.report.document import text
from searchinr.engine.report.front import FrontReport
from searchinr.engine.report.picture import displayed
from searchinr.engine.report.sound import RANGE_DB, envelope, spectrogram, waveform
from searchinr.signals.signal import Signal

_SMALL = 400  # pixels: what is narrower is shown enlarged, each pixel as a square
_COLUMNS = 300  # of a waveform


def exhibit(report: FrontReport, row: Decoded) -> str:
    """One signal: the original, then what the front's files hold of it, by rising rate."""
    show = _SHOWN[report.modality]
    figures = [_figure(show(row.original, row.original, "original"), f"<b>{text(row.original.name)}</b>, original")]
    for version in row.versions:
        ssim = version.figures.get("ssim")
        quality = f"{version.figures['psnr_db']:.2f} dB" + ("" if ssim is None else f", SSIM {ssim:.3f}")
        caption = (
            f"<b>{version.title}</b>, {version.figures['rate']:.3g} {text(report.rate_unit)}<br>"
            f"{quality}, {version.figures['bytes']:,} bytes"
        )
        figures.append(_figure(show(version.signal, row.original, version.title), caption))
    return f'<div class="versions">{"".join(figures)}</div>\n'


def _figure(content: str, caption: str) -> str:
    return f"<figure>{content}<figcaption>{caption}</figcaption></figure>"


def _picture(signal: Signal, original: Signal, title: str) -> str:
    sized = ' class="pixels"' if signal.layout.grid[1] < _SMALL else ""
    return f'<img{sized} alt="{text(original.name)}, {title}" src="{_webp(displayed(signal))}">'


def _sound(signal: Signal, original: Signal, title: str) -> str:
    """A waveform, a spectrogram and a player; both are scaled as the original's are."""
    name = f"{text(original.name)}, {title}"
    peak = float(np.abs(waveform(original)).max()) or 1.0
    low, high = (50 - 48 * envelope(signal, _COLUMNS) / peak).clip(0, 100).T  # (columns,) each; up is less
    corners = [*enumerate(high), *reversed(list(enumerate(low)))]
    outline = " ".join(f"{x},{y:.1f}" for x, y in corners)
    wave = (
        f'<svg role="img" aria-label="waveform of {name}" viewBox="0 0 {len(low) - 1} 100" preserveAspectRatio="none">'
        f'<polygon points="{outline}" stroke="var(--c0)" vector-effect="non-scaling-stroke"/></svg>'
    )
    top = float(spectrogram(original).max())
    level = (spectrogram(signal)[::-1] - top + RANGE_DB) / RANGE_DB  # (frequencies, windows), high ones first
    colours = matplotlib.colormaps["magma"](level.clip(0, 1), bytes=True)[..., :3]  # (frequencies, windows, 3)
    picture = f'<img class="spectrogram" alt="spectrogram of {name}" src="{_webp(Image.fromarray(colours))}">'
    return f'{wave}<audio controls preload="metadata" aria-label="{name}" src="{_wav(signal)}"></audio>{picture}'


_SHOWN = {"image": _picture, "audio": _sound}


def _webp(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, exact=True)
    return _data("image/webp", file.getvalue())


def _wav(signal: Signal) -> str:
    file = io.BytesIO()
    scaled = signal.samples / 2.0 ** (signal.layout.bit_depth - 1)
    soundfile.write(file, scaled, signal.layout.sampling_rate, format="WAV", subtype="PCM_16")
    return _data("audio/wav", file.getvalue())


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
