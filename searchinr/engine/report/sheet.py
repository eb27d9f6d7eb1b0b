"""Originals and their decoded versions on one sheet (PNG)."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes

from searchinr.engine.report import canvas
from searchinr.engine.report.decoded import Decoded
from searchinr.engine.report.front import FrontReport
from searchinr.engine.report.sound import spectrogram, waveform
from searchinr.engine.report.style import COLOURS
from searchinr.signals.exhibits import SPECTROGRAM_DB, Exhibit, Picture, Sound

_INCHES = 2.3  # the side of a tile


def decoded_png(report: FrontReport, decoded: Sequence[Decoded]) -> bytes:
    """Draws a row for each signal: the original, then its decoded versions by rising rate.

    Pictures are shown without smoothing, and sounds as waveform and spectrogram.

    Returns:
        A PNG whose size depends on the number of tiles.
    """
    columns = 1 + max(len(row.versions) for row in decoded)
    rows = sum(2 if isinstance(exhibit, Sound) else 1 for exhibit in decoded[0].original)
    figure = canvas.blank(_INCHES * columns, _INCHES * len(decoded) * (0.55 * rows + 0.25) + 0.2)
    grid = figure.subplots(len(decoded) * rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for i, row in enumerate(decoded):
        captions = [f"{row.name}: original"]
        captions += [
            f"{version.figures.rate:.3g} {report.rate_unit}, {report.quality.words(version.figures)}"
            for version in row.versions
        ]
        shown = [row.original, *(version.exhibits for version in row.versions)]
        for column, (caption, exhibits) in enumerate(zip(captions, shown, strict=True)):
            tiles = iter(grid[i * rows : (i + 1) * rows, column])
            for each, original in zip(exhibits, row.original, strict=True):
                _draw(tiles, each, original)
            grid[i * rows, column].set_title(caption, fontsize=7.5)
    figure.set_layout_engine("tight", pad=0.4)
    return canvas.rendered(figure)


def _draw(tiles: Iterator[Axes], exhibit: Exhibit, original: Exhibit) -> None:
    """Draws an exhibit into the next tile of a column, or a sound into the next two, with the scale of the original."""
    axes = next(tiles)
    if isinstance(exhibit, Picture):
        axes.imshow(exhibit.pixels, interpolation="nearest")
    elif isinstance(exhibit, Sound):
        assert isinstance(original, Sound), "exhibits of an original and of what it decodes to are of the same kinds"
        peak = float(np.abs(waveform(original)).max()) or 1.0
        axes.plot(waveform(exhibit), color=COLOURS[0], linewidth=0.3)
        axes.set_ylim(-1.05 * peak, 1.05 * peak)
        axes.margins(x=0)
        powers, top = spectrogram(exhibit), float(spectrogram(original).max())
        next(tiles).imshow(powers, origin="lower", aspect="auto", cmap="magma", vmin=top - SPECTROGRAM_DB, vmax=top)
    else:
        lines = "\n".join(f"{name}: {value}" for name, value in exhibit.rows)
        axes.text(0, 1, lines, fontsize=7, va="top")
