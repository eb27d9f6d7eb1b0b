"""Plots of a benchmark: panels of PSNR, or something else, over something on a logarithmic axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from searchinr.engine.report.style import COLOURS, MARKERS, log_range, log_ticks, plain


@dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
        name: What the legend says.
        points: Pairs of the horizontal and the vertical figure.
        dashed: Drawn with dashes.
        band: The lowest and the highest vertical figure at each point; or nothing.
    """

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False
    band: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Panel:
    """One plane.

    Attributes:
        label: Of the horizontal axis, which is logarithmic.
        curves: At most as many as there are colours and markers together.
        vertical: Label of the vertical axis.
    """

    label: str
    curves: Sequence[Curve]
    vertical: str = "PSNR, dB"


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Writes a PNG with the panels side by side."""
    figure = Figure(figsize=(6.0 * len(panels), 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for number, curve in enumerate(panel.curves):
            axes.plot(
                *zip(*sorted(curve.points), strict=True),
                "--" if curve.dashed else "-",
                color=COLOURS[number % len(COLOURS)],
                marker="" if curve.band else MARKERS[number % len(MARKERS)][0],
                markersize=4.5,
                linewidth=1.3,
                label=curve.name,
            )
            if curve.band:
                places = [x for x, _ in curve.points]
                axes.fill_between(places, *zip(*curve.band, strict=True), color=axes.lines[-1].get_color(), alpha=0.15)
        limits = log_range([x for curve in panel.curves for x, _ in curve.points])
        axes.set_xscale("log")
        axes.set_xlim(*limits)
        axes.set_xticks(ticks := log_ticks(*limits), map(plain, ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(panel.label)
        axes.set_ylabel(panel.vertical)
        axes.grid(color="#e8e8e8", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
