"""A report as one interactive HTML page that opens offline."""

import html
import itertools
import math
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from searchinr.engine.report import style
from searchinr.engine.report.front import FrontReport, Point, mean_bytes
from searchinr.engine.report.names import describe, family

_PAGE = """<!doctype html>
<html><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{margin: 0; overflow-x: hidden}}
#front {{height: 92vh !important}}
#hypervolume {{height: 70vh !important}}
</style></head>
<body>
{front}
{hypervolume}
</body></html>
"""


def report_html(report: FrontReport) -> str:
    """The figures of `front_png`, with every operating point to hover over, and `hypervolume_png`.

    Returns:
        A complete HTML document of about 5 MB that loads nothing from anywhere: plotly.js is part of it.
    """
    return _PAGE.format(
        title=html.escape(report.dataset),
        front=_fragment(_front(report), "front", with_library=True),
        hypervolume=_fragment(_hypervolume(report), "hypervolume", with_library=False),
    )


def _fragment(figure: go.Figure, name: str, *, with_library: bool) -> str:
    # a fixed id: the same ledger gives the same page, byte for byte
    return str(
        figure.to_html(
            include_plotlyjs=with_library,
            full_html=False,
            div_id=name,
            config={"displaylogo": False, "responsive": True},
        )
    )


def _front(report: FrontReport) -> go.Figure:
    figure = go.Figure()
    looks = itertools.cycle(style.BASELINE_LINES)
    for (codec, curve), (colour, _, dash) in zip(report.baselines.curves().items(), looks, strict=False):
        figure.add_scatter(
            x=[p.rate for p in curve],
            y=[p.psnr_db for p in curve],
            name=codec,
            mode="lines",
            line={"color": colour, "width": 1.2, "dash": dash},
            text=[f"{codec}<br>quality {p.quality:g}<br>{_figures(p.rate, report, p.psnr_db, p.ssim)}" for p in curve],
            hoverinfo="text",
        )
    line = report.front_line
    figure.add_scatter(
        x=[p["rate"] for p in line],
        y=[p["psnr_db"] for p in line],
        mode="lines",
        line={"color": "#333333", "width": 1.3},
        hoverinfo="skip",
        showlegend=False,
    )
    on_front = {(p["trial"], p["steps"]) for p in report.front}
    for name, look in style.family_styles(report).items():
        own = [p for p in report.points if family(p) == name]
        others = [p for p in own if (p["trial"], p["steps"]) not in on_front]
        marker: dict[str, Any] = {"color": look.colour, "symbol": look.plotly_symbol}
        groups = (
            (others, {**marker, "size": 5, "opacity": 0.35}, f"{name}, not on the front"),
            (
                [p for p in report.front if family(p) == name],
                {**marker, "size": 10, "line": {"color": "white", "width": 1}},
                name,
            ),
        )
        for points, look_of_group, label in groups:
            if points:
                figure.add_scatter(
                    x=[p["rate"] for p in points],
                    y=[p["psnr_db"] for p in points],
                    name=label,
                    mode="markers",
                    marker=look_of_group,
                    text=[_hover(p, report) for p in points],
                    hoverinfo="text",
                )
    _add_confirmed(figure, report)
    _lay_out(figure, report, style.small_print(report))
    box = style.limits(report)
    _log_axis(figure, f"rate ({report.rate_unit})", box.rate, style.plain)
    figure.update_yaxes(title="PSNR (dB)", range=list(box.psnr_db))
    return figure


def _add_confirmed(figure: go.Figure, report: FrontReport) -> None:
    """Crosses at the means over further seeds."""
    shown = [
        (point, confirmed, confirmed.rate, confirmed.psnr_db)
        for point, confirmed in zip(report.front, report.confirmed, strict=True)
        if confirmed is not None and confirmed.rate is not None and confirmed.psnr_db is not None
    ]
    if not shown:
        return
    arms = {"color": "#222222", "thickness": 1, "width": 0}
    figure.add_scatter(
        x=[rate.mean for *_, rate, _ in shown],
        y=[psnr_db.mean for *_, psnr_db in shown],
        error_x={"array": [rate.std or 0.0 for *_, rate, _ in shown], **arms},
        error_y={"array": [psnr_db.std or 0.0 for *_, psnr_db in shown], **arms},
        name="mean ± std, further seeds",
        mode="markers",
        marker={"symbol": "cross-thin", "size": 8, "line": {"color": "#222222", "width": 1}},
        text=[
            f"<b>{_escaped(describe(point['codec'], point['params']))}</b>, trial {_escaped(point['trial'])}<br>"
            f"{confirmed.text(report.rate_unit)}"
            for point, confirmed, *_ in shown
        ],
        hoverinfo="text",
    )


def _hypervolume(report: FrontReport) -> go.Figure:
    moments = report.milestones
    figure = go.Figure()
    figure.add_scatter(
        x=[now.macs for now in moments],
        y=[now.hypervolume for now in moments],
        mode="lines+markers",
        line={"shape": "hv", "color": style.COLOURS[0], "width": 2},
        marker={"size": 4},
        text=[
            f"{now.hypervolume:.4g} {style.hypervolume_unit(report)} by {style.work(now.macs)}<br>"
            f"{now.points:,} operating points, {now.front_points:,} on the front"
            for now in moments
        ],
        hoverinfo="text",
    )
    _lay_out(figure, report, style.anytime_small_print(report))
    _log_axis(
        figure, "training work (multiply-accumulates)", style.log_range([now.macs for now in moments]), style.work
    )
    figure.update_yaxes(title=style.hypervolume_title(report), rangemode="tozero")
    return figure


def _lay_out(figure: go.Figure, report: FrontReport, small_print: str) -> None:
    notes = small_print.replace("<", "&lt;").replace("\n", "<br>")
    figure.update_layout(
        template="plotly_white",
        title={"text": f"<b>{_escaped(report.dataset)}</b><br><sup>{style.subtitle(report)}</sup>", "x": 0.06},
        legend={"bgcolor": "rgba(255,255,255,0.8)"},
        margin={"b": 120, "t": 80},
        hovermode="closest",
    )
    figure.add_annotation(
        text=f"<span style='font-size:11px;color:#666'>{notes}</span>",
        xref="paper",
        yref="paper",
        x=0,
        y=0,
        yshift=-115,
        xanchor="left",
        yanchor="bottom",
        align="left",
        showarrow=False,
    )


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
    params = "<br>".join(f"{key}: {_escaped(_shown(value))}" for key, value in point["params"].items())
    return (
        f"<b>{_escaped(describe(point['codec'], point['params']))}</b><br>"
        f"{_figures(point['rate'], report, point['psnr_db'], point.get('ssim'))}<br>"
        f"{mean_bytes(point):,.0f} bytes per file (mean)<br>"
        f"trial {_escaped(point['trial'])}, {point['steps']:,} steps, seed {point['seed']}<br><br>{params}"
    )


def _figures(rate: float, report: FrontReport, psnr_db: float, ssim: float | None) -> str:
    quality = f"{rate:.4g} {report.rate_unit}, {psnr_db:.2f} dB"
    return quality if ssim is None else f"{quality}, SSIM {ssim:.4f}"


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _escaped(text: object) -> str:
    """Text from the user's files, safe inside plotly's pseudo-HTML."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;")
