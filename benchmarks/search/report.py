"""Tables and plots of the comparison: medians over seeds, with 95 % bootstrap intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from benchmarks.command import filled
from benchmarks.search.table import CurveTable

Floats = NDArray[np.float64]
Runs = Sequence[Mapping[str, Any]]

BASELINE, RIVAL = "TPE, full length", "syne-tune MOASHA, ranks corrected"
_RESAMPLES = 2000
_HEADER = ["", "work to 90 %", "work to 95 %", "vs TPE", "vs MOASHA corr.", "time to 95 %", "trials", "seeds there"]
_DRAWN = {
    "random, full length": ("#999999", ":"),
    "TPE, full length": ("#000000", "-"),
    "NSGA-II, full length": ("#555555", "--"),
    "Ray ASHA on a weighted sum": ("#CC79A7", "--"),
    "syne-tune MOASHA, ranks corrected": ("#E69F00", "-"),
    "mo-asha, random": ("#56B4E9", "--"),
    "mo-asha, tpe": ("#009E73", "--"),
    "mo-asha, nsga2": ("#0072B2", "-"),
}
"""What the plot shows: colour and dashes."""


def write_report(runs: Runs, names: Sequence[str], grid: Floats, recorded: CurveTable, folder: Path) -> None:
    """Writes `search.md` and `search.png` of what `compare.run` returned, contenders in the order of the names.

    The runs' curves are kept at the works of `grid`, as a fraction of the whole table's.
    """
    workers = sorted({found["workers"] for found in runs})
    present = [name for name in names if any(found["contender"] == name for found in runs)]
    filling = {
        "size": f"{recorded.size:,}",
        "rungs": str(recorded.rungs),
        "hypervolume": f"{recorded.hypervolume:.2f}",
        "pmacs": f"{recorded.macs / 1e15:.1f}",
        "seconds": f"{recorded.seconds:.0f}",
        "sections": "\n\n".join(_section(runs, present, count) for count in workers),
    }
    text = filled(Path(__file__).with_suffix(".md").read_text(encoding="utf-8"), filling)
    (folder / "search.md").write_text(text + "\n", encoding="utf-8")
    _plot(runs, present, workers, grid, folder / "search.png")


def _of(runs: Runs, name: str, workers: int, level: str, figure: str) -> Floats:
    """A figure of every seed; infinite where the level was not reached."""
    chosen = [found["reached"][level] for found in runs if (found["contender"], found["workers"]) == (name, workers)]
    return np.array([np.inf if reached is None else reached[figure] for reached in chosen], dtype=np.float64)


def _resampled(values: Floats) -> Floats:
    """Medians of resamples; the same for the same values."""
    rng = np.random.default_rng(0)
    return np.median(values[rng.integers(len(values), size=(_RESAMPLES, len(values)))], axis=1)


def _interval(values: Floats, scale: float, digits: int) -> str:
    """Median and 95 % interval."""
    low, high = np.quantile(_resampled(values), (0.025, 0.975), method="nearest")
    middle = float(np.median(values))
    return f"{_number(middle / scale, digits)} [{_number(low / scale, digits)}-{_number(high / scale, digits)}]"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "never"


def _ratio(base: Floats, values: Floats) -> str:
    """How many times less work than the base: ratio of medians and 95 % interval."""
    if not len(base) or not np.isfinite(np.median(base)):
        return "-"
    if not np.isfinite(np.median(values)):
        return "0"
    # the two samples are independent: shift one, or equal resampling would pair them
    ratios = _resampled(base) / np.roll(_resampled(values), 1)
    low, high = np.quantile(ratios[~np.isnan(ratios)], (0.025, 0.975), method="nearest")
    return f"{np.median(base) / np.median(values):.2f} [{low:.2f}-{high:.2f}]"


def _section(runs: Runs, names: Sequence[str], workers: int) -> str:
    base, rival = (_of(runs, name, workers, "0.95", "macs") for name in (BASELINE, RIVAL))
    rows = []
    for name in names:
        at_90, at_95 = (_of(runs, name, workers, level, "macs") for level in ("0.90", "0.95"))
        if not len(at_95):
            continue
        rows.append(
            [
                name,
                _interval(at_90, 1e12, 1),
                _interval(at_95, 1e12, 1),
                _ratio(base, at_95),
                _ratio(rival, at_95),
                _interval(_of(runs, name, workers, "0.95", "seconds"), 1, 0),
                _number(float(np.median(_of(runs, name, workers, "0.95", "trials"))), 0),
                f"{int(np.isfinite(at_95).sum())} of {len(at_95)}",
            ]
        )
    lines = "\n".join(f"| {' | '.join(row)} |" for row in [_HEADER, *rows])
    return f"## {workers} worker{'s' if workers > 1 else ''}\n\n{lines}"


def _plot(runs: Runs, names: Sequence[str], workers: Sequence[int], grid: Floats, path: Path) -> None:
    figure, panels = plt.subplots(
        1, len(workers), figsize=(3.6 * len(workers), 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, count in zip(panels[0], workers, strict=True):
        _panel(axes, runs, [name for name in names if name in _DRAWN], count, grid)
    panels[0][0].set_ylabel("hypervolume / that of the table")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.savefig(path, dpi=160)
    plt.close(figure)


def _panel(axes: Axes, runs: Runs, names: Sequence[str], workers: int, grid: Floats) -> None:
    for name in names:
        curves = np.array(
            [found["curve"] for found in runs if (found["contender"], found["workers"]) == (name, workers)]
        )  # (seeds, grid)
        if not len(curves):
            continue
        colour, dashes = _DRAWN[name]
        low, middle, high = np.quantile(np.array([_resampled(c) for c in curves.T]), (0.025, 0.5, 0.975), axis=1)
        shown = middle < 0.95
        axes.plot(grid[shown], middle[shown], color=colour, linestyle=dashes, linewidth=1.6, label=name)
        axes.fill_between(grid[shown], low[shown], high[shown], color=colour, alpha=0.15, linewidth=0)
    for level in (0.90, 0.95):
        axes.axhline(level, color="#bbbbbb", linewidth=0.8, zorder=0)
    axes.set(xscale="log", ylim=(0.3, 0.97), xlabel="work / training everything to its end")
    axes.set_title(f"{workers} worker{'s' if workers > 1 else ''}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#eeeeee")
