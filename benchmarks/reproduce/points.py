"""Points of a reproduction, one for each seed, as figures of a report."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.command import Found, Rows
from benchmarks.curves import Curve

Points = Sequence[Found]
"""One cell, with every seed: JSON objects with at least `psnr_db` and `rate`."""
Cells = Mapping[str, Points]
"""Cells by what was varied."""
Pairs = Sequence[tuple[float, float]]
"""Rates and PSNRs."""


def mean(points: Points, key: str) -> float:
    """Of a figure, over seeds."""
    return float(statistics.mean(point[key] for point in points))


def mean_db(points: Points) -> float:
    """Of PSNR, over seeds."""
    return mean(points, "psnr_db")


def plus_minus(values: Sequence[float], digits: int = 2) -> str:
    """Mean and standard deviation."""
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"


def db(points: Points) -> str:
    """Mean PSNR and its standard deviation over seeds."""
    return plus_minus([point["psnr_db"] for point in points])


def rate(points: Points) -> str:
    """Mean rate over seeds."""
    return f"{mean(points, 'rate'):.3f}"


def db_at_rate(points: Points) -> str:
    """Both."""
    return f"{db(points)} ({rate(points)})"


def difference(first: Points, second: Points) -> float:
    """Mean difference in dB of two cells with the same seeds."""
    return float(statistics.mean(a["psnr_db"] - b["psnr_db"] for a, b in zip(first, second, strict=True)))


def at_db(cells: Iterable[Points], psnr_db: float, key: str) -> float:
    """A figure of a curve at a PSNR: its logarithm is linear between cells; NaN beyond the curve's ends."""
    psnrs, figures = zip(*sorted((mean_db(points), mean(points, key)) for points in cells), strict=True)
    return float(np.exp(np.interp(psnr_db, psnrs, np.log(figures), left=np.nan, right=np.nan)))


def gains(found: Mapping[str, float]) -> str:
    """Differences in dB, by what they are of."""
    return "; ".join(f"{name} {gain:+.2f}" for name, gain in found.items())


def curve(name: str, cells: Iterable[Points], *, dashed: bool = False) -> Curve:
    """PSNR over the rate, for a plot."""
    return Curve(name, [(mean(points, "rate"), mean_db(points)) for points in cells], dashed)


def by_steps(found: Mapping[str, Cells]) -> list[Curve]:
    """PSNR over the number of steps, without 0, for a plot."""
    return [
        Curve(name, [(int(n), mean_db(of)) for n, of in cells.items() if n != "0"]) for name, cells in found.items()
    ]


def goal_rows(goals: Mapping[str, Mapping[str, Any]], found: Mapping[str, float], size: Found) -> Rows:
    """What was to be reached, and what was found; nothing for sizes without goals.

    Args:
        goals: By key: `what`, `least` or `most`, and perhaps an `aim` beyond and what the `paper` says.
        found: What was found, by the same keys; the others are left out.
        size: Its variables are what holes in `what` are filled with.
    """
    table = []
    for key, goal in goals.items() if size["has_goals"] else ():
        if key in found:
            bound, sign = ("most", 1) if "most" in goal else ("least", -1)
            asked = {"reached": goal[bound], **({"aim reached": goal["aim"]} if "aim" in goal else {})}
            reached = [name for name, figure in asked.items() if sign * found[key] <= sign * figure]
            aim = f"{goal['aim']:g}" if "aim" in goal else ""
            said = [goal["what"].format_map(size), f"at {bound} {goal[bound]:g}", aim, f"{found[key]:.2f}"]
            table.append([*said, (reached or ["missed"])[-1], goal.get("paper", "")])
    return table


WRITTEN: Mapping[str, Callable[..., object]] = {
    each.__name__: each for each in (mean, mean_db, plus_minus, db, rate, db_at_rate, difference, gains)
}
"""How reports write points."""
