"""Further figures for a paper (PNG): hypervolume, importance of parameters, single signals, fronts of two runs.

Each figure has the size of the one that `front_png` draws.
"""

from collections.abc import Sequence

from searchinr.engine.report import canvas, style
from searchinr.engine.report.comparison import Comparison
from searchinr.engine.report.front import FrontReport
from searchinr.search.figures import SignalFigures
from searchinr.search.importance import BEST, FRONT, METHOD, Importance
from searchinr.signals.registry import metrics_of
from searchinr.space import OF_FILES

SHOWN = 12
"""The most parameters that the figure shows; the table has all of them."""

_NAMED = 10  # with more signals, names would overlap


def hypervolume_png(report: FrontReport) -> bytes:
    """Draws the hypervolume of the front against the training work spent until then."""
    moments = report.milestones
    work, value = [now.macs for now in moments], [now.hypervolume for now in moments]
    figure, axes = canvas.log_axes(style.log_range(work), style.work)
    axes.set_ylim(0, 1.08 * report.hypervolume or 1)
    axes.set_xlabel("training work (multiply-accumulates)")
    axes.set_ylabel(style.hypervolume_title(report))
    axes.step(work, value, where="post", color=style.COLOURS[0], linewidth=1.6)
    axes.plot(work[-1], value[-1], "o", color=style.COLOURS[0], markersize=5, markeredgecolor="white")
    axes.annotate(
        f"{value[-1]:.4g}", (work[-1], value[-1]), (0, 6), textcoords="offset points", ha="center", fontsize=8.5
    )
    return canvas.png(figure, report.dataset, style.subtitle(report), style.anytime_small_print(report))


def importance_png(report: FrontReport, found: Importance) -> bytes:
    """Draws the share of each parameter, with one bar for the front and one for each objective."""
    names = shown(found)
    figure, axes = canvas.bar_axes(labels(names))
    height = 0.8 / len(found.shares)
    targets: dict[str, canvas.Handle] = {}
    for i, (target, shares) in enumerate(found.shares.items()):
        rows = [row + (i - (len(found.shares) - 1) / 2) * height for row in range(len(names))]
        bars = axes.barh(rows, [shares[name] for name in names], height * 0.9, color=style.COLOURS[i])
        targets[title(target, report.modality)] = bars
    axes.set_xlim(0, None)
    axes.set_xlabel("share of the importance")
    canvas.legend(axes, targets)
    return canvas.png(figure, report.dataset, style.subtitle(report), basis(found))


def comparison_png(found: Comparison) -> bytes:
    """Draws the fronts of two runs in one plane."""
    fronts = [side.front.front_line for side in found.sides]
    limits = style.log_range([point.rate for front in fronts for point in front])
    figure, axes = canvas.rate_axes(limits, found.first.front)
    runs: dict[str, canvas.Handle] = {}
    for i, (side, front) in enumerate(zip(found.sides, fronts, strict=True)):
        (runs[side.run],) = axes.plot(
            *zip(*side.front.places(front), strict=True),
            color=style.COLOURS[i],
            marker=style.MARKERS[i][0],
            linestyle=style.BASELINE_LINES[i][1],
            markersize=5,
            linewidth=1.2,
        )
    canvas.legend(axes, runs)
    return canvas.png(figure, found.dataset, found.short(), f"{found.verdict()}\n{found.reference()}")


def shown(found: Importance) -> list[str]:
    """The most important parameters, as many as a figure has room for."""
    return list(found.shares[FRONT])[:SHOWN]


def labels(names: Sequence[str]) -> list[str]:
    """Names of parameters for people; the name of the codec is left out if there is only one."""
    codecs = {name.partition(".")[0] for name in names}
    return [name.partition(".")[2] if len(codecs) == 1 else name for name in names]


def title(target: str, modality: str) -> str:
    """A title for people that says by what the best configs were chosen: the front or an objective."""
    if target == FRONT:
        return "being near the front"
    known = {metric.name: metric for metric in (*metrics_of(modality), *OF_FILES.values())}
    return known[target].goal


def basis(found: Importance) -> str:
    """A sentence about the data and the method from which the importance was computed."""
    return (
        f"{METHOD} over {found.trials:,} trials at {found.steps:,} steps: how far the best {BEST:.0%} of them differ\n"
        "in a parameter from all that were tried. Shares of a sum of 1; of few trials they are rough."
    )


def signal_curves(report: FrontReport) -> dict[str, list[SignalFigures]]:
    """Name of each signal -> its own figures at the points of the front, by rising rate."""
    curves: dict[str, list[SignalFigures]] = {}
    for point in report.front:
        for row in point.signals:
            curves.setdefault(row.name, []).append(row)
    return {name: sorted(rows, key=lambda row: row.rate) for name, rows in curves.items()}


def signals_small_print(report: FrontReport) -> str:
    """A sentence about the figure of the single signals."""
    figures = f"rate and {report.quality.title}"
    return f"Each signal's own {figures} at the points of the front, which are chosen for the means over signals."


def signals_png(report: FrontReport) -> bytes:
    """Draws a line for each signal through its rates and qualities in the files of the front."""
    curves = signal_curves(report)
    limits = style.log_range([row.rate for rows in curves.values() for row in rows])
    figure, axes = canvas.rate_axes(limits, report)
    few = len(curves) <= _NAMED
    names: dict[str, canvas.Handle] = {}
    for i, (name, rows) in enumerate(sorted(curves.items())):
        (names[name],) = axes.plot(
            *zip(*report.places(rows), strict=True),
            color=style.COLOURS[i % len(style.COLOURS)] if few else style.COLOURS[0],
            marker=style.MARKERS[i % len(style.MARKERS)][0] if few else None,
            markersize=3.5,
            linewidth=1.0 if few else 0.5,
            alpha=1.0 if few else 0.6,
        )
    if few:
        canvas.legend(axes, names, fontsize=8)
    return canvas.png(figure, report.dataset, style.subtitle(report), signals_small_print(report))
