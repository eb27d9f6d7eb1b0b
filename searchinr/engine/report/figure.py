"""The front as a figure for a paper (PNG)."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from searchinr.engine.report import canvas, style
from searchinr.engine.report.front import FrontReport, Point
from searchinr.engine.report.names import family

Handle = Artist | tuple[Artist, ...]
"""What a legend can stand for."""

_CONFIRMED = "#222222"


def front_png(report: FrontReport) -> bytes:
    """Draws PSNR against rate: the front, its confirmations, all other operating points, baselines, published curves.

    Returns:
        A PNG of 1400 x 960 pixels, twice the usual resolution of a 7 x 4.8 inch figure.
    """
    box = style.limits(report)
    figure, axes = canvas.log_axes(box.rate, style.plain)
    axes.set_ylim(*box.psnr_db)
    axes.set_xlabel(f"rate ({report.rate_unit})")
    axes.set_ylabel("PSNR (dB)")
    _draw_curves(axes, report, box)
    _draw_points(axes, report)
    return canvas.png(figure, report.dataset, style.subtitle(report), style.small_print(report))


def _draw_points(axes: Axes, report: FrontReport) -> None:
    line = report.front_line
    axes.plot(*_columns(line), color="#333333", linewidth=1.1, zorder=3)
    handles: list[Handle] = []
    for name, look in style.family_styles(report).items():
        every = [p for p in report.points if family(p) == name]
        front = [p for p in report.front if family(p) == name]
        dots = axes.scatter(
            *_columns(every),
            s=7,
            color=look.colour,
            alpha=0.3,
            linewidths=0,
            zorder=2,
            label=f"{name} (not on the front)",
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
    handles += _draw_confirmed(axes, report)
    axes.legend(
        handles=handles,
        loc="lower right",
        fontsize=8.5,
        framealpha=0.9,
        edgecolor="none",
        handletextpad=0.3,
        borderpad=0,
    )


def _draw_confirmed(axes: Axes, report: FrontReport) -> list[Handle]:
    """A cross at the mean over further seeds, with the standard deviation as its arms, tied to its point.

    Returns:
        What stands for them in the legend; nothing if there are none.
    """
    handles: list[Handle] = []
    for point, confirmed in zip(report.front, report.confirmed, strict=True):
        if confirmed is None or confirmed.psnr_db is None or confirmed.rate is None:
            continue
        psnr_db, rate = confirmed.psnr_db, confirmed.rate
        axes.plot(
            [point["rate"], rate.mean], [point["psnr_db"], psnr_db.mean], color=_CONFIRMED, linewidth=0.5, zorder=5
        )
        cross = axes.errorbar(
            rate.mean,
            psnr_db.mean,
            xerr=rate.std,
            yerr=psnr_db.std,
            fmt="+",
            markersize=5,
            color=_CONFIRMED,
            linewidth=0.8,
            markeredgewidth=0.8,
            zorder=5,
            label="mean ± std, further seeds",
        )
        handles = [cross]
    return handles


def _columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [point["rate"] for point in points], [point["psnr_db"] for point in points]


class _Curve(NamedTuple):
    """A thin line and its look."""

    name: str
    points: Sequence[style.Place]
    colour: str
    dashes: object
    width: float


def _curves(report: FrontReport) -> Iterator[_Curve]:
    looks = itertools.cycle(style.BASELINE_LINES)
    for (codec, curve), (colour, dashes, _) in zip(report.baselines.curves().items(), looks, strict=False):
        yield _Curve(style.short(codec), curve, colour, dashes, 0.9)
    for known in report.published.curves:
        yield _Curve(known.name, known.points, style.PUBLISHED_COLOUR, "-", 0.6)


def _draw_curves(axes: Axes, report: FrontReport, box: style.Limits) -> None:
    """Thin lines, each named at the edge of the axes where it leaves them, or at its end if that lies inside."""
    to_axes = axes.transScale + axes.transLimits  # data -> fractions of the axes
    at_right: list[tuple[float, str, str]] = []  # (position along the edge, name, colour)
    at_top: list[tuple[float, str, str]] = []
    at_end: list[tuple[float, str, str]] = []
    end = 0.0
    for curve in _curves(report):
        rates, psnrs = [p.rate for p in curve.points], [p.psnr_db for p in curve.points]
        axes.plot(rates, psnrs, color=curve.colour, linestyle=curve.dashes, linewidth=curve.width, zorder=1)
        inside = style.visible(curve.points, box)
        if not inside:
            continue
        x, y = to_axes.transform(inside[-1])
        if x > 0.99:
            at_right.append((y, curve.name, curve.colour))
        elif y > 0.97:
            at_top.append((x, curve.name, curve.colour))
        else:
            at_end.append((y, curve.name, curve.colour))
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
