"""Searches that are compared at equal training work: run by `searchinr run`, read from their ledgers.

`ani`: what quantisers and supernets are worth in a search: `spaces/ani.yaml` as it is, where fits start from scratch,
with slices of supernets to start from as well, and with these but weights in fp16. `shacira`: what a search over hash
grids finds that one hand-set family does not: `spaces/shacira.yaml` against its defaults. `search_NAME.yaml` has the
variants. Hypervolumes are compared at the training work of the cheapest run of a seed. Runs in DIR that are complete
are not repeated.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from scipy.stats import wilcoxon

from benchmarks.command import Command, Filling, Found
from benchmarks.reproduce.points import plus_minus
from benchmarks.reproduce.study import read_study, run

ROOT = Path(__file__).parents[2]

Curve = Sequence[Sequence[float]]
"""Training work (multiply-accumulates, those of assets included) and hypervolume, after each result."""


def measure(options: argparse.Namespace) -> Found:
    """The curve of every variant, with every seed."""
    study = read_study(f"search_{options.study}")
    seeds, trials = options.seeds or study["seeds"], options.trials or study["trials"]
    curves: dict[str, list[Curve]] = {name: [] for name in study["variants"]}
    for seed in range(seeds):
        for number, (name, variant) in enumerate(study["variants"].items()):
            folder, most = options.runs / f"{options.study}-{number}-seed{seed}", variant.get("trials", trials)
            settings = {"seed": seed, "trials": min(trials, most), "workers": study["workers"] or None}
            opened = run(_tree(study, variant), folder, **settings)
            (label,) = opened.labels
            moments = opened.front(label).anytime
            curves[name].append([(0.0, 0.0), *((moment.macs, moment.hypervolume) for moment in moments)])
    return {"study": options.study, "trials": trials, "curves": curves}


def _tree(study: Found, variant: Found) -> dict[str, Any]:
    """The space of a variant."""
    tree = {**yaml.safe_load((ROOT / study["space"]).read_text(encoding="utf-8")), **variant.get("sections", {})}
    dropped, added = variant.get("drop", ()), variant.get("add", {})
    tree["codecs"] = {
        codec: {**{key: domain for key, domain in domains.items() if key not in dropped}, **added}
        for codec, domains in tree["codecs"].items()
    }
    return tree


def fill(found: Found) -> Filling:
    curves = found["curves"]
    by_seed = list(zip(*curves.values(), strict=True))
    budgets = [min(curve[-1][0] for curve in of_seed) for of_seed in by_seed]
    volumes = {  # when that much work was spent
        name: [max(volume for work, volume in c if work <= budget) for c, budget in zip(of, budgets, strict=True)]
        for name, of in curves.items()
    }
    first, *others = volumes
    rows = []
    for name, of in volumes.items():
        compared = ["", ""] if name == first else _against(volumes[first], of)
        ends = [statistics.mean(curve[-1][index] for curve in curves[name]) for index in (0, 1)]
        figures = plus_minus(of), *compared, f"{ends[1]:.2f}", f"{ends[0] / 1e12:.2f}"
        rows.append([name, *figures])
    return {
        "seeds": f"{len(by_seed)} seeds",
        "searches": rows,
        "best": max(others, key=lambda name: statistics.mean(volumes[name])),
    }


def _against(best: Sequence[float], other: Sequence[float]) -> list[str]:
    gains = [a - b for a, b in zip(best, other, strict=True)]
    better = f"{sum(gain > 0 for gain in gains)} of {len(gains)}"
    if len(gains) > 1 and any(gains):
        better += f" (p {wilcoxon(gains, alternative='greater').pvalue:.3f})"
    return [f"{statistics.mean(gains):+.2f}", better]


if __name__ == "__main__":
    command = Command(__file__, __doc__, "search_{study}.md")
    command.add_argument("study", choices=("ani", "shacira"))
    command.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="of run folders [runs]")
    command.add_argument("--seeds", type=int, help="of each search [ani 5, shacira 2]")
    command.add_argument("--trials", type=int, help="of each search [ani 48, shacira 96]")
    command.run(measure, fill)
