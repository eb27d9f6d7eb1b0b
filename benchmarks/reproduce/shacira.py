"""SHACIRA (Girish et al., ICCV 2023, arXiv 2309.15848): its figures again, on whole files.

    python -m benchmarks.reproduce.shacira --runs DIR --json reports/shacira.json --markdown reports/shacira.md

Rates against JPEG, JPEG 2000, WebP and AVIF, photograph by photograph, entropy regularisation (figure 9), roundings and
the length of annealing (figure 10), the rate-distortion cost of ever longer fits, convergence against networks of the
same size (figure 8), files streamed by level (figure 7), and Instant-NGP at equal PSNR (table 1), in this order. With
`--data photos` pictures at 192 x 288: four of them, and all eight against the classical codecs; with `--data kodak` the
24 pictures of Kodak with the paper's 24 levels, every pixel in every step, and 60,000 steps, which wants a GPU.
`--share` makes all fits shorter.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from benchmarks.command import Found
from benchmarks.curves import Curve, Panel
from benchmarks.reproduce.points import Points, curve, db, db_at_rate, goals_table, mean, plus_minus, rate
from benchmarks.reproduce.reproduction import Reproduction
from benchmarks.reproduce.study import read_study
from benchmarks.tables import table
from searchinr.engine.report.baselines import measure_baselines
from searchinr.search.bd_rate import METHOD, bd_rate
from searchinr.signals.datasets import Dataset, load_dataset
from searchinr.space.schema import DatasetEntry

JPEG = "JPEG (4:2:0, optimised)"
STUDY = read_study("shacira")
Cells = Sequence[Points]
Drawn = Mapping[str, Cells]
"""Curves, by their names."""


def measure_classical(size: Found) -> Found:
    """Rates and PSNRs of classical codecs, of each picture."""
    dataset = load_dataset(DatasetEntry.model_validate(size["data_of_rates"], strict=False))
    found = {}
    for signal in dataset.signals:
        alone = Dataset(signal.name, dataset.modality, (signal,), signal.name)
        curves = measure_baselines(alone).curves()
        found[signal.name] = {codec: [(p.rate, p.psnr_db) for p in points] for codec, points in curves.items()}
    return {"classical": found}


def fill(found: Found, size: Found) -> dict[str, str]:
    """The figures of the report."""
    goals: dict[str, float] = {}
    filled = {
        **{key: str(size[key]) for key in ("table", "lambda", "steps", "pictures_of_rates")},
        "grid": ", ".join(f"{key} {value}" for key, value in size["grid"].items()),
        "method": METHOD,
        **rates(found, size, goals),
        **regularisation(found, size, goals),
        **annealing(found, size, goals),
        **longer(found["longer"], size, goals),
        **convergence(found["convergence"], size),
        **streaming(found["streaming"]),
        **instant_ngp(found, size),
    }
    goals = goals if size["has_goals"] else {}
    of = {key: {**goal, "what": goal["what"].format_map(size)} for key, goal in STUDY["goals"].items()}
    return {**filled, "goals": goals_table(of, goals)}


def _curves(found: Found, section: str) -> Drawn:
    return {name: list(of.values()) for name, of in found[section]["curves"].items()}


def _saved(anchor: Cells, tested: Cells) -> list[float]:
    """BD-rates in per cent, one for each seed for which the curves have enough PSNR in common."""
    found = []
    for seed in range(len(anchor[0])):
        one, other = ([(cell[seed]["rate"], cell[seed]["psnr_db"]) for cell in curve] for curve in (anchor, tested))
        if (difference := bd_rate(one, other)) is not None:
            found.append(difference.percent)
    return found


def _percent(values: Sequence[float]) -> str:
    """Mean and standard deviation of BD-rates."""
    return f"{'+' * (statistics.mean(values) > 0)}{plus_minus(values, 1)} %" if values else "too little in common"


def _seconds(points: Points, pictures: int) -> list[float]:
    """Of training, for one picture, with each seed."""
    return [point["train_s"] / pictures for point in points]


def _against(found: Drawn, anchor: str, what: str, size: Found) -> tuple[str, dict[str, list[float]]]:
    """A table with a row for each curve, and the BD-rates against the anchor."""
    saved = {name: _saved(found[anchor], cells) for name, cells in found.items() if name != anchor}
    header = [what, *(f"T = 2^{log2}: dB (bpp)" for log2 in size["tables"]), f"bits against {anchor}"]
    rows = [
        [name, *map(db_at_rate, cells), _percent(saved[name]) if name in saved else ""] for name, cells in found.items()
    ]
    return table(header, rows), saved


def rates(found: Found, size: Found, goals: dict[str, float]) -> dict[str, str]:
    """Against classical codecs, photograph by photograph."""
    ours, pictures = list(found["rates"]["ours"].values()), size["pictures_of_rates"]
    saved = {
        picture: {codec: _bd_rates(ours, points, picture) for codec, points in of.items()}
        for picture, of in found["classical"].items()
    }
    codecs = list(next(iter(saved.values())))
    rows = [
        [
            f"T = 2^{each['log2']}, lambda {each['lambda']:g}",
            db(points),
            rate(points),
            plus_minus(_seconds(points, pictures), 1),
        ]
        for each, points in zip(size["rates"], ours, strict=True)
    ]
    by_picture = [[name, *(_percent(of[codec]) for codec in codecs)] for name, of in saved.items()]
    means = {codec: [statistics.mean(of[codec]) for of in saved.values() if of[codec]] for codec in codecs}
    for name, summary in (("mean over pictures", statistics.mean), ("worst", max)):
        by_picture.append([name, *(f"{summary(of):+.1f} %" if of else "" for of in means.values())])
    goals["inside"] = sum(0.2 <= mean(points, "rate") <= 1 for points in ours)
    goals["slowest"] = max(statistics.mean(_seconds(points, pictures)) for points in ours)
    if means[JPEG]:
        goals |= {"jpeg": statistics.mean(means[JPEG]), "jpeg_worst": max(means[JPEG])}
    return {
        "rates": table(["", "PSNR, dB", "bits per pixel", "seconds a picture"], rows),
        "bd_rates": table(["", *codecs], by_picture),
    }


def _bd_rates(ours: Cells, classical: Sequence[tuple[float, float]], picture: str) -> list[float]:
    """Of one picture against one codec, one for each seed."""
    seeds = range(len(ours[0]))
    each = [bd_rate(classical, [cell[seed]["signals"][picture] for cell in ours]) for seed in seeds]
    return [difference.percent for difference in each if difference is not None]


def regularisation(found: Found, size: Found, goals: dict[str, float]) -> dict[str, str]:
    """Figure 9."""
    text, saved = _against(_curves(found, "regularisation"), "lambda 0", "", size)
    if of := saved[f"lambda {size['lambda']:g}"]:
        goals["regularisation"] = statistics.mean(of)
    return {"regularisation": text}


def annealing(found: Found, size: Found, goals: dict[str, float]) -> dict[str, str]:
    """Figure 10."""
    text, saved = _against(_curves(found, "annealing"), "ste", "rounding", size)
    if saved["soft_round"]:
        goals["soft_round"] = statistics.mean(saved["soft_round"])
    return {"annealing": text}


def longer(found: Mapping[str, Mapping[str, Points]], size: Found, goals: dict[str, float]) -> dict[str, str]:
    """The rate-distortion cost against the training length."""
    costs = _costs(found, size)
    lengths = list(next(iter(costs.values())))
    rows = [
        [name, *(plus_minus([1e3 * cost for cost in of], 2) for of in cells.values())] for name, cells in costs.items()
    ]
    worse = [
        f"{name}, {steps} steps"
        for name, cells in costs.items()
        for (_, before), (steps, after) in pairwise(cells.items())
        if statistics.mean(after) > statistics.mean(before)
    ]
    goals["longer"] = sum(name.startswith("the codec") for name in worse)
    header = ["1000 x cost", *(f"{steps} steps" for steps in lengths)]
    return {"longer": table(header, rows), "worse": ", ".join(worse) or "none"}


def _costs(found: Found, size: Found) -> dict[str, dict[str, list[float]]]:
    """By name and training length, with each seed; older figures have them instead of points."""
    return {
        name: {
            steps: [point if isinstance(point, float) else _cost(point["signals"], size) for point in points]
            for steps, points in cells.items()
        }
        for name, cells in found.items()
    }


def _cost(signals: Mapping[str, tuple[float, float]], size: Found) -> float:
    return statistics.mean(4 * 10 ** (-psnr_db / 10) + size["lambda"] * bits for bits, psnr_db in signals.values())


def convergence(found: Mapping[str, Mapping[str, Points]], size: Found) -> dict[str, str]:
    """Figure 8."""
    rows = [
        [f"{name}, {steps} steps", plus_minus(_seconds(points, size["pictures"]), 1), db(points), rate(points)]
        for name, cells in found.items()
        for steps, points in cells.items()
    ]
    seconds = f"\n\n{_seconds_to(found['shacira'], size['pictures'])}" if size["data"] == "kodak" else ""
    return {
        "convergence": table(["", "seconds a picture", "PSNR, dB", "bits per pixel"], rows),
        "seconds_to": seconds,
    }


def _seconds_to(cells: Mapping[str, Points], pictures: int) -> str:
    """When the pictures reach what the paper reports of one of them."""
    fits = [point for points in cells.values() for point in points]
    said = []
    for psnr_db, published in STUDY["published_seconds"].items():
        in_time = [[p["train_s"] for p in fits if p["signals"][name][1] >= psnr_db] for name in fits[0]["signals"]]
        reached = [min(seconds) / pictures for seconds in in_time if seconds]
        here = f"{statistics.median(reached):.0f} s, the median of {len(reached)} pictures" if reached else "never"
        said.append(f"{psnr_db:g} dB: {here} (paper, one picture: {published} s)")
    return f"Seconds a picture, fitted with the others as one batch, to {'; to '.join(said)}."


def streaming(found: Mapping[str, Points]) -> dict[str, str]:
    """Figure 7."""
    plain, dropped = found.values()
    names = [name for name in plain[0]["levels"] if all(name in p["levels"] for p in (*plain, *dropped))]

    def cells(points: Points, level: str) -> list[str]:
        bits = statistics.mean(p["rate"] * p["levels"][level][1] / p["bytes"] for p in points)
        return [f"{bits:.3f}", plus_minus([p["levels"][level][0] for p in points])]

    header = ["files cut after", "bits per pixel", "PSNR, dB", "level_dropout 0.3: bpp", "PSNR, dB"]
    return {"streaming": table(header, [[f"level {n}", *cells(plain, n), *cells(dropped, n)] for n in names])}


def instant_ngp(found: Found, size: Found) -> dict[str, str]:
    """Table 1."""
    ours: dict[str, Points] = {}  # those that have a higher PSNR than all with fewer bits
    every = {
        f"T = 2^{log2}, {name}": points
        for name, cells in _curves(found, "regularisation").items()
        for log2, points in zip(size["tables"], cells, strict=True)
    }
    for name, points in sorted(every.items(), key=lambda cell: mean(cell[1], "rate")):
        if all(mean(points, "psnr_db") > mean(other, "psnr_db") for other in ours.values()):
            ours[name] = points
    rows = [
        [f"Instant-NGP, T = 2^{log2}, two features in fp16", db(points), rate(points), _times(ours.values(), points)]
        for log2, points in found["instant_ngp"]["theirs"].items()
    ]
    rows += [[f"shacira, {name}", db(points), rate(points), ""] for name, points in ours.items()]
    return {"instant_ngp": table(["", "PSNR, dB", "bits per pixel", "bits of shacira at that PSNR"], rows)}


def _times(ours: Iterable[Points], theirs: Points) -> str:
    """How many times fewer bits our curve takes at their PSNR (the logarithm of the rate, linear between cells)."""
    known, goal = sorted((mean(points, "psnr_db"), mean(points, "rate")) for points in ours), mean(theirs, "psnr_db")
    for (low, before), (high, after) in pairwise(known):
        if low <= goal <= high:
            part = (goal - low) / (high - low) if high > low else 0.0
            return f"1/{mean(theirs, 'rate') / (before ** (1 - part) * after**part):.1f}"
    return ""


def plots(found: Found, size: Found) -> dict[str, list[Panel]]:
    """The plots of the report."""
    ours, classical = list(found["rates"]["ours"].values()), list(found["classical"].values())
    lines = [curve("shacira", ours)]
    for codec in classical[0]:
        settings = zip(*(of[codec] for of in classical), strict=True)  # of each, the points of all pictures
        means = [tuple(statistics.mean(figures) for figures in zip(*points, strict=True)) for points in settings]
        lines.append(Curve(codec, [point for point in means if point[0] < 2 * mean(ours[-1], "rate")], dashed=True))
    pictures, costs = size["pictures"], _costs(found["longer"], size)
    by_seconds = [
        Curve(
            name,
            [(statistics.mean(_seconds(points, pictures)), mean(points, "psnr_db")) for points in cells.values()],
            dashed=name != "shacira",
        )
        for name, cells in found["convergence"].items()
    ]
    by_steps = [
        Curve(name, [(int(s), statistics.mean(of)) for s, of in cells.items()]) for name, cells in costs.items()
    ]
    annealed = {name: cells for name, cells in _curves(found, "annealing").items() if "," not in name}
    return {
        "": [Panel("bits per pixel", [line for line in lines if line.points])],
        "-regularisation": [Panel("bits per pixel", _lines(_curves(found, "regularisation"), "lambda 0"))],
        "-annealing": [Panel("bits per pixel", _lines(annealed, "ste"))],
        "-steps": [Panel("seconds a picture", by_seconds), Panel("training steps", by_steps, "MSE + lambda x bpp")],
    }


def _lines(found: Drawn, anchor: str) -> list[Curve]:
    return [curve(name, cells, dashed=name == anchor) for name, cells in found.items()]


if __name__ == "__main__":
    packages = ("torch", "numpy", "pillow")
    Reproduction(__file__, __doc__, seeds=2, packages=packages, beside=measure_classical).run(fill, plots)
