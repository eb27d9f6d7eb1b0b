"""The front as a figure for a paper (PNG)."""

import io
import itertools
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from searchinr.engine.report import style
from searchinr.engine.report.front import FrontReport, Point
from searchinr.engine.report.names import family

_GREY = "#666666"
_LEFT, _BOTTOM, _WIDTH, _HEIGHT = 0.095, 0.185, 0.805, 0.665  # the axes within the figure


def front_png(report: FrontReport) -> bytes:
    """Draws PSNR against rate: the front, the operating points that it dominates, and the baselines.

    Returns:
        A PNG of 1400 x 960 pixels, twice the usual resolution of a 7 x 4.8 inch figure.
    """
    # a figure of its own, not pyplot's: no global state, so that any thread may draw
    figure = Figure(figsize=(7.0, 4.8))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((_LEFT, _BOTTOM, _WIDTH, _HEIGHT))
    box = style.limits(report)
    axes.set_xscale("log")
    axes.set_xlim(*box.rate)
    axes.set_ylim(*box.psnr_db)
    axes.xaxis.set_major_locator(FixedLocator(style.log_ticks(*box.rate)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: style.plain(rate)))
    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.set_xlabel(f"rate ({report.rate_unit})")
    axes.set_ylabel("PSNR (dB)")
    axes.grid(color="#e8e8e8", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(color="#999999", labelsize=9)

    _draw_baselines(axes, report, box)
    _draw_points(axes, report)
    figure.text(_LEFT, 0.935, report.dataset, fontsize=13, fontweight="bold", parse_math=False)
    figure.text(_LEFT, 0.885, style.subtitle(report), fontsize=9, color=_GREY)
    figure.text(_LEFT, 0.02, style.small_print(report), fontsize=7, color=_GREY, linespacing=1.5)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=200)
    return out.getvalue()


def _draw_points(axes: Axes, report: FrontReport) -> None:
    line = report.front_line
    axes.plot(*_columns(line), color="#333333", linewidth=1.1, zorder=3)
    handles: list[Artist] = []
    for name, look in style.family_styles(report).items():
        every = [p for p in report.points if family(p) == name]
        front = [p for p in report.front if family(p) == name]
        dots = axes.scatter(
            *_columns(every), s=7, color=look.colour, alpha=0.3, linewidths=0, zorder=2, label=f"{name} (dominated)"
        )
        # those with a white edge are the front; the markers differ in shape too, for print without colour
        (markers,) = axes.plot(
            *_columns(front),
            linestyle="none",
            marker=look.marker,
            markersize=6.5,
            markerfacecolor=look.colour,
            markeredgecolor="white",
            markeredgewidth=0.7,
            zorder=4,
            label=name,
        )
        handles.append(markers if front else dots)
    axes.legend(
        handles=handles,
        loc="lower right",
        fontsize=8.5,
        framealpha=0.9,
        edgecolor="none",
        handletextpad=0.3,
        borderpad=0,
    )


def _columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [point["rate"] for point in points], [point["psnr_db"] for point in points]


def _draw_baselines(axes: Axes, report: FrontReport, box: style.Limits) -> None:
    """Thin lines, each named at the edge of the axes where it leaves them, or at its end if that lies inside."""
    to_axes = axes.transScale + axes.transLimits  # data -> fractions of the axes
    at_right: list[tuple[float, str, str]] = []  # (position along the edge, name, colour)
    at_top: list[tuple[float, str, str]] = []
    at_end: list[tuple[float, str, str]] = []
    end = 0.0
    looks = itertools.cycle(style.BASELINE_LINES)
    for (codec, curve), (colour, dashes, _) in zip(report.baselines.curves().items(), looks, strict=False):
        rates, psnrs = [p.rate for p in curve], [p.psnr_db for p in curve]
        axes.plot(rates, psnrs, color=colour, linestyle=dashes, linewidth=0.9, zorder=1)
        inside = style.visible(curve, box)
        if not inside:
            continue
        x, y = to_axes.transform(inside[-1])
        if x > 0.99:
            at_right.append((y, style.short(codec), colour))
        elif y > 0.97:
            at_top.append((x, style.short(codec), colour))
        else:
            at_end.append((y, style.short(codec), colour))
            end = max(end, x)
    for edge, labels in ((1.0, at_right), (end, at_end)):
        for y, name, colour in _apart(labels, gap=0.045):
            axes.text(edge + 0.008, y, name, color=colour, fontsize=8, va="center", transform=axes.transAxes)
    for x, name, colour in _apart(at_top, gap=0.11):
        axes.text(x, 1.008, name, color=colour, fontsize=8, ha="center", va="bottom", transform=axes.transAxes)


def _apart(labels: list[tuple[float, str, str]], *, gap: float) -> list[tuple[float, str, str]]:
    """Moves labels along their edge, as little as one sweep each way allows, until none overlap."""
    placed: list[tuple[float, str, str]] = []
    for position, name, colour in sorted(labels):
        placed.append((max(position, placed[-1][0] + gap) if placed else position, name, colour))
    ceiling = 1.0
    for i in reversed(range(len(placed))):
        position, name, colour = placed[i]
        placed[i] = (min(position, ceiling), name, colour)
        ceiling = placed[i][0] - gap
    return placed
