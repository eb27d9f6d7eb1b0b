"""ANI, figure 7 in small: one supernet and its 16 networks against networks trained from scratch, at equal cost.

    python -m benchmarks.reproduce.supernet --json reports/supernet.json --markdown reports/supernet.md

Four photographs at 96 x 144, SIREN of widths 16, 24, 32, 48 and depths 2 to 5, all pixels in every step, fp16 files:
what quantisation does is measured in `ani.py`. About a quarter of an hour a seed on a core.
"""

import argparse
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from scipy.stats import kendalltau

from benchmarks.machine import describe_machine, machine_line
from benchmarks.reproduce.cells import Bench, Cell, Points
from benchmarks.tables import save, table
from searchinr.space import Value

DEPTHS, WIDTHS = (2, 3, 4, 5), (16, 24, 32, 48)
SIZES = [(depth, width) for width in WIDTHS for depth in DEPTHS]
STEPS, SHORT = 600, 200
SUPERNET_STEPS = 300
TUNING = (50, 100)
WARM = (24, 3)
"""Width and depth of the network whose warm start is followed closely."""
WARM_RUNGS = tuple(range(20, 141, 20))

Size = tuple[int, int]
_COMMON: dict[str, Value] = {"backbone": "siren", "quantizer": "fp16", "batch_fraction": 1.0, "decay": 0.9}


@dataclass(frozen=True)
class Method:
    """A way to get 16 networks, with one seed.

    Attributes:
        psnrs: Mean PSNR over the signals by (depth, width), dB.
        macs: What they cost to train, all together.
        bytes: Of all their files.
    """

    psnrs: Mapping[Size, float]
    macs: float
    bytes: int


def cell(size: Size, rungs: tuple[int, ...], **params: Value) -> Cell:
    """A network of this depth and width."""
    return Cell({**_COMMON, "depth": size[0], "width": size[1], **params}, rungs)


def from_supernet(size: Size, rungs: tuple[int, ...]) -> Cell:
    """A network that starts from its slice."""
    return cell(
        size,
        rungs,
        **{
            "init": "supernet",
            "supernet.steps": SUPERNET_STEPS,
            "supernet.depths": " ".join(map(str, DEPTHS)),
            "supernet.widths": " ".join(map(str, WIDTHS)),
        },
    )


def networks(bench: Bench, cells: Mapping[Size, Cell], shared_macs: list[float] | None = None) -> list[Method]:
    """Networks of their own, by seed.

    Args:
        bench: Measures them.
        cells: Of each size, with one rung.
        shared_macs: By seed, what they have cost together beside their own training.
    """
    found: dict[Size, Points] = {size: bench.measure(one)[one.rungs[-1]] for size, one in cells.items()}
    return [
        Method(
            {size: points[seed].psnr_db for size, points in found.items()},
            sum(points[seed].macs for points in found.values()) + (shared_macs[seed] if shared_macs else 0.0),
            sum(points[seed].bytes for points in found.values()),
        )
        for seed in range(bench.seeds)
    ]


def one_file(bench: Bench) -> list[Method]:
    """The networks of one file, as trimming gives them, by seed; `bytes` are those of the whole files."""
    params: dict[str, Value] = {
        **_COMMON,
        "depths": " ".join(map(str, DEPTHS)),
        "widths": " ".join(map(str, WIDTHS)),
    }
    points = bench.measure(Cell(params, (SUPERNET_STEPS,), codec="once_for_all"))[SUPERNET_STEPS]
    return [
        Method({size: point.levels[f"{size[0]} x {size[1]}"][0] for size in SIZES}, point.macs, point.bytes)
        for point in points
    ]


def measure(bench: Bench) -> dict[str, list[Method]]:
    """Every method."""

    def scratch(steps: int, loss: str) -> list[Method]:
        return networks(bench, {size: cell(size, (steps,), loss=loss) for size in SIZES})

    methods = {
        f"scratch, {STEPS} steps, MSE": scratch(STEPS, "mse"),
        f"scratch, {STEPS} steps": scratch(STEPS, "log_mse"),
        f"scratch, {SHORT} steps": scratch(SHORT, "log_mse"),
        f"scratch, {SHORT // 2} steps": scratch(SHORT // 2, "log_mse"),
        f"one file of a supernet, {SUPERNET_STEPS} steps": one_file(bench),
    }
    for steps in TUNING:
        cells = {size: from_supernet(size, (steps,)) for size in SIZES}
        for one in cells.values():
            bench.measure(one)
        shared = bench.asset_macs(next(iter(cells.values())))
        methods[f"supernet, and {steps} steps each"] = networks(bench, cells, shared)
    return methods


def report(bench: Bench, methods: Mapping[str, list[Method]]) -> str:
    """The tables: means over seeds and sizes."""
    names = list(methods)
    base, long, short = (methods[name] for name in names[:3])
    rows = []
    for name, seeds in methods.items():
        gaps = [_gap(seeds, other) for other in (base, long, short)]
        rows.append(
            [
                name,
                f"{100 * statistics.mean(a.macs / b.macs for a, b in zip(seeds, base, strict=True)):.1f} %",
                f"{statistics.mean(statistics.mean(found.psnrs.values()) for found in seeds):.2f}",
                *gaps,
                f"{statistics.mean(found.bytes for found in seeds) / 1e3:.0f} kB",
                f"{statistics.mean(_tau(a, b) for a, b in zip(seeds, long, strict=True)):.3f}",
            ]
        )
    weights = Method({(depth, width): _weights(depth, width) for depth, width in SIZES}, 0.0, 0)
    rows.append(
        ["number of weights alone", "0 %", "", "", "", "", "", f"{statistics.mean(_tau(weights, b) for b in long):.3f}"]
    )
    header = ["", "cost", "PSNR, dB", "against MSE", f"against {STEPS} steps", f"against {SHORT} steps", "files"]
    return "\n\n".join([table([*header, "Kendall tau"], rows), _warm_start(bench)])


def _warm_start(bench: Bench) -> str:
    """How soon a slice reaches what a network has from scratch."""
    width, depth = WARM
    goal = bench.measure(cell((depth, width), (SHORT,)))[SHORT]
    warm = bench.measure(from_supernet((depth, width), WARM_RUNGS))
    reached = [
        next((str(steps) for steps in WARM_RUNGS if warm[steps][seed].psnr_db >= goal[seed].psnr_db), "never")
        for seed in range(bench.seeds)
    ]
    return (
        f"Width {width}, depth {depth}: from its slice it has the PSNR of {SHORT} steps from scratch after "
        f"{', '.join(reached)} steps (by seed; measured every {WARM_RUNGS[0]})."
    )


def _gap(method: list[Method], other: list[Method]) -> str:
    """Mean and worst difference in dB."""
    differences = [a.psnrs[size] - b.psnrs[size] for a, b in zip(method, other, strict=True) for size in SIZES]
    return f"{statistics.mean(differences):+.2f} ({min(differences):+.2f})"


def _tau(first: Method, second: Method) -> float:
    return float(kendalltau([first.psnrs[size] for size in SIZES], [second.psnrs[size] for size in SIZES]).statistic)


def _weights(depth: int, width: int) -> int:
    """Of a network from two coordinates to three values."""
    return 3 * width + (depth - 1) * (width + 1) * width + 3 * (width + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="[3]")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="keep what is measured there, to go on from")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there as well")
    options = parser.parse_args()
    machine = describe_machine("torch", "numpy", "scipy")
    bench = Bench("photos", options.seeds, options.kept)
    methods = measure(bench)
    text = (
        f"# A supernet and its 16 networks, {options.seeds} seeds\n\n{machine_line(machine)}.\n\n"
        f"SIREN of depths {DEPTHS} and widths {WIDTHS} on four photographs at 96 x 144, all pixels in every step, the "
        "logarithm of the MSE unless said otherwise, files of fp16 weights, decoded. Cost: training "
        f"multiply-accumulates against 16 networks of {STEPS} steps. Differences in dB: mean over sizes and seeds, in "
        "brackets the worst. Files: all sixteen for each photograph, where they are not one that is trimmed. Kendall's "
        f"tau: of the ranking of the sizes, against {STEPS} steps from scratch.\n\n" + report(bench, methods)
    )
    figures = {
        name: [{**asdict(m), "psnrs": {f"{d}x{w}": p for (d, w), p in m.psnrs.items()}} for m in seeds]
        for name, seeds in methods.items()
    }
    save(text, {"machine": machine, "methods": figures}, options.markdown, options.json)


if __name__ == "__main__":
    main()
