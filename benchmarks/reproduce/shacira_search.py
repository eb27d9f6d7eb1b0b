"""What a search over hash grids finds that one hand-set family does not: `spaces/shacira.yaml` against its defaults.

    python -m benchmarks.reproduce.shacira_search --runs DIR --json reports/shacira-search.json \
        --markdown reports/shacira-search.md

A family is one table size with the codec's defaults, and lambda swept over the range of the space, every fit as long
as the space's longest and measured at its end. Hypervolumes are compared at equal training work: that of the cheapest
run of a seed. Trials run one at a time. Runs in DIR that are complete are not repeated. Half an hour of a core for each
seed.
"""

import argparse
import statistics
import sys
from pathlib import Path

from benchmarks.machine import describe_machine, machine_line
from benchmarks.reproduce.searches import Curve, at_equal_work, row, search
from benchmarks.tables import save, table
from searchinr.engine.catalog import read_space
from searchinr.space import Choice, Range, Space
from searchinr.space.schema import Fidelity

SPACE = Path(__file__).parents[2] / "spaces" / "shacira.yaml"
TABLES = (8, 9, 10)
SEARCH = "search"


def family(space: Space, log2: int, points: int) -> Space:
    """One table size, and lambda at so many places of the space's range, evenly spread on its logarithmic axis."""
    bounds = space.codecs["shacira"]["lambda"]
    assert isinstance(bounds, Range)
    low, high = bounds.low, bounds.high
    weights = tuple(float(f"{low * (high / low) ** (i / (points - 1)):.3g}") for i in range(points))
    return space.model_copy(
        update={
            "codecs": {"shacira": {"table_size_log2": log2, "lambda": Choice(weights)}},
            "fidelity": Fidelity(min_steps=space.fidelity.max_steps, max_steps=space.fidelity.max_steps),
            "search": space.search.model_copy(update={"sampler": "grid", "scheduler": "fifo"}),
        }
    )


def report(curves: dict[str, list[Curve]]) -> str:
    """The table, the search first."""
    volumes = at_equal_work(curves)
    best = max((name for name in curves if name != SEARCH), key=lambda name: statistics.mean(volumes[name]))
    rows = [row(name, volumes[name], curves[name], None if name == SEARCH else volumes[SEARCH]) for name in curves]
    header = ["", "hypervolume at equal work", "the search is better by", "seeds", "at the end", "work, TMAC"]
    return f"{table(header, rows)}\n\nBest family: {best}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, metavar="DIR", help="where the searches are kept")
    parser.add_argument("--seeds", type=int, default=2, help="[2]")
    parser.add_argument("--pictures", type=int, default=2, help="of those of the space [2]")
    parser.add_argument("--trials", type=int, default=96, help="of each search [96]")
    parser.add_argument("--weights", type=int, default=16, help="lambdas of each family [16]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there as well")
    options = parser.parse_args()
    machine = describe_machine("torch", "optuna", "ray")
    space = read_space(SPACE)
    entry = space.datasets[0].model_copy(update={"limit": options.pictures})
    space = space.model_copy(update={"datasets": (entry,)})
    runs = {SEARCH: (space, options.trials)}
    runs |= {f"T = 2^{log2}": (family(space, log2, options.weights), options.weights) for log2 in TABLES}
    curves: dict[str, list[Curve]] = {name: [] for name in runs}
    for seed in range(options.seeds):
        for number, (name, (each, trials)) in enumerate(runs.items()):
            folder = options.runs / f"shacira-{number}-seed{seed}"
            curves[name].append(search(each, folder, seed=seed, trials=trials, workers=1))
            print(f"seed {seed}, {name}: {curves[name][-1][-1]}", file=sys.stderr, flush=True)
    text = (
        f"# A search over hash grids against hand-set families, {options.seeds} seeds\n\n{machine_line(machine)}.\n\n"
        f"`spaces/shacira.yaml` with {options.trials} trials and {options.pictures} of its pictures; families of "
        f"{options.weights} lambdas, {space.fidelity.max_steps} steps each. Hypervolume in dB octaves from the space's "
        "reference point, mean ± standard deviation over seeds. Equal work: the training multiply-accumulates of the "
        "cheapest run of a seed. Families go from the smallest lambda up: what is whole of them is in the column `at "
        "the end`. "
        "In brackets: Wilcoxon's signed-rank test over seeds, one-sided.\n\n" + report(curves)
    )
    save(text, {"machine": machine, "curves": curves}, options.markdown, options.json)


if __name__ == "__main__":
    main()
