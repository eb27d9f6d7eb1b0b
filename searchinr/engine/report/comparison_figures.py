"""The fronts of two runs in one plane, as a figure for a paper (PNG) and as a page."""

from collections.abc import Sequence

from searchinr.engine.report import canvas, plots, style
from searchinr.engine.report.comparison import COLUMNS, Comparison
from searchinr.engine.report.document import Column, document, note, plot, table, text


def comparison_png(found: Comparison) -> bytes:
    """Draws both fronts in one plane.

    Returns:
        A PNG like that of `front_png`.
    """
    points = [point for side in found.sides for point in side.front.front_line]
    limits = style.log_range([point.rate for point in points])
    figure, axes = canvas.rate_axes(limits, found.first.front.rate_unit)
    for i, side in enumerate(found.sides):
        axes.plot(
            [point.rate for point in side.front.front_line],
            [point.psnr_db for point in side.front.front_line],
            color=style.COLOURS[i],
            marker=style.MARKERS[i][0],
            linestyle=style.BASELINE_LINES[i][1],
            markersize=5,
            linewidth=1.2,
            label=side.run,
        )
    canvas.legend(axes)
    return canvas.png(figure, found.dataset, _short(found), f"{found.verdict()}\n{found.reference()}")


def comparison_html(comparisons: Sequence[Comparison]) -> str:
    """Makes a page about two runs that opens offline, with a section for each dataset."""
    first, second = comparisons[0].sides
    columns = [Column(COLUMNS[0]), *(Column(title, "number") for title in COLUMNS[1:])]
    sections = "".join(
        f"<section><h2>{text(found.dataset)}</h2><p>{text(_short(found))}</p>"
        + plot(plots.fronts_plot([(side.run, side.front) for side in found.sides]), f"fronts-{i}")
        + table(columns, [[text(cell) for cell in row] for row in found.rows()], "Both runs")
        + note(f"{found.verdict()} {found.reference()}")
        + "</section>"
        for i, found in enumerate(comparisons)
    )
    title = f"{first.run} and {second.run}"
    return document(title, f"<header><h1>{text(title)}</h1></header>{sections}")


def _short(found: Comparison) -> str:
    """The verdict in a few words."""
    if found.bd_rate is None:
        return "too little PSNR in common for a BD-rate"
    more = "more" if found.bd_rate.percent > 0 else "fewer"
    return f"{found.second.run} needs {abs(found.bd_rate.percent):.1f} % {more} bits than {found.first.run}"
