"""What quantisers and supernets are worth in a search: fronts with and without them.

    python -m benchmarks.reproduce.ani_search --runs DIR --json reports/ani-search.json --markdown reports/ani-search.md

Runs `spaces/ani.yaml` as it is, where fits start from scratch, with slices of supernets to start from as well, and
with these but weights in fp16, each with five seeds by `searchinr run`, and compares the hypervolumes of the fronts at
equal training work: that of the cheapest search of a seed. Runs in DIR that are complete are not repeated. About forty
minutes on two cores.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.machine import describe_machine, machine_line
from benchmarks.reproduce.searches import Curve, at_equal_work, row, search
from benchmarks.tables import save, table
from searchinr.engine.catalog import read_space
from searchinr.space import Choice, Domain, Space

SPACE = Path(__file__).parents[2] / "spaces" / "ani.yaml"
_QUANTISING = ("weight_bits", "edge_bits", "steps_per", "qat_fraction", "rate_weight", "step_search")

Domains = dict[str, Domain]

_SUPERNETS: Domains = {"init": Choice(("scratch", "supernet")), "supernet.steps": 300}

VARIANTS: dict[str, Callable[[Domains], Domains]] = {
    "everything": lambda domains: {**domains, **_SUPERNETS},
    "quantisers off (fp16)": lambda domains: {
        **{key: domain for key, domain in domains.items() if key not in _QUANTISING},
        **_SUPERNETS,
        "quantizer": "fp16",
    },
    "supernets off": dict,
}


def variant(name: str, space: Space) -> Space:
    """The space with a part of it switched off."""
    return space.model_copy(update={"codecs": {"mlp": VARIANTS[name](dict(space.codecs["mlp"]))}})


def report(curves: Mapping[str, list[Curve]]) -> str:
    """The table, and whether everything is worth its work."""
    volumes = at_equal_work(curves)
    everything, *_ = volumes
    rows = [
        row(name, found, curves[name], None if name == everything else volumes[everything])
        for name, found in volumes.items()
    ]
    header = ["", "hypervolume at equal work", "everything is better by", "seeds", "at the end", "work, TMAC"]
    return table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, metavar="DIR", help="where the searches are kept")
    parser.add_argument("--seeds", type=int, default=5, help="[5]")
    parser.add_argument("--trials", type=int, default=48, help="of each search [48]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there as well")
    options = parser.parse_args()
    machine = describe_machine("torch", "optuna", "ray")
    space = read_space(SPACE)
    curves: dict[str, list[Curve]] = {name: [] for name in VARIANTS}
    for seed in range(options.seeds):
        for number, name in enumerate(VARIANTS):
            folder = options.runs / f"ani-{number}-seed{seed}"
            curves[name].append(search(variant(name, space), folder, seed=seed, trials=options.trials))
            print(f"seed {seed}, {name}: {curves[name][-1][-1]}", file=sys.stderr, flush=True)
    text = (
        f"# What quantisers and supernets are worth in a search, {options.seeds} seeds\n\n{machine_line(machine)}.\n\n"
        f"`spaces/ani.yaml` with {options.trials} trials; everything: with supernets beside. Hypervolume in dB octaves "
        "from the space's reference point, mean ± standard deviation over seeds. Equal work: the training "
        "multiply-accumulates, those of supernets included, of the cheapest of the three searches with a seed. In "
        "brackets: Wilcoxon's signed-rank test over seeds, one-sided.\n\n" + report(curves)
    )
    save(text, {"machine": machine, "curves": curves}, options.markdown, options.json)


if __name__ == "__main__":
    main()
