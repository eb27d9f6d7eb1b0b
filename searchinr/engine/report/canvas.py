"""The sheet on which every PNG of a report is drawn."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from searchinr.engine.report import style
from searchinr.engine.report.front import FrontReport
from searchinr.engine.report.glyphs import show_plainly

Handle = Artist | tuple[Artist, ...]
"""A drawn thing for which a legend can have an entry."""

_GREY = "#666666"
_LEFT, _BOTTOM, _WIDTH, _HEIGHT = 0.095, 0.195, 0.805, 0.655  # place of the axes within the figure


def log_axes(limits: tuple[float, float], label: Callable[[float], str]) -> tuple[Figure, Axes]:
    """Makes an empty plane with a logarithmic horizontal axis between these limits; `label` makes a tick's text."""
    figure, axes = _plane(_LEFT, _WIDTH)
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.xaxis.set_major_locator(FixedLocator(style.log_ticks(*limits)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: label(value)))
    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    return figure, axes


def bar_axes(names: Sequence[str]) -> tuple[Figure, Axes]:
    """Makes an empty plane with a row for each name, the first on top, and a linear horizontal axis."""
    margin = min(0.5, 0.03 + 0.0135 * max(map(len, names)))
    figure, axes = _plane(margin, _LEFT + _WIDTH - margin)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    return figure, axes


def rate_axes(limits: tuple[float, float], report: FrontReport) -> tuple[Figure, Axes]:
    """An empty plane of rate and quality, between these rates; better is always higher up."""
    figure, axes = log_axes(limits, style.plain)
    axes.set_xlabel(f"rate ({report.rate_unit})")
    axes.set_ylabel(report.quality.label)
    if report.quality.direction == "min":
        axes.invert_yaxis()
    return figure, axes


def legend(axes: Axes, entries: Mapping[str, Handle], **more: Any) -> None:  # noqa: ANN401  what matplotlib takes
    """The legend in the corner that fronts leave empty.

    Args:
        axes: The axes.
        entries: What is drawn, by its name. No `label` of matplotlib's is used, since one that begins with `_` is
            left out.
        **more: Further arguments of matplotlib's.
    """
    look = {"loc": "lower right", "framealpha": 0.9, "edgecolor": "none", "fontsize": 8.5, **more}
    axes.legend(list(entries.values()), list(entries), **look)


def _plane(left: float, width: float) -> tuple[Figure, Axes]:
    figure = blank(7.0, 4.8)
    axes = figure.add_axes((left, _BOTTOM, width, _HEIGHT))
    axes.grid(color="#e8e8e8", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(color="#999999", labelsize=9)
    return figure, axes


def blank(width: float, height: float) -> Figure:
    """Makes an empty sheet of this size in inches."""
    # the figure is not pyplot's, which has global state, so that any thread may draw
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure, title: str, subtitle: str, small_print: str) -> bytes:
    """Finishes a sheet as a PNG of 1400 x 960 pixels, twice the usual resolution of a figure of 7 x 4.8 inches."""
    figure.text(_LEFT, 0.935, title, fontsize=13, fontweight="bold")
    figure.text(_LEFT, 0.885, subtitle, fontsize=9, color=_GREY)
    figure.text(_LEFT, 0.015, small_print, fontsize=7, color=_GREY, linespacing=1.4)
    return rendered(figure)


def rendered(figure: Figure) -> bytes:
    """Renders a sheet as a PNG with 200 pixels to an inch."""
    for words in figure.findobj(Text):
        show_plainly(words)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=200)
    return out.getvalue()
