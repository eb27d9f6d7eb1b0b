"""Searches that are compared: run by `searchinr run`, read from their ledgers, compared at equal training work."""

import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scipy.stats import wilcoxon

from searchinr.engine.report.anytime import Anytime
from searchinr.engine.results.opened import open_run
from searchinr.search.objectives import Objectives
from searchinr.space import Space, dump_space

Curve = list[tuple[float, float]]
"""Training work (multiply-accumulates, those of assets included) and hypervolume, after each result."""


def search(space: Space, folder: Path, *, seed: int, trials: int, workers: int | None = None) -> Curve:
    """Runs a search, or goes on with it, and reads its ledger.

    Args:
        space: What to search; it gets the folder's name.
        folder: The run folder; the space file is kept beside it.
        seed: Of the search.
        trials: Of the search.
        workers: Trials at a time; left out, as many as there are cores. With one, a search can be repeated exactly.
    """
    named = space.model_copy(update={"name": folder.name})
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = folder.with_suffix(".yaml")
    file.write_text(dump_space(named), encoding="utf-8")
    command = [sys.executable, "-m", "searchinr", "run", str(file), "--out", str(folder)]
    command += ["--seed", str(seed), "--trials", str(trials)]
    command += [] if workers is None else ["--workers", str(workers)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    anytime, curve = Anytime(Objectives.of(named)), [(0.0, 0.0)]
    for line in open_run(folder).folder.lines():
        if line["kind"] == "asset":
            anytime.spend(line)
        elif line["kind"] == "point":
            moment = anytime.add(line)
            curve.append((moment.macs, moment.hypervolume))
    return curve


def at(curve: Curve, macs: float) -> float:
    """The hypervolume when this much work was spent."""
    return max(volume for work, volume in curve if work <= macs)


def at_equal_work(curves: Mapping[str, Sequence[Curve]]) -> dict[str, list[float]]:
    """The hypervolume of each search of each seed when the cheapest search of that seed had ended."""
    by_seed = list(zip(*curves.values(), strict=True))
    budgets = [min(curve[-1][0] for curve in of_seed) for of_seed in by_seed]
    return {name: [at(c, budget) for c, budget in zip(of, budgets, strict=True)] for name, of in curves.items()}


def row(name: str, volumes: Sequence[float], curves: Sequence[Curve], best: Sequence[float] | None) -> list[str]:
    """A row of a report: hypervolume at equal work, by how much `best` is better, and how each search ended.

    Args:
        name: First cell.
        volumes: At equal work, by seed.
        curves: By seed.
        best: Volumes that these are compared with; None where these are the ones.
    """
    deviation = statistics.stdev(volumes) if len(volumes) > 1 else 0
    return [
        name,
        f"{statistics.mean(volumes):.2f} ± {deviation:.2f}",
        *([""] * 2 if best is None else _against(best, volumes)),
        f"{statistics.mean(curve[-1][1] for curve in curves):.2f}",
        f"{statistics.mean(curve[-1][0] for curve in curves) / 1e12:.2f}",
    ]


def _against(best: Sequence[float], other: Sequence[float]) -> list[str]:
    gains = [a - b for a, b in zip(best, other, strict=True)]
    better = f"{sum(gain > 0 for gain in gains)} of {len(gains)}"
    if len(gains) > 1 and any(gains):
        better += f" (p {wilcoxon(gains, alternative='greater').pvalue:.3f})"
    return [f"{statistics.mean(gains):+.2f}", better]
