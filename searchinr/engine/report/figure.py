"""The front as a figure for a paper (PNG)."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from matplotlib.axes import Axes

from searchinr.engine.report import canvas, style
from searchinr.engine.report.front import FrontReport
from searchinr.engine.report.names import family
from searchinr.search.lines import Point

_CONFIRMED = "#222222"
_LINE, _LETTER = 0.045, 0.0125  # height of a label and width of a letter, in fractions of the axes


def front_png(report: FrontReport) -> bytes:
    """Draws quality against rate: front, confirmations, all other operating points, baselines, published curves.

    Returns:
        A PNG of 1400 x 960 pixels, twice the usual resolution of a 7 x 4.8 inch figure.
    """
    box = style.limits(report)
    figure, axes = canvas.rate_axes(box.rate, report)
    axes.set_ylim(*box.quality)
    _draw_curves(axes, report, box)
    _draw_points(axes, report)
    return canvas.png(figure, report.dataset, style.subtitle(report), style.small_print(report))


def _draw_points(axes: Axes, report: FrontReport) -> None:
    line = report.front_line
    axes.plot(*_columns(report, line), color="#333333", linewidth=1.1, zorder=3)
    entries: dict[str, canvas.Handle] = {}
    for name, look in style.family_styles(report).items():
        every = [p for p in report.points if family(p.config) == name]
        front = [p for p in report.front if family(p.config) == name]
        dots = axes.scatter(
            *_columns(report, every),
            s=7,
            color=look.colour,
            alpha=0.3,
            linewidths=0,
            zorder=2,
        )
        # points of the front have a white edge; markers also differ in shape, for prints without colour
        (markers,) = axes.plot(
            *_columns(report, front),
            linestyle="none",
            marker=look.marker,
            markersize=6.5,
            markerfacecolor=look.colour,
            markeredgecolor="white",
            markeredgewidth=0.7,
            zorder=4,
        )
        entries |= {name: markers} if front else {f"{name} (not on the front)": dots}
    entries |= _draw_confirmed(axes, report)
    canvas.legend(axes, entries, handletextpad=0.3, borderpad=0)


def _draw_confirmed(axes: Axes, report: FrontReport) -> dict[str, canvas.Handle]:
    """Draws a cross at the mean over further seeds, with the standard deviation as its arms, and a line to its point.

    Returns:
        The entries of the legend; empty if no point was confirmed.
    """
    entries: dict[str, canvas.Handle] = {}
    for point, confirmed in zip(report.front, report.confirmed, strict=True):
        if confirmed is None or confirmed.quality is None or confirmed.rate is None:
            continue
        quality, rate = confirmed.quality, confirmed.rate
        ends = [point.rate, rate.mean], [report.quality.of(point), quality.mean]
        axes.plot(*ends, color=_CONFIRMED, linewidth=0.5, zorder=5)
        cross = axes.errorbar(
            rate.mean,
            quality.mean,
            xerr=rate.std,
            yerr=quality.std,
            fmt="+",
            markersize=5,
            color=_CONFIRMED,
            linewidth=0.8,
            markeredgewidth=0.8,
            zorder=5,
        )
        entries["mean ± std, further seeds"] = cross
    return entries


def _columns(report: FrontReport, points: Sequence[Point]) -> tuple[list[float], list[float]]:
    places = report.places(points)
    return [rate for rate, _ in places], [quality for _, quality in places]


class _Curve(NamedTuple):
    """A thin line with its colour and dashes."""

    name: str
    places: Sequence[tuple[float, float]]
    colour: str
    dashes: object
    width: float


def _curves(report: FrontReport) -> Iterator[_Curve]:
    looks = itertools.cycle(style.BASELINE_LINES)
    for (codec, curve), (colour, dashes, _) in zip(report.curves.items(), looks, strict=False):
        yield _Curve(style.short(codec), report.places(curve), colour, dashes, 0.9)
    for known in report.published_curves:
        yield _Curve(known.name, report.places(known.points), style.PUBLISHED_COLOUR, "-", 0.6)


class _Label(NamedTuple):
    """A curve's name beside the end of the curve; places are fractions of the axes.

    Attributes:
        place: The wanted place along the direction in which labels are moved apart.
        across: The place across that direction.
    """

    place: float
    across: float
    name: str
    colour: str


def _draw_curves(axes: Axes, report: FrontReport, box: style.Limits) -> None:
    """Draws thin lines, each with its name where it leaves the axes, or at its end if that lies inside."""
    to_axes = axes.transScale + axes.transLimits  # data -> fractions of the axes
    beside: list[_Label] = []
    above: list[_Label] = []
    for curve in _curves(report):
        rates, values = zip(*curve.places, strict=True)
        axes.plot(rates, values, color=curve.colour, linestyle=curve.dashes, linewidth=curve.width, zorder=1)
        inside = style.visible(curve.places, box)
        if not inside:
            continue
        x, y = to_axes.transform(inside[-1])
        if y > 0.97 and x < 0.99:
            above.append(_Label(x, 1.008, curve.name, curve.colour))
        else:
            beside.append(_Label(y, min(x, 1.0) + 0.008, curve.name, curve.colour))
    write = partial(axes.text, fontsize=8, transform=axes.transAxes)
    for label in _apart(beside, lambda *_: _LINE):
        write(label.across, label.place, label.name, color=label.colour, va="center")
    for label in _apart(above, lambda one, other: _LETTER * (len(one.name) + len(other.name)) / 2 + 0.015):
        write(label.place, label.across, label.name, color=label.colour, ha="center", va="bottom")


def _apart(labels: list[_Label], gap: Callable[[_Label, _Label], float]) -> list[_Label]:
    """Moves labels until none overlap, as little as one sweep in each direction allows.

    Args:
        labels: The labels in any order.
        gap: The distance that two labels must have at least.
    """
    placed: list[_Label] = []
    for label in sorted(labels):
        least = placed[-1].place + gap(placed[-1], label) if placed else label.place
        placed.append(label._replace(place=max(label.place, least)))
    for i in reversed(range(len(placed))):
        most = placed[i + 1].place - gap(placed[i], placed[i + 1]) if i + 1 < len(placed) else 1.0
        placed[i] = placed[i]._replace(place=min(placed[i].place, most))
    return placed
