"""What quantisers and supernets are worth in a search: the fronts of `spaces/ani.yaml` with and without them.

    python benchmarks/reproduce/ani_search.py --runs DIR --json reports/ani-search.json --markdown reports/ani-search.md

Runs the search with everything on, with weights in fp16, with min-max quantisation alone, and from scratch alone, each
with five seeds by `searchinr run`, and compares the hypervolumes of the fronts at equal training work: that of the
cheapest search of a seed. Runs in DIR that are complete are not repeated. About an hour on two cores.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from scipy.stats import wilcoxon

from searchinr.engine.catalog import read_space
from searchinr.engine.opened import open_run
from searchinr.engine.report.anytime import Anytime
from searchinr.engine.search.objectives import Objectives
from searchinr.space import Domain, Space, dump_space

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import describe_machine, machine_line
from tables import save, table

SPACE = Path(__file__).parents[2] / "spaces" / "ani.yaml"
_QUANTISING = ("weight_bits", "edge_bits", "steps_per", "qat_fraction", "rate_weight", "step_search")

Domains = dict[str, Domain]
Curve = list[tuple[float, float]]
"""Training work (multiply-accumulates, those of supernets included) and hypervolume, after each result."""


def _without(domains: Mapping[str, Domain], *prefixes: str) -> Domains:
    return {key: domain for key, domain in domains.items() if not key.startswith(prefixes)}


VARIANTS: dict[str, Callable[[Domains], Domains]] = {
    "everything": dict,
    "quantisers off (fp16)": lambda d: {**_without(d, *_QUANTISING), "quantizer": "fp16"},
    "min-max alone": lambda d: {
        **_without(d, "steps_per", "qat_fraction", "rate_weight", "step_search"),
        "quantizer": "minmax",
    },
    "supernets off": lambda d: {**_without(d, "supernet."), "init": "scratch"},
}


def search(variant: str, seed: int, trials: int, folder: Path) -> Curve:
    """Runs one search, or goes on with it, and reads its ledger."""
    space = read_space(SPACE)
    changed = space.model_copy(
        update={"name": folder.name, "codecs": {"mlp": VARIANTS[variant](dict(space.codecs["mlp"]))}}
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = folder.with_suffix(".yaml")
    file.write_text(dump_space(changed), encoding="utf-8")
    command = [sys.executable, "-m", "searchinr", "run", str(file), "--out", str(folder)]
    command += ["--seed", str(seed), "--trials", str(trials)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return _curve(changed, folder)


def _curve(space: Space, folder: Path) -> Curve:
    anytime, curve = Anytime(Objectives.of(space)), [(0.0, 0.0)]
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


def report(curves: Mapping[str, list[Curve]]) -> str:
    """The table, and whether everything is worth its work."""
    names = list(curves)
    seeds = range(len(curves[names[0]]))
    budget = [min(curves[name][seed][-1][0] for name in names) for seed in seeds]
    volumes = {name: [at(curves[name][seed], budget[seed]) for seed in seeds] for name in names}
    rows = [
        [
            name,
            f"{statistics.mean(found):.2f} ± {statistics.stdev(found) if len(found) > 1 else 0:.2f}",
            *([""] * 2 if name == names[0] else _against(volumes[names[0]], found)),
            f"{statistics.mean(curves[name][seed][-1][1] for seed in seeds):.2f}",
            f"{statistics.mean(curves[name][seed][-1][0] for seed in seeds) / 1e12:.2f}",
        ]
        for name, found in volumes.items()
    ]
    header = ["", "hypervolume at equal work", "everything is better by", "seeds", "at the end", "work, TMAC"]
    return table(header, rows)


def _against(everything: list[float], other: list[float]) -> list[str]:
    gains = [a - b for a, b in zip(everything, other, strict=True)]
    better = f"{sum(gain > 0 for gain in gains)} of {len(gains)}"
    if len(gains) > 1 and any(gains):
        better += f" (p {wilcoxon(gains, alternative='greater').pvalue:.3f})"
    return [f"{statistics.mean(gains):+.2f}", better]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, metavar="DIR", help="where the searches are kept")
    parser.add_argument("--seeds", type=int, default=5, help="[5]")
    parser.add_argument("--trials", type=int, default=48, help="of each search [48]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there as well")
    options = parser.parse_args()
    machine = describe_machine("torch", "optuna", "ray")
    curves: dict[str, list[Curve]] = {name: [] for name in VARIANTS}
    for seed in range(options.seeds):
        for number, name in enumerate(VARIANTS):
            curves[name].append(search(name, seed, options.trials, options.runs / f"ani-{number}-seed{seed}"))
            print(f"seed {seed}, {name}: {curves[name][-1][-1]}", file=sys.stderr, flush=True)
    text = (
        f"# What quantisers and supernets are worth in a search, {options.seeds} seeds\n\n{machine_line(machine)}.\n\n"
        f"`spaces/ani.yaml` with {options.trials} trials. Hypervolume in dB octaves from the space's reference point, "
        "mean ± standard deviation over seeds. Equal work: the training multiply-accumulates, those of supernets "
        "included, of the cheapest of the four searches with a seed. In brackets: Wilcoxon's signed-rank test over "
        "seeds, one-sided.\n\n" + report(curves)
    )
    save(text, {"machine": machine, "curves": curves}, options.markdown, options.json)


if __name__ == "__main__":
    main()
