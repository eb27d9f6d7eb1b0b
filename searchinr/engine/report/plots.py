"""The interactive figures of a page, in plotly. Colours are variables of the page, with values for light and dark."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from searchinr.engine.report import style
from searchinr.engine.report.comparison import Side
from searchinr.engine.report.front import FrontReport, Rated
from searchinr.engine.report.more_figures import labels, shown, signal_curves, title
from searchinr.engine.report.names import describe, family, quality_text
from searchinr.search.importance import Importance
from searchinr.search.lines import Point
from searchinr.space import HasFigures

_INK, _PUBLISHED = "var(--ink)", "var(--published)"
_GREYS = ("var(--baseline)", "var(--baseline-2)")
_FOUND = {"legendgroup": "found", "legendgrouptitle": {"text": "found by the search"}}
_MANY = 10  # the most lines that can be told apart by a legend
_LAYOUT: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": _INK, "size": 13, "family": "system-ui, Segoe UI, Roboto, Helvetica, Arial, sans-serif"},
    "hoverlabel": {"bgcolor": "var(--card)", "bordercolor": "var(--line)", "font": {"color": _INK}},
    "hovermode": "closest",
    "margin": {"l": 64, "r": 16, "t": 12, "b": 56},
    "legend": {"bgcolor": "rgba(0,0,0,0)", "groupclick": "toggleitem"},
}
_AXIS = {"gridcolor": "var(--grid)", "linecolor": "var(--line)", "zeroline": False, "title_standoff": 8}


def themed_json(figure: go.Figure) -> str:
    """A figure in the look of the page, as JSON."""
    figure.update_layout(template="none", **_LAYOUT)
    figure.update_xaxes(**_AXIS)
    figure.update_yaxes(**_AXIS)
    return str(figure.to_json())


def front_plot(report: FrontReport) -> go.Figure:
    """Quality against rate: front, operating points to hover over, confirmations, baselines, published curves."""
    figure = go.Figure()
    _add_curves(figure, report)
    line = {"color": _INK, "width": 1.3}
    _add(figure, report, report.front_line, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    on_front = {(p.trial, p.steps) for p in report.front}
    for name, look in style.family_styles(report).items():
        own = [p for p in report.points if family(p.config) == name]
        others = [p for p in own if (p.trial, p.steps) not in on_front]
        marker = {"color": look.token, "symbol": look.plotly_symbol}
        groups = (
            (others, {**marker, "size": 5, "opacity": 0.35}, f"{name}, not on the front"),
            (
                [p for p in report.front if family(p.config) == name],
                {**marker, "size": 10, "line": {"color": "var(--page)", "width": 1}},
                name,
            ),
        )
        for points, look_of_group, label in groups:
            if points:
                _add(
                    figure,
                    report,
                    points,
                    name=escaped(label),
                    mode="markers",
                    marker=look_of_group,
                    text=[_hover(p, report) for p in points],
                    **_FOUND,
                )
    _add_confirmed(figure, report)
    box = style.limits(report)
    _rate_axes(figure, report, box.rate)
    figure.update_yaxes(range=list(box.quality))
    return figure


def fronts_plot(sides: Sequence[Side]) -> go.Figure:
    """The fronts of several runs in one plane."""
    figure = go.Figure()
    for i, (name, report) in enumerate((side.run, side.front) for side in sides):
        _add(
            figure,
            report,
            report.front_line,
            name=escaped(name),
            mode="lines+markers",
            line={"color": style.token(i), "width": 1.5, "dash": style.BASELINE_LINES[i % 4][2]},
            marker={"symbol": style.MARKERS[i][1], "size": 8},
            text=[_hover(p, report) for p in report.front_line],
        )
    rates = [p.rate for side in sides for p in side.front.front_line]
    _rate_axes(figure, sides[0].front, style.log_range(rates))
    return figure


def hypervolume_plot(report: FrontReport) -> go.Figure:
    """The hypervolume of the front against the training work spent until then."""
    moments = report.milestones
    figure = go.Figure()
    figure.add_scatter(
        x=[now.macs for now in moments],
        y=[now.hypervolume for now in moments],
        mode="lines+markers",
        line={"shape": "hv", "color": style.token(0), "width": 2},
        marker={"size": 4},
        text=[
            f"{now.hypervolume:.4g} {style.hypervolume_unit(report)} by {style.work(now.macs)}<br>"
            f"{now.points:,} operating points, {now.front_points:,} on the front"
            for now in moments
        ],
        hoverinfo="text",
    )
    _log_axis(
        figure, "training work (multiply-accumulates)", style.log_range([now.macs for now in moments]), style.work
    )
    figure.update_yaxes(title=style.hypervolume_title(report), rangemode="tozero")
    return figure


def importance_plot(found: Importance, modality: str) -> go.Figure:
    """The share of each parameter, with one bar for the front and one for each objective."""
    names = shown(found)
    figure = go.Figure()
    for i, (target, shares) in enumerate(found.shares.items()):
        figure.add_bar(
            y=[escaped(label) for label in labels(names)],
            x=[shares[name] for name in names],
            name=title(target, modality),
            orientation="h",
            marker={"color": style.token(i)},
            hovertemplate="%{y}: %{x:.0%}",
        )
    figure.update_xaxes(title="share of the importance", rangemode="tozero", tickformat=".0%")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure


def signals_plot(report: FrontReport) -> go.Figure:
    """A line for each signal through its rates and qualities in the files of the front."""
    curves = signal_curves(report)
    few = len(curves) <= _MANY
    figure = go.Figure()
    for i, (name, rows) in enumerate(sorted(curves.items())):
        _add(
            figure,
            report,
            rows,
            name=escaped(name),
            mode="lines+markers",
            line={"color": style.token(i if few else 0), "width": 1.4 if few else 0.8},
            marker={"symbol": style.MARKERS[i % len(style.MARKERS)][1] if few else "circle", "size": 6 if few else 3},
            opacity=1.0 if few else 0.7,
            text=[f"{escaped(name)}<br>{_figures(row.rate, report, row)}<br>{row.bytes:,} bytes" for row in rows],
            showlegend=few,
        )
    rates = [row.rate for rows in curves.values() for row in rows]
    _rate_axes(figure, report, style.log_range(rates))
    return figure


def _add(figure: go.Figure, report: FrontReport, points: Iterable[Rated], **look: Any) -> None:  # noqa: ANN401  what plotly takes
    """Adds points by rate and quality; what one reads when hovering over each is its `text`."""
    rates, qualities = zip(*report.places(points), strict=True)
    figure.add_scatter(x=rates, y=qualities, **{"hoverinfo": "text", **look})


def escaped(text: object) -> str:
    """Escapes text from the user's files for plotly's pseudo-HTML."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;")


def _add_curves(figure: go.Figure, report: FrontReport) -> None:
    """Adds classical codecs that were measured on the same files, in greys, and published curves."""
    looks = itertools.cycle(style.BASELINE_LINES)
    for i, ((codec, curve), (_, _, dash)) in enumerate(zip(report.curves.items(), looks, strict=False)):
        _add(
            figure,
            report,
            curve,
            name=codec,
            mode="lines",
            line={"color": _GREYS[min(i, 1)], "width": 1.3, "dash": dash},
            text=[f"{codec}<br>quality {p.quality:g}<br>{_figures(p.rate, report, p)}" for p in curve],
            legendgroup="baselines",
            legendgrouptitle={"text": "measured on the same files"},
        )
    for i, known in enumerate(report.published_curves):
        _add(
            figure,
            report,
            known.points,
            name=known.name,
            mode="lines+markers",
            line={"color": _PUBLISHED, "width": 1},
            marker={"symbol": f"{style.MARKERS[i % len(style.MARKERS)][1]}-open", "size": 5},
            text=[
                f"{known.name}, published<br>"
                f"{p.rate:.4g} {report.rate_unit}, {report.quality.words(p)}<br>rate: {known.counts}"
                for p in known.points
            ],
            legendgroup="published",
            legendgrouptitle={"text": "published"},
        )


def _add_confirmed(figure: go.Figure, report: FrontReport) -> None:
    """Adds crosses at the means over further seeds."""
    known = [
        (point, confirmed, confirmed.rate, confirmed.quality)
        for point, confirmed in zip(report.front, report.confirmed, strict=True)
        if confirmed is not None and confirmed.rate is not None and confirmed.quality is not None
    ]
    if not known:
        return
    arms = {"color": _INK, "thickness": 1, "width": 0}
    figure.add_scatter(
        x=[rate.mean for *_, rate, _ in known],
        y=[quality.mean for *_, quality in known],
        error_x={"array": [rate.std or 0.0 for *_, rate, _ in known], **arms},
        error_y={"array": [quality.std or 0.0 for *_, quality in known], **arms},
        name="mean ± std, further seeds",
        mode="markers",
        marker={"symbol": "cross-thin", "size": 8, "line": {"color": _INK, "width": 1}},
        text=[
            f"<b>{escaped(describe(point.config))}</b>, trial {escaped(point.trial)}<br>"
            f"{confirmed.text(report.rate_unit)}"
            for point, confirmed, *_ in known
        ],
        hoverinfo="text",
        **_FOUND,
    )


def _rate_axes(figure: go.Figure, report: FrontReport, limits: tuple[float, float]) -> None:
    """Axes of rate and quality, between these rates; better is always higher up."""
    _log_axis(figure, f"rate ({report.rate_unit})", limits, style.plain)
    figure.update_yaxes(title=report.quality.label)
    if report.quality.direction == "min":
        figure.update_yaxes(autorange="reversed")


def _log_axis(figure: go.Figure, title: str, limits: tuple[float, float], label: Callable[[float], str]) -> None:
    ticks = style.log_ticks(*limits)
    figure.update_xaxes(
        title=title,
        type="log",
        range=[math.log10(end) for end in limits],
        tickvals=ticks,
        ticktext=[label(tick) for tick in ticks],
    )


def _hover(point: Point, report: FrontReport) -> str:
    shown = {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in point.config.params.items()}
    params = "<br>".join(f"{key}: {escaped(value)}" for key, value in shown.items())
    return (
        f"<b>{escaped(describe(point.config))}</b><br>"
        f"{_figures(point.rate, report, point)}<br>"
        f"{point.mean_bytes:,.0f} bytes per file (mean)<br>"
        f"trial {escaped(point.trial)}, {point.steps:,} steps, seed {point.seed}<br><br>{params}"
    )


def _figures(rate: float, report: FrontReport, figures: HasFigures) -> str:
    return f"{rate:.4g} {report.rate_unit}, {escaped(quality_text(report.metrics, figures))}"
