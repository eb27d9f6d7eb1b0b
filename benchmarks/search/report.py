"""Tables and plots of the comparison: medians over seeds, with 95 % bootstrap intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import rendered
from benchmarks.curves import Curve, Panel, draw
from benchmarks.search.table import CurveTable

Floats = NDArray[np.float64]
Runs = Sequence[Mapping[str, Any]]

_RESAMPLES = 2000
_SHOWN = 0.95
"""Up to which fraction of the hypervolume curves are drawn: searches are stopped there."""


def write_report(runs: Runs, contenders: Mapping[str, Any], grid: Floats, recorded: CurveTable, folder: Path) -> None:
    """Writes `search.md` and `search.png` of what `compare.run` returned, contenders in their order.

    The runs' curves are kept at the works of `grid`, as a fraction of the whole table's.
    """
    counts = sorted({found["workers"] for found in runs})
    by_cell: dict[tuple[int, str], Runs] = {
        (workers, name): [found for found in runs if (found["workers"], found["contender"]) == (workers, name)]
        for workers in counts
        for name in contenders
    }

    def of(workers: int, name: str, level: str = "0.95", figure: str = "macs") -> Floats:
        """A figure of every seed; infinite where the level was not reached."""
        reached = [found["reached"][level] for found in by_cell[workers, name]]
        return np.array([np.inf if each is None else each[figure] for each in reached], dtype=np.float64)

    written = {"of": of, "interval": _interval, "ratio": _ratio, "number": _number, "median": np.median}
    context = {"table": recorded, "counts": counts, "names": list(contenders), "never": np.inf, **written}
    text = rendered(Path(__file__).with_suffix(".md"), context)
    (folder / "search.md").write_text(text + "\n", encoding="utf-8")
    drawn = [name for name, contender in contenders.items() if contender.get("drawn")]
    panels = []
    for workers in counts:
        curves = [_curve(name, by_cell[workers, name], grid) for name in drawn if by_cell[workers, name]]
        label = f"work / training everything to its end, {workers} worker{'s' * (workers > 1)}"
        panels.append(Panel(label, curves, "hypervolume / that of the table"))
    draw(panels, folder / "search.png")


def _curve(name: str, runs: Runs, grid: Floats) -> Curve:
    """The median over seeds and its interval."""
    curves = np.array([found["curve"] for found in runs])  # (seeds, grid)
    medians = np.array([_resampled(at_work) for at_work in curves.T])
    low, middle, high = np.quantile(medians, (0.025, 0.5, 0.975), axis=1)
    shown = (middle > 0) & (middle < _SHOWN)
    band = list(zip(low[shown], high[shown], strict=True))
    return Curve(name, list(zip(grid[shown], middle[shown], strict=True)), name.startswith("mo-asha"), band)


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
