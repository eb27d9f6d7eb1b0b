"""SHACIRA (Girish et al., ICCV 2023, arXiv 2309.15848): its figures again, on whole files.

Rates against JPEG, JPEG 2000, WebP and AVIF, photograph by photograph, entropy regularisation (figure 9), roundings and
the length of annealing (figure 10), the rate-distortion cost of ever longer fits, convergence against networks of the
same size (figure 8), files streamed by level (figure 7), and Instant-NGP at equal PSNR (table 1), in this order. With
`--data photos` pictures at 192 x 288: four of them, and all eight against the classical codecs; with `--data kodak` the
24 pictures of Kodak with the paper's 24 levels, every pixel in every step, and 60,000 steps, which wants a GPU.
`--share` makes all fits shorter.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from benchmarks.command import Filling, Found, Rows
from benchmarks.curves import Curve, Panel
from benchmarks.reproduce.points import Cells, Pairs, Points, at_db, curve, goal_rows, mean, mean_db, plus_minus
from benchmarks.reproduce.reproduction import Plots, reproduce
from benchmarks.reproduce.study import read_study
from searchinr.engine.report.baselines import measure_baselines
from searchinr.search.bd_rate import bd_rate, method
from searchinr.signals.datasets import Dataset, load_dataset
from searchinr.space import PSNR, DatasetEntry

JPEG = "JPEG (4:2:0, optimised)"
STUDY = read_study("shacira")

Curves = Mapping[str, Sequence[Points]]
"""Cells along a curve, by the curve's name."""


def measure_classical(size: Found) -> Found:
    """Rates and PSNRs of classical codecs, of each picture."""
    dataset = load_dataset(DatasetEntry.model_validate(size["data_of_rates"], strict=False))
    found = {}
    for signal in dataset.signals:
        curves = measure_baselines(Dataset(signal.name, dataset.modality, (signal,), signal.name)).curves()
        found[signal.name] = {codec: [(p.rate, PSNR.of(p)) for p in points] for codec, points in curves.items()}
    return {"classical": found}


def fill(found: Found, size: Found) -> Filling:
    saved = _savings(_curves(found, "regularisation"), "lambda 0")
    saved_by_rounding = _savings(_curves(found, "annealing"), "ste")
    of_pictures, of_codecs = _against_classical(found)
    costs = _costs(found["longer"], size)
    worse = [
        f"{name}, {steps} steps"
        for name, cells in costs.items()
        for (_, before), (steps, after) in pairwise(cells.items())
        if statistics.mean(after) > statistics.mean(before)
    ]
    curve = list(found["rates"]["ours"].values())
    goals = {
        "inside": sum(0.2 <= mean(points, "rate") <= 1 for points in curve),
        "slowest": max(statistics.mean(_seconds(points, size["pictures_of_rates"])) for points in curve),
        "longer": sum(name.startswith("the codec") for name in worse),
    }
    of_goals = {
        "jpeg": of_codecs[JPEG],
        "regularisation": saved[f"lambda {size['lambda']:g}"],
        "soft_round": saved_by_rounding["soft_round"],
    }
    goals |= {key: statistics.mean(savings) for key, savings in of_goals.items() if savings}
    goals |= {"jpeg_worst": max(of_codecs[JPEG])} if of_codecs[JPEG] else {}
    return {
        "method": method(PSNR),
        "saved": saved,
        "saved_by_rounding": saved_by_rounding,
        "of_pictures": of_pictures,
        "of_codecs": of_codecs,
        "costs": costs,
        "worse": ", ".join(worse) or "none",
        "seconds_to": _seconds_to(found["convergence"]["shacira"], size),
        "streamed": streamed(found["streaming"]),
        "ours": _best_of_all(found, size),
        "goals": goal_rows(STUDY["goals"], goals, size),
        "seconds": _seconds,
        "percent": _percent,
        "times": _times,
        "average": statistics.mean,
        "thousandfold": lambda costs: plus_minus([1e3 * cost for cost in costs]),
    }


def _curves(found: Found, section: str) -> Curves:
    return {name: list(of.values()) for name, of in found[section]["curves"].items()}


def _percents(pairs: Iterable[tuple[Pairs, Pairs]]) -> list[float]:
    """BD-rates in per cent, of the pairs of curves that have enough PSNR in common."""
    return [found.percent for anchor, tested in pairs if (found := bd_rate(anchor, tested)) is not None]


def _percent(values: Sequence[float]) -> str:
    """Mean and standard deviation of BD-rates."""
    return f"{'+' * (statistics.mean(values) > 0)}{plus_minus(values, 1)} %" if values else "too little in common"


def _seconds(points: Points, pictures: int) -> list[float]:
    """Of training, for one picture, with each seed."""
    return [point["train_s"] / pictures for point in points]


def _savings(found: Curves, anchor: str) -> dict[str, list[float]]:
    """The BD-rates of the other curves against the anchor, seed by seed."""
    by_seed = {
        name: [[(point["rate"], point["psnr_db"]) for point in of_seed] for of_seed in zip(*cells, strict=True)]
        for name, cells in found.items()
    }
    others = {name: of for name, of in by_seed.items() if name != anchor}
    return {name: _percents(zip(by_seed[anchor], of, strict=True)) for name, of in others.items()}


def _against_classical(found: Found) -> tuple[dict[str, dict[str, list[float]]], dict[str, list[float]]]:
    """BD-rates against classical codecs: of each picture, seed by seed; and of each codec, means over the seeds."""
    saved: dict[str, dict[str, list[float]]] = {}
    for picture, classical in found["classical"].items():
        seeds = list(zip(*found["rates"]["ours"].values(), strict=True))
        by_seed = [[point["signals"][picture] for point in of_seed] for of_seed in seeds]
        saved[picture] = {codec: _percents((points, own) for own in by_seed) for codec, points in classical.items()}
    codecs = next(iter(saved.values()))
    return saved, {codec: [statistics.mean(of[codec]) for of in saved.values() if of[codec]] for codec in codecs}


def _costs(found: Mapping[str, Cells], size: Found) -> dict[str, dict[str, list[float]]]:
    """Rate-distortion costs by name and training length, with each seed; older figures have them instead of points."""

    def cost(point: Found | float) -> float:
        if isinstance(point, float):
            return point
        each = (10 ** (-psnr_db / 10) + size["lambda"] * bits for bits, psnr_db in point["signals"].values())
        return float(statistics.mean(each))

    return {name: {steps: [*map(cost, of)] for steps, of in cells.items()} for name, cells in found.items()}


def _seconds_to(cells: Cells, size: Found) -> str:
    """When the pictures of Kodak reach what the paper reports of one of them."""
    pictures, fits = size["pictures"], [point for points in cells.values() for point in points]
    said = []
    for psnr_db, published in STUDY["published_seconds"].items() if size["data"] == "kodak" else ():
        in_time = [[p["train_s"] for p in fits if p["signals"][name][1] >= psnr_db] for name in fits[0]["signals"]]
        reached = [min(seconds) / pictures for seconds in in_time if seconds]
        here = f"{statistics.median(reached):.0f} s, the median of {len(reached)} pictures" if reached else "never"
        said.append(f"{psnr_db:g} dB: {here} (paper, one picture: {published} s)")
    together = "\n\nSeconds a picture, fitted with the others as one batch, to "
    return f"{together}{'; to '.join(said)}." if said else ""


def streamed(found: Cells) -> Rows:
    """Figure 7: a row for each level that all files have."""
    levels = [set(point["levels"]) for points in found.values() for point in points]
    table = []
    for name in (name for name in next(iter(found.values()))[0]["levels"] if all(name in of for of in levels)):
        row = [f"level {name}"]
        for points in found.values():
            bits = statistics.mean(p["rate"] * p["levels"][name][1] / p["bytes"] for p in points)
            row += [f"{bits:.3f}", plus_minus([p["levels"][name][0] for p in points])]
        table.append(row)
    return table


def _best_of_all(found: Found, size: Found) -> dict[str, Points]:
    """Our cells that have a higher PSNR than all with fewer bits."""
    every = {
        f"T = 2^{log2}, {name}": points
        for name, cells in _curves(found, "regularisation").items()
        for log2, points in zip(size["tables"], cells, strict=True)
    }
    best: dict[str, Points] = {}
    for name, points in sorted(every.items(), key=lambda cell: mean(cell[1], "rate")):
        if all(mean_db(points) > mean_db(other) for other in best.values()):
            best[name] = points
    return best


def _times(theirs: Points, ours: Cells) -> str:
    """How many times fewer bits our curve takes at their PSNR; nothing beyond its ends."""
    rate = at_db(ours.values(), mean_db(theirs), "rate")
    return "" if math.isnan(rate) else f"1/{mean(theirs, 'rate') / rate:.1f}"


def plots(found: Found, size: Found) -> Plots:
    ours, classical = list(found["rates"]["ours"].values()), list(found["classical"].values())
    by_rate = [curve("shacira", ours)]
    for codec in classical[0]:
        settings = zip(*(of[codec] for of in classical), strict=True)  # of each, the points of all pictures
        means = [tuple(map(statistics.mean, zip(*points, strict=True))) for points in settings]
        by_rate.append(Curve(codec, [point for point in means if point[0] < 2 * mean(ours[-1], "rate")], dashed=True))
    by_seconds, costs = [], []
    for name, cells in found["convergence"].items():
        points = [(statistics.mean(_seconds(of, size["pictures"])), mean_db(of)) for of in cells.values()]
        by_seconds.append(Curve(name, points, dashed=name != "shacira"))
    for name, of_steps in _costs(found["longer"], size).items():
        costs.append(Curve(name, [(int(steps), statistics.mean(of)) for steps, of in of_steps.items()]))

    def lines(section: str, anchor: str) -> list[Panel]:
        drawn = {name: cells for name, cells in _curves(found, section).items() if "," not in name}
        return [Panel("bits per pixel", [curve(name, cells, dashed=name == anchor) for name, cells in drawn.items()])]

    return {
        "": [Panel("bits per pixel", [line for line in by_rate if line.points])],
        "-regularisation": lines("regularisation", "lambda 0"),
        "-annealing": lines("annealing", "ste"),
        "-steps": [Panel("seconds a picture", by_seconds), Panel("training steps", costs, "MSE + lambda x bpp")],
    }


if __name__ == "__main__":
    reproduce(__file__, __doc__, fill, plots, beside=measure_classical)
