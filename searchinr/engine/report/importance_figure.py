"""Which parameters matter, as a figure for a paper (PNG)."""

from collections.abc import Sequence

from searchinr.engine.report import canvas, style
from searchinr.engine.report.front import FrontReport
from searchinr.search.importance import BEST, FRONT, METHOD, Importance
from searchinr.signals.registry import metrics_of
from searchinr.space import OF_FILES

SHOWN = 12
"""Parameters in the figure; the table has all."""


def importance_png(report: FrontReport, found: Importance) -> bytes:
    """Draws the share of each parameter, a bar for the front and for each objective.

    Returns:
        A PNG like that of `front_png`.
    """
    names = shown(found)
    figure, axes = canvas.bar_axes(labels(names))
    height = 0.8 / len(found.shares)
    for i, (target, shares) in enumerate(found.shares.items()):
        rows = [row + (i - (len(found.shares) - 1) / 2) * height for row in range(len(names))]
        axes.barh(
            rows,
            [shares[name] for name in names],
            height * 0.9,
            color=style.COLOURS[i],
            label=title(target, report.modality),
        )
    axes.set_xlim(0, None)
    axes.set_xlabel("share of the importance")
    axes.legend(loc="lower right", fontsize=8.5, framealpha=0.9, edgecolor="none")
    return canvas.png(figure, report.dataset, style.subtitle(report), basis(found))


def shown(found: Importance) -> list[str]:
    """The parameters that a figure has room for."""
    return list(found.shares[FRONT])[:SHOWN]


def labels(names: Sequence[str]) -> list[str]:
    """Names of parameters for people: without the codec's, where there is only one."""
    codecs = {name.partition(".")[0] for name in names}
    return [name.partition(".")[2] if len(codecs) == 1 else name for name in names]


def title(target: str, modality: str) -> str:
    """What the best configs are best in, for people."""
    if target == FRONT:
        return "being near the front"
    known = {metric.name: metric for metric in (*metrics_of(modality), *OF_FILES.values())}
    return known[target].goal


def basis(found: Importance) -> str:
    """What the importance was computed from, and how."""
    return (
        f"{METHOD} over {found.trials:,} trials at {found.steps:,} steps: how far the best {BEST:.0%} of them differ\n"
        "in a parameter from all that were tried. Shares of a sum of 1; of few trials they are rough."
    )
