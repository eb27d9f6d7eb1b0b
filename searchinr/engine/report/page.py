"""The front as one interactive HTML page that opens offline."""

import itertools
import math
from typing import Any

import plotly.graph_objects as go

from searchinr.engine.report import style
from searchinr.engine.report.front import FrontReport, Point, mean_bytes
from searchinr.engine.report.names import describe, family


def front_html(report: FrontReport) -> str:
    """The figure of `front_png` with every operating point to hover over; plotly.js is part of the page.

    Returns:
        A complete HTML document of about 5 MB that loads nothing from anywhere.
    """
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
        dominated = [p for p in own if (p["trial"], p["steps"]) not in on_front]
        marker: dict[str, Any] = {"color": look.colour, "symbol": look.plotly_symbol}
        groups = (
            (dominated, {**marker, "size": 5, "opacity": 0.35}, f"{name}, dominated"),
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
    _lay_out(figure, report)
    # a fixed id: the same ledger gives the same page, byte for byte
    page = figure.to_html(
        include_plotlyjs=True, full_html=True, div_id="front", config={"displaylogo": False, "responsive": True}
    )
    return str(page)


def _lay_out(figure: go.Figure, report: FrontReport) -> None:
    box = style.limits(report)
    ticks = style.log_ticks(*box.rate)
    notes = style.small_print(report).replace("\n", "<br>")
    figure.update_layout(
        template="plotly_white",
        title={"text": f"<b>{_escaped(report.dataset)}</b><br><sup>{style.subtitle(report)}</sup>", "x": 0.06},
        legend={"bgcolor": "rgba(255,255,255,0.8)"},
        margin={"b": 110, "t": 80},
        hovermode="closest",
    )
    figure.update_xaxes(
        title=f"rate ({report.rate_unit})",
        type="log",
        range=[math.log10(rate) for rate in box.rate],
        tickvals=ticks,
        ticktext=[style.plain(tick) for tick in ticks],
    )
    figure.update_yaxes(title="PSNR (dB)", range=list(box.psnr_db))
    figure.add_annotation(
        text=f"<span style='font-size:11px;color:#666'>{notes}</span>",
        xref="paper",
        yref="paper",
        x=0,
        y=0,
        yshift=-105,
        xanchor="left",
        yanchor="bottom",
        align="left",
        showarrow=False,
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
