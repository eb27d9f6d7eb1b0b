"""COMBINER (Guo et al., NeurIPS 2023, arXiv 2305.19185): its figures again, on whole files decoded in a new process.

    python -m benchmarks.reproduce.combiner --runs DIR --json reports/combiner.json --markdown reports/combiner.md

Rates and PSNR on CIFAR-10 beside what other neural codecs have published, refinement and prior learning left out
(figure 4), refinement steps (figure 5), training signals of the prior (figure 8), coding times (tables 1 and 2), files
against the KL divergence, priors that start from a neighbour's, and a photograph against JPEG. With `--data cifar10`
the test images of the data folder, with priors from its training images, on a core; `cifar10-500`, `kodak` and
`librispeech` are the sizes of the paper, which want a GPU, and for the last two photographs and clips to learn priors
from: `--set train=PATH`. `--share` makes all lengths shorter.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from benchmarks.command import Filling, Found, Rows
from benchmarks.curves import Curve, Panel
from benchmarks.reproduce.points import Cells, Pairs, Points, by_steps, curve, db, goal_rows, mean, mean_db, rate, rows
from benchmarks.reproduce.reproduction import Plots, reproduce
from benchmarks.reproduce.study import read_study
from searchinr.codecs.combiner.samples import INDEX_BITS
from searchinr.engine.report.published import PublishedCurve, published
from searchinr.signals.datasets import load_dataset
from searchinr.signals.registry import MODALITIES
from searchinr.space.schema import DatasetEntry

JPEG_QUALITIES = (1, 2, 3, 5, 8, 12, 20, 30, 45, 60)
PHOTOGRAPH_RATE = 0.35
STUDY = read_study("combiner")


def measure_jpeg(size: Found) -> Found:
    """Rates and PSNRs of JPEG on the photograph, from its smallest file on."""
    [signal] = load_dataset(DatasetEntry(name="photos", downscale=(96, 144), limit=1)).signals
    modality = MODALITIES[signal.layout.modality]
    codec = next(codec for codec in modality.peers if codec.name.startswith("JPEG ("))
    files = [codec.encode(signal, quality) for quality in JPEG_QUALITIES]
    decoded = [modality.quality(signal, codec.decode(file, signal.layout))["psnr_db"] for file in files]
    return {"jpeg": sorted(zip((modality.rate(signal.layout, len(file)) for file in files), decoded, strict=True))}


def fill(found: Found, size: Found) -> Filling:
    """The figures of the report."""
    goals: dict[str, float] = {}
    whole, signals = _pairs(found["rates"]), found["training_signals"]
    gains = {count: _gain(whole, points) for count, points in signals.items()}
    if {"16", "48"} <= set(gains):
        goals["few_signals"] = gains["48"] - gains["16"]
    priors = {"as everywhere else": found["rates"], **found["neighbours"]}
    some = next(iter(found["refinement"].values()))
    at = next(iter(some.values()))
    seconds = {f"{name}, s": cells for name, cells in found["refinement"].items()}
    return {
        "common": ", ".join(f"{key} {value}" for key, value in size["common"].items()),
        **rates(found["rates"], size, goals),
        **ablations(found["ablations"], whole, goals),
        "training_signals": [
            [count, rate(points), db(points), f"{gains[count]:+.2f}", f"{points[0]['prior_s']:.0f}"]
            for count, points in signals.items()
        ],
        **photograph(found, goals),
        "times": times(found["times"], size, goals),
        "betas": [f"beta {float(beta):g}" for beta in found["rates"]],
        "neighbours": [
            [name, *_against(whole, cells), f"{sum(points[0]['prior_s'] for points in cells.values()):.0f}"]
            for name, cells in priors.items()
        ],
        "refinements": list(some),
        "refinement": [*rows(found["refinement"], db), *rows(seconds, lambda points: f"{points[0]['code_s']:.2f}")],
        "refined_rate": f"{mean(at, 'rate'):.2f}",
        "refined_blocks": f"{at[0]['blocks']:.0f}",
        "goals": goal_rows(STUDY["goals"], goals, size),
    }


def _pairs(cells: Cells) -> Pairs:
    return [(mean(points, "rate"), mean_db(points)) for points in cells.values()]


def _at_rate(pairs: Pairs, rate: float) -> float:
    """The PSNR of a curve at a rate: linear in the logarithm of the rate, beyond the ends as between the last two."""
    known = sorted(dict(pairs).items())
    if len(known) == 1:
        return known[0][1]
    sections = list(pairwise(known))
    (low, before), (high, after) = next((each for each in sections if rate <= each[1][0]), sections[-1])
    return before + (after - before) * math.log(rate / low) / math.log(high / low)


def _gain(pairs: Pairs, points: Points) -> float:
    """How far a cell is above a curve at its own rate, in dB."""
    return mean_db(points) - _at_rate(pairs, mean(points, "rate"))


def _against(pairs: Pairs, cells: Cells) -> list[str]:
    """Rate and PSNR of cells, and how far they are above a curve."""
    each = cells.values()
    return [f"{mean(points, 'rate'):.2f}: {db(points)} ({_gain(pairs, points):+.2f})" for points in each]


def rates(found: Cells, size: Found, goals: dict[str, float]) -> Filling:
    """Rates and PSNR beside other codecs, and files against the KL divergence."""
    known, table = _published(size), []
    for beta, points in found.items():
        here = mean(points, "rate")
        inside = [other.points[0].rate <= here <= other.points[-1].rate for other in known]
        there = [f"{_at_rate(o.points, here):.2f}" if within else "" for o, within in zip(known, inside, strict=True)]
        table.append([f"{float(beta):g}", f"{points[0]['blocks']:.0f}", f"{here:.3f}", db(points), *there])
    for limit in (float(key[3:]) for key in STUDY["goals"] if key.startswith("at_")):
        goals[f"at_{limit:g}"] = max((psnr_db for rate, psnr_db in _pairs(found) if rate <= limit), default=-math.inf)
    cells = [point for points in found.values() for point in points]
    excess = [100 * (point["file_bits"] / point["kl_bits"] - 1) for point in cells]
    bare = [100 * (INDEX_BITS * point["blocks"] / point["kl_bits"] - 1) for point in cells]
    slowest = max(point["prior_s"] for point in cells)
    goals |= {"excess": max(excess), "excess_bare": max(bare), "prior_s": slowest}
    goals["inexact"] = sum(not point["exact"] for point in cells)
    return {
        "others": [f"{other.name} there" for other in known],
        "rates": table,
        "excess": ", ".join(f"{percent:.1f}" for percent in excess),
        "excess_bare": ", ".join(f"{percent:.1f}" for percent in bare),
        "prior_s": f"{slowest:.0f}",
        "prior_bytes": f"{max(point['prior_bytes'] for point in cells):,}",
    }


def _published(size: Found) -> Sequence[PublishedCurve]:
    return published(DatasetEntry.model_validate(size["data"], strict=False)).curves


def ablations(found: Mapping[str, Cells], whole: Pairs, goals: dict[str, float]) -> Filling:
    """Figure 4."""
    table = [[name, *_against(whole, cells)] for name, cells in found.items()]
    longest = max(map(len, table))
    refined, alone = found["A* coding alone, refined"].values(), found["A* coding alone"].values()
    of_refinement = [mean_db(a) - mean_db(b) for a, b in zip(refined, alone, strict=True)]
    of_prior = [-_gain(whole, points) for points in found["layer-wise prior"].values()]
    goals |= {"refinement": min(of_refinement), "prior": min(of_prior)}
    return {
        "blanks": [""] * (longest - 1),
        "ablations": [row + [""] * (longest - len(row)) for row in table],
        "of_refinement": ", ".join(f"{gain:+.2f}" for gain in of_refinement),
        "of_prior": ", ".join(f"{gain:+.2f}" for gain in of_prior),
    }


def photograph(found: Found, goals: dict[str, float]) -> Filling:
    """One picture against JPEG, where it was measured."""
    jpeg: Pairs = [(rate, psnr_db) for rate, psnr_db in found["jpeg"]]
    table, ahead, picture = [], {}, ""
    for beta, points in found.get("photograph", {}).items():
        here, point, psnr_db = mean(points, "rate"), points[0], mean_db(points)
        known = _at_rate(jpeg, here) if here >= jpeg[0][0] else jpeg[0][1]
        seconds = point["prior_s"] + point["fit_s"] + point["code_s"]
        same = next((f"{rate:.2f}" for rate, theirs in jpeg if theirs >= psnr_db), "")
        row = [f"{float(beta):g}", f"{here:.3f}", db(points), f"{known:.2f}", same]
        table.append([*row, f"{point['prior_s']:.0f}", f"{seconds:.0f}"])
        ahead[abs(math.log(here / PHOTOGRAPH_RATE))] = (psnr_db - known, seconds)
        [picture] = point["signals"]
    if ahead:
        goals["photograph"], goals["photograph_s"] = ahead[min(ahead)]
    smallest = f"{jpeg[0][0]:.3f} bpp and {jpeg[0][1]:.2f} dB" if table else ""
    return {"photograph": table, "picture": picture, "smallest": smallest}


def times(found: Cells, size: Found, goals: dict[str, float]) -> Rows:
    """Tables 1 and 2."""
    table = []
    for points in found.values():
        fit_s, code_s, decode_ms = (points[0][key] for key in ("fit_s", "code_s", "decode_ms"))
        goals["encoding"] = max(goals.get("encoding", 0.0), fit_s + code_s)
        goals["decoding"] = max(goals.get("decoding", 0.0), decode_ms)
        seconds = (f"{each:.2f}" for each in (fit_s, code_s, fit_s + code_s))
        table.append([f"{mean(points, 'rate'):.2f} {size['unit']}", *seconds, f"{decode_ms:.1f}"])
    return table


def plots(found: Found, size: Found) -> Plots:
    """The plots of the report."""
    ours = curve("combiner", found["rates"].values())
    others = [Curve(other.name, other.points, dashed=True) for other in _published(size)]
    ablated = [curve(name, cells.values(), dashed=True) for name, cells in found["ablations"].items()]
    return {
        "": [Panel(size["unit"], [ours, *others])],
        "-ablation": [Panel(size["unit"], [ours, *ablated])],
        "-refinement": [Panel("refinement steps after a block", by_steps(found["refinement"]))],
    }


if __name__ == "__main__":
    reproduce(__file__, __doc__, fill, plots, seeds=1, packages=("torch", "numpy", "pillow"), beside=measure_jpeg)
