"""Originals and what they decode to on one sheet (PNG)."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from searchinr.engine.report import canvas
from searchinr.engine.report.decoded import Decoded
from searchinr.engine.report.front import FrontReport
from searchinr.engine.report.picture import displayed
from searchinr.engine.report.sound import RANGE_DB, spectrogram, waveform
from searchinr.engine.report.style import COLOURS
from searchinr.signals.signal import Signal

_INCHES = 2.3  # the side of a tile


def decoded_png(report: FrontReport, decoded: Sequence[Decoded]) -> bytes:
    """Draws a row for each signal: the original, then the front's files by rising rate.

    Pictures are shown as they are, without smoothing; sounds as waveform and spectrogram.

    Returns:
        A PNG whose size depends on what there is to show.
    """
    draws = _DRAWN[report.modality]
    columns = 1 + max(len(row.versions) for row in decoded)
    figure = canvas.blank(_INCHES * columns, _INCHES * len(decoded) * (0.55 * len(draws) + 0.25) + 0.2)
    grid = figure.subplots(len(decoded) * len(draws), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for i, row in enumerate(decoded):
        captions = [f"{row.original.name}: original"]
        captions += [
            f"{version.figures['rate']:.3g} {report.rate_unit}, {version.figures['psnr_db']:.2f} dB"
            for version in row.versions
        ]
        signals = [row.original, *(version.signal for version in row.versions)]
        for column, (caption, signal) in enumerate(zip(captions, signals, strict=True)):
            for k, draw in enumerate(draws):
                draw(grid[i * len(draws) + k, column], signal, row.original)
            grid[i * len(draws), column].set_title(caption, fontsize=7.5, parse_math=False)
    figure.tight_layout(pad=0.4)
    return canvas.rendered(figure)


def _picture(axes: Axes, signal: Signal, original: Signal) -> None:
    axes.imshow(np.asarray(displayed(signal)), interpolation="nearest")


def _waveform(axes: Axes, signal: Signal, original: Signal) -> None:
    wave = waveform(signal)
    peak = float(np.abs(waveform(original)).max()) or 1.0
    axes.plot(wave, color=COLOURS[0], linewidth=0.3)
    axes.set_ylim(-1.05 * peak, 1.05 * peak)
    axes.margins(x=0)


def _spectrogram(axes: Axes, signal: Signal, original: Signal) -> None:
    top = float(spectrogram(original).max())
    axes.imshow(spectrogram(signal), origin="lower", aspect="auto", cmap="magma", vmin=top - RANGE_DB, vmax=top)


_DRAWN: dict[str, tuple[Callable[[Axes, Signal, Signal], None], ...]] = {
    "image": (_picture,),
    "audio": (_waveform, _spectrogram),
}
