"""Originals and what they decode to on one sheet (PNG)."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from searchinr.engine.report import canvas
from searchinr.engine.report.decoded import Decoded
from searchinr.engine.report.front import FrontReport
from searchinr.engine.report.sound import spectrogram, waveform
from searchinr.engine.report.style import COLOURS
from searchinr.signals.exhibits import SPECTROGRAM_DB, Exhibit, Picture, Sound

_INCHES = 2.3  # the side of a tile

_Draw = Callable[[Axes], object]


def decoded_png(report: FrontReport, decoded: Sequence[Decoded]) -> bytes:
    """Draws a row for each signal: the original, then the front's files by rising rate.

    Pictures are shown as they are, without smoothing; sounds as waveform and spectrogram.

    Returns:
        A PNG whose size depends on what there is to show.
    """
    columns = 1 + max(len(row.versions) for row in decoded)
    rows = len(_drawn_all(decoded[0].original, decoded[0].original))
    figure = canvas.blank(_INCHES * columns, _INCHES * len(decoded) * (0.55 * rows + 0.25) + 0.2)
    grid = figure.subplots(len(decoded) * rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for i, row in enumerate(decoded):
        captions = [f"{row.name}: original"]
        captions += [
            f"{version.figures.rate:.3g} {report.rate_unit}, {version.figures.psnr_db:.2f} dB"
            for version in row.versions
        ]
        shown = [row.original, *(version.exhibits for version in row.versions)]
        for column, (caption, exhibits) in enumerate(zip(captions, shown, strict=True)):
            for k, draw in enumerate(_drawn_all(exhibits, row.original)):
                draw(grid[i * rows + k, column])
            grid[i * rows, column].set_title(caption, fontsize=7.5, parse_math=False)
    figure.tight_layout(pad=0.4)
    return canvas.rendered(figure)


def _drawn_all(exhibits: Sequence[Exhibit], originals: Sequence[Exhibit]) -> list[_Draw]:
    """What draws each tile of a column, from the top."""
    return [draw for each, original in zip(exhibits, originals, strict=True) for draw in _drawn(each, original)]


def _drawn(exhibit: Exhibit, original: Exhibit) -> tuple[_Draw, ...]:
    if isinstance(exhibit, Picture):
        return (lambda axes: axes.imshow(exhibit.pixels, interpolation="nearest"),)
    if isinstance(exhibit, Sound):
        assert isinstance(original, Sound), "exhibits of an original and of what it decodes to are of the same kinds"
        return (lambda axes: _waveform(axes, exhibit, original), lambda axes: _spectrogram(axes, exhibit, original))
    lines = "\n".join(f"{name}: {value}" for name, value in exhibit.rows)
    return (lambda axes: axes.text(0, 1, lines, fontsize=7, va="top", parse_math=False),)


def _waveform(axes: Axes, sound: Sound, original: Sound) -> None:
    wave = waveform(sound)
    peak = float(np.abs(waveform(original)).max()) or 1.0
    axes.plot(wave, color=COLOURS[0], linewidth=0.3)
    axes.set_ylim(-1.05 * peak, 1.05 * peak)
    axes.margins(x=0)


def _spectrogram(axes: Axes, sound: Sound, original: Sound) -> None:
    top = float(spectrogram(original).max())
    axes.imshow(spectrogram(sound), origin="lower", aspect="auto", cmap="magma", vmin=top - SPECTROGRAM_DB, vmax=top)
