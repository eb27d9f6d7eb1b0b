"""Points of a reproduction, one for each seed, as figures of a report."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.command import Found
from benchmarks.curves import Curve
from benchmarks.tables import table

Points = Sequence[Found]
"""One cell, with every seed: JSON objects with at least `psnr_db` and `rate`."""


def mean(points: Points, key: str) -> float:
    """Of a figure, over seeds."""
    return statistics.mean(point[key] for point in points)


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
    return statistics.mean(a["psnr_db"] - b["psnr_db"] for a, b in zip(first, second, strict=True))


def gains(found: Mapping[str, float]) -> str:
    """Differences in dB, by what they are of."""
    return "; ".join(f"{name} {gain:+.2f}" for name, gain in found.items())


def pivot(
    corner: str, found: Mapping[str, Mapping[str, Points]], header: Iterable[str], cell: Callable[[Points], str]
) -> str:
    """A table with a row for each of what was found."""
    return table([corner, *header], [[name, *map(cell, row.values())] for name, row in found.items()])


def curve(name: str, cells: Iterable[Points], *, dashed: bool = False) -> Curve:
    """PSNR over the rate, for a plot."""
    return Curve(name, [(mean(points, "rate"), mean(points, "psnr_db")) for points in cells], dashed)


def goals_table(goals: Mapping[str, Found], found: Mapping[str, float]) -> str:
    """What was to be reached, and what was found.

    Args:
        goals: By key: `what`, `least` or `most`, and perhaps an `aim` beyond and what the `paper` says.
        found: What was found, by the same keys; the others are left out.
    """
    rows = []
    for key, goal in ((key, goal) for key, goal in goals.items() if key in found):
        bound, sign = ("most", 1) if "most" in goal else ("least", -1)
        reached = "missed"
        for name, asked in (("reached", goal[bound]), ("aim reached", goal.get("aim"))):
            if asked is not None and sign * found[key] <= sign * asked:
                reached = name
        aim = f"{goal['aim']:g}" if "aim" in goal else ""
        asked_for = f"at {bound} {goal[bound]:g}"
        rows.append([goal["what"], asked_for, aim, f"{found[key]:.2f}", reached, goal.get("paper", "")])
    return table(["", "goal", "aim", "found", "", "paper"], rows) if rows else ""
