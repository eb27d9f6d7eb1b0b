"""ANI, figure 7 in small: one supernet and its 16 networks against networks trained from scratch, at equal cost.

Four photographs at 96 x 144, SIREN of widths 16, 24, 32, 48 and depths 2 to 5, all pixels in every step, fp16 files:
what quantisation does is measured in `ani.py`.
"""

import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from benchmarks.command import Filling, Found
from benchmarks.reproduce.points import Cells, Points
from benchmarks.reproduce.reproduction import reproduce

SIZES = [f"{depth}x{width}" for width in (16, 24, 32, 48) for depth in (2, 3, 4, 5)]


def fill(found: Found, size: Found) -> Filling:
    """The figures of the report, from methods that were kept or from the cells of which they consist.

    A method, a way to get 16 networks, has by seed `psnrs` (dB, mean over signals, by size), `macs` and `bytes` of all.
    """
    methods = found.get("methods") or {name: _method(cells) for name, cells in found["cells"].items()}
    weights = {size: _weights(*map(int, size.split("x"))) for size in SIZES}
    reached = found.get("reached") or _reached(found["warm"], found["cells"]["scratch, 200 steps"]["3x24"])
    return {
        "methods": methods,
        "weights": {"psnrs": weights},
        "reached": ", ".join(reached),
        "cost": lambda of, base: 100 * statistics.mean(a["macs"] / b["macs"] for a, b in zip(of, base, strict=True)),
        "level": lambda of: _psnrs(of).mean(),
        "gap": _gap,
        "tau": _tau,
    }


def _method(cells: Cells) -> list[Found]:
    """One method, by seed, from its networks or from the one file that holds them all."""
    if "all" in cells:
        return [
            {**point, "psnrs": {level.replace(" ", ""): psnr_db for level, (psnr_db, _) in point["levels"].items()}}
            for point in cells["all"]
        ]
    by_seed = [dict(zip(cells, points, strict=True)) for points in zip(*cells.values(), strict=True)]
    return [
        {
            "psnrs": {size: point["psnr_db"] for size, point in points.items()},
            "macs": sum(point["macs"] for point in points.values()) + points["2x16"].get("shared_macs", 0.0),
            "bytes": sum(point["bytes"] for point in points.values()),
        }
        for points in by_seed
    ]


def _reached(warm: Cells, goal: Points) -> list[str]:
    """How soon a slice reaches what a network has from scratch, by seed."""
    return [
        next((steps for steps, points in warm.items() if points[seed]["psnr_db"] >= scratch["psnr_db"]), "never")
        for seed, scratch in enumerate(goal)
    ]


def _psnrs(method: Sequence[Found]) -> NDArray[np.float64]:
    """By seed and size."""
    return np.array([[of["psnrs"][size] for size in SIZES] for of in method])


def _gap(method: Sequence[Found], other: Sequence[Found]) -> str:
    """Mean and worst difference in dB."""
    differences = _psnrs(method) - _psnrs(other)
    return f"{differences.mean():+.2f} ({differences.min():+.2f})"


def _tau(method: Sequence[Found], other: Sequence[Found]) -> str:
    """Mean of Kendall's tau between the orders of the sizes."""
    pairs = zip(_psnrs(method), _psnrs(other), strict=True)
    return f"{statistics.mean(kendalltau(*pair).statistic for pair in pairs):.3f}"


def _weights(depth: int, width: int) -> int:
    """Of a network from two coordinates to three values."""
    return 3 * width + (depth - 1) * (width + 1) * width + 3 * (width + 1)


if __name__ == "__main__":
    reproduce(__file__, __doc__, fill)
