"""SHACIRA (Girish et al., ICCV 2023, arXiv 2309.15848): its figures again, on whole files.

    python -m benchmarks.reproduce.shacira --json reports/shacira.json --markdown reports/shacira.md

Rates against JPEG, JPEG 2000, WebP and AVIF, photograph by photograph, entropy regularisation (figure 9), roundings and
the length of annealing (figure 10), the rate-distortion cost of ever longer fits, convergence against networks of the
same size (figure 8), files streamed by level (figure 7), and Instant-NGP at equal PSNR (table 1), in this order. With
`--data photos` pictures at 192 x 288: four of them, and all eight against the classical codecs; with `--data kodak` the
24 pictures of Kodak with the paper's 24 levels, every pixel in every step, and 60,000 steps, which wants a GPU.
`--share` makes all fits shorter.
"""

import argparse
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.curves import Curve, Panel, draw
from benchmarks.machine import describe_machine, machine_line
from benchmarks.reproduce.cells import Bench, Cell, Points, db, mean_db, mean_rate, plus_minus, rate
from benchmarks.reproduce.goals import Goal, Goals
from benchmarks.reproduce.shacira_sizes import SIZES, Params, Size
from benchmarks.tables import save, table
from searchinr.engine.report.baselines import Baselines, measure_baselines
from searchinr.search.bd_rate import METHOD, bd_rate
from searchinr.signals.datasets import Dataset
from searchinr.signals.signal import Signal

OURS = "the codec"
JPEG = "JPEG (4:2:0, optimised)"
ROUNDINGS = ("ste", "noise", "soft_round", "sga", "sga_tanh")
STRAIGHT_THROUGH = (0.6, 0.2, 0.05)
"""Last fractions of the decay in which latents are integers; before, the temperature falls."""
PUBLISHED_SECONDS = {32.5: 53, 34.0: 430}
"""Section 4.6: PSNR of one Kodak picture, at 0.85 and 0.87 bpp, and seconds on an A6000."""


class Paper:
    """The cells of the paper, measured.

    Attributes:
        bench: Measures them.
        size: What is measured.
        goals: What was to be reached.
    """

    def __init__(self, bench: Bench, size: Size, goals: Goals) -> None:
        self.bench, self.size, self.goals = bench, size, goals

    def ours(self, params: Params, steps: int | None = None, *, levels: bool = False) -> Points:
        """Codec `shacira`; what is not said is that of the size."""
        size, length = self.size, steps or self.size.steps
        every = {"table_size_log2": size.table, "lambda": size.bit_weight, **size.grid, **params}
        return self.bench.measure(Cell(every, (length,), "shacira", levels))[length]

    def curve(self, params: Params) -> list[Points]:
        """Over the table sizes."""
        return [self.ours({"table_size_log2": log2, **params}) for log2 in self.size.tables]

    def network(self, params: Params, steps: int) -> Points:
        """Codec `mlp`."""
        return self.bench.measure(Cell(params, (steps,)))[steps]

    def seconds(self, points: Points) -> str:
        """Of training, for one picture."""
        return plus_minus(self.seconds_each(points), 1)

    def seconds_each(self, points: Points) -> list[float]:
        """Of training, for one picture, with each seed."""
        return [point.train_s / len(self.bench.signals) for point in points]


def saved(anchor: Sequence[Points], tested: Sequence[Points]) -> list[float]:
    """BD-rates in per cent, one for each seed for which the curves have enough PSNR in common."""
    found = []
    for seed in range(len(anchor[0])):
        one, other = ([(cell[seed].rate, cell[seed].psnr_db) for cell in curve] for curve in (anchor, tested))
        if (difference := bd_rate(one, other)) is not None:
            found.append(difference.percent)
    return found


def percent(values: Sequence[float]) -> str:
    """Mean and standard deviation of BD-rates."""
    return f"{'+' * (statistics.mean(values) > 0)}{plus_minus(values, 1)} %" if values else "too little in common"


def drawn(name: str, curve: Sequence[Points], *, dashed: bool = False) -> Curve:
    """A curve for a plot."""
    return Curve(name, [(mean_rate(points), mean_db(points)) for points in curve], dashed)


def _curves(
    paper: Paper, curves: Mapping[str, list[Points]], anchor: str, what: str
) -> tuple[str, list[Curve], dict[str, list[float]]]:
    """A table with a row for each curve, the curves for a plot, and the BD-rates against the anchor."""
    found = {name: saved(curves[anchor], curve) for name, curve in curves.items() if name != anchor}
    header = [what, *(f"T = 2^{log2}: dB (bpp)" for log2 in paper.size.tables), f"bits against {anchor}"]
    rows = [
        [name, *(f"{db(points)} ({rate(points)})" for points in curve), percent(found[name]) if name in found else ""]
        for name, curve in curves.items()
    ]
    lines = [drawn(name, curve, dashed=name == anchor) for name, curve in curves.items()]
    return table(header, rows), lines, found


def regularisation(paper: Paper, results: dict[str, Any]) -> tuple[str, list[Curve]]:
    """Figure 9."""
    curves = {f"lambda {weight:g}": paper.curve({"lambda": weight}) for weight in paper.size.bit_weights}
    text, lines, found = _curves(paper, curves, "lambda 0", "")
    results["regularisation"] = {"curves": curves, "bd_rates": found}
    if of := found[f"lambda {paper.size.bit_weight:g}"]:
        goal = Goal(f"bits with entropy regularisation, lambda {paper.size.bit_weight:g}", "%", -15, at_most=True)
        paper.goals.reach(goal, statistics.mean(of))
    claim = (
        "Paper: without entropy regularisation the curve is worse; how strong it is matters little. The project's "
        "aim: 15 % fewer bits at equal PSNR."
    )
    return f"{text}\n\n{claim}", lines


def annealing(paper: Paper, results: dict[str, Any]) -> tuple[str, list[Curve]]:
    """Figure 10."""
    kinds = {name: paper.curve({"rounding": name}) for name in ROUNDINGS}
    lengths = {
        f"sga, annealed for {1 - rest:.0%} of the decay": paper.curve({"rounding": "sga", "ste_fraction": rest})
        for rest in STRAIGHT_THROUGH
    }
    text, lines, found = _curves(paper, {**kinds, **lengths}, "ste", "rounding")
    results["annealing"] = {"curves": {**kinds, **lengths}, "bd_rates": found}
    if found["soft_round"]:
        goal = Goal("bits with soft_round, the default, against ste", "%", 0, paper="fewer, with sga", at_most=True)
        paper.goals.reach(goal, statistics.mean(found["soft_round"]))
    claim = (
        "Paper: annealing beats straight-through rounding, the longer the better. `sga` has the logits of the paper, "
        "`sga_tanh` those of its code. Rows without a length are annealed for 80 %."
    )
    return f"{text}\n\n{claim}", lines[: len(kinds)]


def convergence(paper: Paper, results: dict[str, Any]) -> tuple[str, list[Curve]]:
    """Figure 8."""
    size = paper.size
    found = {"shacira": {steps: paper.ours({}, steps) for steps in size.lengths}}
    for name, params in size.networks.items():
        network: Params = {"quantizer": "lsq", **params}
        found[name] = {steps: paper.network(network, steps) for steps in size.lengths_of_networks}
    results["convergence"] = found
    rows = [
        [f"{name}, {steps} steps", paper.seconds(points), db(points), rate(points)]
        for name, cells in found.items()
        for steps, points in cells.items()
    ]
    text = [
        "Every length is a fit of its own, whose learning rate has fallen; networks have 8 bits a weight.",
        table(["", "seconds a picture", "PSNR, dB", "bits per pixel"], rows),
        "Paper: the grid is better sooner, and the network's PSNR stands still.",
    ]
    if size.data == "kodak":
        text.append(_seconds_to(paper, found["shacira"]))
    pictures = len(paper.bench.signals)
    lines = [
        Curve(
            name,
            [(statistics.mean(point.train_s / pictures for point in cell), mean_db(cell)) for cell in cells.values()],
            dashed=name != "shacira",
        )
        for name, cells in found.items()
    ]
    return "\n\n".join(text), lines


def _seconds_to(paper: Paper, cells: Mapping[int, Points]) -> str:
    """When the pictures reach what the paper reports of one of them."""
    said = []
    for psnr_db, published in PUBLISHED_SECONDS.items():
        reached = []
        for name in (signal.name for signal in paper.bench.signals):
            fits = [(p.train_s, p.signals[name][1]) for points in cells.values() for p in points]
            in_time = [seconds for seconds, found in fits if found >= psnr_db]
            reached += [min(in_time) / len(paper.bench.signals)] if in_time else []
        here = f"{statistics.median(reached):.0f} s, the median of {len(reached)} pictures" if reached else "never"
        said.append(f"{psnr_db:g} dB: {here} (paper, one picture: {published} s)")
    return f"Seconds a picture, fitted with the others as one batch, to {'; to '.join(said)}."


def streaming(paper: Paper, results: dict[str, Any]) -> str:
    """Figure 7."""
    found = {p: paper.ours({"level_dropout": p}, levels=True) for p in (0.0, 0.3)}
    results["streaming"] = found
    pixels = sum(signal.layout.points for signal in paper.bench.signals)
    names = [name for name in found[0.0][0].levels if all(name in p.levels for cell in found.values() for p in cell)]

    def cells(points: Points, level: str) -> list[str]:
        of_seeds = [point.levels[level] for point in points]
        bits = statistics.mean(8 * size / pixels for _, size in of_seeds)
        return [f"{bits:.3f}", plus_minus([psnr_db for psnr_db, _ in of_seeds])]

    rows = [[f"level {name}", *cells(found[0.0], name), *cells(found[0.3], name)] for name in names]
    header = ["files cut after", "bits per pixel", "PSNR, dB", "level_dropout 0.3: bpp", "PSNR, dB"]
    return "\n\n".join(
        [
            table(header, rows),
            "One file for all rows of a column, cut; levels that are empty in some file are left out. Paper: every "
            "further level is better. `level_dropout` trains three steps of ten on coarse levels alone.",
        ]
    )


def instant_ngp(paper: Paper, results: dict[str, Any]) -> str:
    """Table 1."""
    size = paper.size
    ours = _front(
        {
            f"T = 2^{log2}, lambda {weight:g}": paper.ours({"table_size_log2": log2, "lambda": weight})
            for weight in size.bit_weights
            for log2 in size.tables
        }
    )
    theirs = {}
    for log2 in size.of_instant_ngp:
        own: Params = {f"hashgrid.{key}": value for key, value in size.grid.items() if key != "batch_fraction"}
        params = {"backbone": "hashgrid", "depth": 2, "width": 16, "quantizer": "fp16", "batch_fraction": 1.0, **own}
        theirs[log2] = paper.network({**params, "hashgrid.table_size_log2": log2}, size.steps)
    results["instant_ngp"] = {"ours": ours, "theirs": theirs}
    rows = [
        [f"Instant-NGP, T = 2^{log2}, two features in fp16", db(points), rate(points), _times(ours.values(), points)]
        for log2, points in theirs.items()
    ]
    rows += [[f"shacira, {name}", db(points), rate(points), ""] for name, points in ours.items()]
    return "\n\n".join(
        [
            table(["", "PSNR, dB", "bits per pixel", "bits of shacira at that PSNR"], rows),
            "Paper: 4 to 9 times fewer bits. PSNRs beyond the ends of our curve are left open.",
        ]
    )


def _front(cells: Mapping[str, Points]) -> dict[str, Points]:
    """Those that have a higher PSNR than all with fewer bits."""
    front: dict[str, Points] = {}
    for name, points in sorted(cells.items(), key=lambda cell: mean_rate(cell[1])):
        if all(mean_db(points) > mean_db(other) for other in front.values()):
            front[name] = points
    return front


def _times(ours: Iterable[Points], theirs: Points) -> str:
    """How many times fewer bits our curve takes at their PSNR (the logarithm of the rate, linear between cells)."""
    curve = sorted((mean_db(points), mean_rate(points)) for points in ours)
    for (low, before), (high, after) in pairwise(curve):
        if low <= mean_db(theirs) <= high:
            part = (mean_db(theirs) - low) / (high - low) if high > low else 0.0
            return f"1/{mean_rate(theirs) / (before ** (1 - part) * after**part):.1f}"
    return ""


def longer(paper: Paper, results: dict[str, Any]) -> tuple[str, list[Curve]]:
    """The rate-distortion cost against the training length."""
    size = paper.size
    settings: dict[str, Params] = {OURS: {}, "no integers until the file": {"ste_fraction": 0.0}}
    fits = {name: {steps: paper.ours(params, steps) for steps in size.lengths} for name, params in settings.items()}
    costs = {
        name: {
            steps: [_cost(point.signals.values(), size.bit_weight) for point in points] for steps, points in of.items()
        }
        for name, of in fits.items()
    }
    results["longer"] = costs
    header = ["1000 x cost", *(f"{steps} steps" for steps in size.lengths)]
    rows = [[name, *(plus_minus([1e3 * c for c in of], 2) for of in cells.values())] for name, cells in costs.items()]
    worse = [
        (name, steps)
        for name, cells in costs.items()
        for (_, before), (steps, after) in pairwise(cells.items())
        if statistics.mean(after) > statistics.mean(before)
    ]
    verdict = f"Worse than the length before: {', '.join(f'{name}, {steps} steps' for name, steps in worse) or 'none'}."
    own = sum(name == OURS for name, _ in worse)
    paper.goals.reach(Goal("longer fits that cost more than shorter ones", "of all", 0, at_most=True), own)
    text = (
        "Cost: MSE of values in [-1, 1] plus lambda times bits per pixel, of whole files that were decoded; mean over "
        f"pictures. {verdict}"
    )
    lines = [Curve(name, [(s, statistics.mean(of)) for s, of in cells.items()]) for name, cells in costs.items()]
    return f"{table(header, rows)}\n\n{text}", lines


def _cost(signals: Any, weight: float) -> float:  # noqa: ANN401  pairs of rate and PSNR
    return statistics.mean(4 * 10 ** (-psnr_db / 10) + weight * bits for bits, psnr_db in signals)


def rates(paper: Paper, results: dict[str, Any]) -> tuple[str, list[Curve]]:
    """Against classical codecs, photograph by photograph."""
    size, pictures = paper.size, paper.bench.signals
    ours = [paper.ours({"table_size_log2": log2, "lambda": weight}, size.steps_of_rates) for log2, weight in size.rates]
    classical = {signal.name: _classical(signal) for signal in pictures}
    codecs = list(next(iter(classical.values())).curves())
    found = {
        signal.name: {codec: _bd_rates(ours, classical[signal.name], codec, signal.name) for codec in codecs}
        for signal in pictures
    }
    results["rates"] = {"ours": ours, "bd_rates": found}
    header = ["", "PSNR, dB", "bits per pixel", "seconds a picture"]
    rows = [
        [f"T = 2^{log2}, lambda {weight:g}", db(points), rate(points), paper.seconds(points)]
        for (log2, weight), points in zip(size.rates, ours, strict=True)
    ]
    by_picture = [[name, *(percent(of[codec]) for codec in codecs)] for name, of in found.items()]
    means = {codec: [statistics.mean(of[codec]) for of in found.values() if of[codec]] for codec in codecs}
    by_picture.append(["mean over pictures", *(f"{statistics.mean(m):+.1f} %" if m else "" for m in means.values())])
    by_picture.append(["worst", *(f"{max(m):+.1f} %" if m else "" for m in means.values())])
    text = [
        table(header, rows),
        f"BD-rate of our files against those of others, by {METHOD}; below 0: fewer bits.",
        table(["", *codecs], by_picture),
    ]
    slowest = max(statistics.mean(paper.seconds_each(points)) for points in ours)
    paper.goals.reach(
        Goal("rates from 0.2 to 1 bpp", "of all", 4), sum(0.2 <= mean_rate(points) <= 1 for points in ours)
    )
    paper.goals.reach(Goal("training, the slowest rate", "s a picture", 60, at_most=True), slowest)
    if jpeg := means[JPEG]:
        paper.goals.reach(
            Goal("bits against JPEG, mean of pictures", "%", -10, -20, at_most=True), statistics.mean(jpeg)
        )
        paper.goals.reach(Goal("bits against JPEG, worst picture", "%", 5, at_most=True), max(jpeg))
    lines = [drawn("shacira", ours)]
    for codec in codecs:
        of_pictures = [each.curves()[codec] for each in classical.values()]
        means_of = [
            (statistics.mean(p.rate for p in points), statistics.mean(p.psnr_db for p in points))
            for points in zip(*of_pictures, strict=True)
        ]
        lines.append(Curve(codec, [point for point in means_of if point[0] < 2 * mean_rate(ours[-1])], dashed=True))
    return "\n\n".join(text), [line for line in lines if line.points]


def _classical(signal: Signal) -> Baselines:
    return measure_baselines(Dataset(signal.name, signal.layout.modality, (signal,), signal.name))


def _bd_rates(ours: Sequence[Points], classical: Baselines, codec: str, picture: str) -> list[float]:
    """Of one picture against one codec, one for each seed."""
    anchor = [(point.rate, point.psnr_db) for point in classical.curves()[codec]]
    each = (bd_rate(anchor, [cell[seed].signals[picture] for cell in ours]) for seed in range(len(ours[0])))
    return [difference.percent for difference in each if difference is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=list(SIZES), default="photos", help="[photos]")
    parser.add_argument("--seeds", type=int, default=2, help="[2]")
    parser.add_argument("--share", type=float, default=1.0, help="of all training lengths [1]")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="keep what is measured there, to go on from")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report there, and its plots beside it")
    options = parser.parse_args()
    machine = describe_machine("torch", "numpy", "pillow")
    size = SIZES[options.data].shortened(options.share)
    bench = Bench(size.data, options.seeds, options.kept)
    goals = Goals(are_set=size.has_goals)
    paper = Paper(bench, size, goals)
    others = Paper(Bench(size.data_of_rates, options.seeds, options.kept), size, goals)
    results: dict[str, Any] = {"machine": machine, "data": options.data, "share": options.share, "goals": goals.rows}
    against_classical, rate_lines = rates(others, results)
    regularised, regularisation_lines = regularisation(paper, results)
    annealed, annealing_lines = annealing(paper, results)
    lengthened, length_lines = longer(paper, results)
    converged, convergence_lines = convergence(paper, results)
    sections = {
        f"Against classical codecs ({len(others.bench.signals)} pictures)": against_classical,
        "Entropy regularisation (figure 9)": regularised,
        "Roundings and annealing (figure 10)": annealed,
        "Longer fits": lengthened,
        "Convergence (figure 8)": converged,
        "Streamed by level (figure 7)": streaming(paper, results),
        "Instant-NGP (table 1)": instant_ngp(paper, results),
    }
    grid = ", ".join(f"{key} {value}" for key, value in size.grid.items())
    text = (
        f"# SHACIRA again, on {options.data}, {options.seeds} seeds\n\n{machine_line(machine)}.\n\n"
        f"{len(bench.signals)} pictures; {grid}; T = 2^{size.table}, lambda {size.bit_weight:g} and {size.steps} steps "
        "where nothing else is said. Rates are the sizes of whole files, PSNR is that of the files decoded; mean over "
        f"pictures, then mean ± standard deviation over seeds.\n\n{goals.section()}"
        + "\n\n".join(f"## {title}\n\n{body}" for title, body in sections.items())
    )
    save(text, results, options.markdown, options.json)
    if options.markdown is not None:
        by_rate = {"": rate_lines, "-regularisation": regularisation_lines, "-annealing": annealing_lines}
        for name, lines in by_rate.items():
            draw([Panel("bits per pixel", lines)], _beside(options.markdown, name))
        panels = [
            Panel("seconds a picture", convergence_lines),
            Panel("training steps", length_lines, "MSE + lambda x bpp"),
        ]
        draw(panels, _beside(options.markdown, "-steps"))


def _beside(markdown: Path, name: str) -> Path:
    return markdown.with_name(f"{markdown.stem}{name}.png")


if __name__ == "__main__":
    main()
