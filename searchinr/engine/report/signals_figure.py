"""Each signal's own results, as a figure for a paper (PNG)."""

from searchinr.engine.report import canvas, style
from searchinr.engine.report.front import FrontReport
from searchinr.search.figures import SignalFigures

_NAMED = 10  # with more signals, names would be in each other's way

SMALL_PRINT = "Each signal's own rate and PSNR at the points of the front, which are chosen for the means over signals."


def signal_curves(report: FrontReport) -> dict[str, list[SignalFigures]]:
    """Signal -> its own figures at the points of the front, by rising rate."""
    curves: dict[str, list[SignalFigures]] = {}
    for point in report.front:
        for row in point.signals:
            curves.setdefault(row.name, []).append(row)
    return {name: sorted(rows, key=lambda row: row.rate) for name, rows in curves.items()}


def signals_png(report: FrontReport) -> bytes:
    """Draws a line for each signal: what the files of the front give for it.

    Returns:
        A PNG like that of `front_png`.
    """
    curves = signal_curves(report)
    figure, axes = canvas.log_axes(style.log_range([row.rate for rows in curves.values() for row in rows]), style.plain)
    axes.set_xlabel(f"rate ({report.rate_unit})")
    axes.set_ylabel("PSNR (dB)")
    few = len(curves) <= _NAMED
    for i, (name, rows) in enumerate(sorted(curves.items())):
        axes.plot(
            [row.rate for row in rows],
            [row.psnr_db for row in rows],
            color=style.COLOURS[i % len(style.COLOURS)] if few else style.COLOURS[0],
            marker=style.MARKERS[i % len(style.MARKERS)][0] if few else None,
            markersize=3.5,
            linewidth=1.0 if few else 0.5,
            alpha=1.0 if few else 0.6,
            label=name,
        )
    if few:
        axes.legend(loc="lower right", fontsize=8, framealpha=0.9, edgecolor="none")
    return canvas.png(figure, report.dataset, style.subtitle(report), SMALL_PRINT)
