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
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from benchmarks.command import Found
from benchmarks.curves import Curve, Panel
from benchmarks.reproduce.points import Points, curve, db, goals_table, mean
from benchmarks.reproduce.reproduction import Reproduction
from benchmarks.reproduce.study import read_study
from benchmarks.tables import table
from searchinr.codecs.combiner.samples import INDEX_BITS
from searchinr.engine.report.published import PublishedCurve, published
from searchinr.signals.datasets import load_dataset
from searchinr.signals.registry import MODALITIES
from searchinr.space.schema import DatasetEntry

JPEG_QUALITIES = (1, 2, 3, 5, 8, 12, 20, 30, 45, 60)
PHOTOGRAPH_RATE = 0.35
STUDY = read_study("combiner")

Cells = Mapping[str, Points]
Pairs = Sequence[tuple[float, float]]
"""Rates and PSNRs."""


def measure_jpeg(size: Found) -> Found:
    """Rates and PSNRs of JPEG on the photograph, from its smallest file on."""
    entry = {"name": "photos", "downscale": [96, 144], "limit": 1}
    [signal] = load_dataset(DatasetEntry.model_validate(entry, strict=False)).signals
    modality = MODALITIES[signal.layout.modality]
    codec = next(codec for codec in modality.peers if codec.name.startswith("JPEG ("))
    found = []
    for quality in JPEG_QUALITIES:
        file = codec.encode(signal, quality)
        decoded = codec.decode(file, signal.layout)
        found.append((modality.rate(signal.layout, len(file)), modality.quality(signal, decoded)["psnr_db"]))
    return {"jpeg": sorted(found)}


def fill(found: Found, size: Found) -> dict[str, str]:
    """The figures of the report."""
    goals: dict[str, float] = {}
    filled = {
        **{key: str(size[key]) for key in ("steps", "batch", "unit", "paper_times")},
        "common": ", ".join(f"{key} {value}" for key, value in size["common"].items()),
        **rates(found["rates"], size, goals),
        **ablations(found, size, goals),
        **training_signals(found, size, goals),
        **photograph(found, goals),
        **times(found["times"], size, goals),
        **neighbours(found),
        **refinement(found["refinement"]),
    }
    goals = goals if size["has_goals"] else {}
    of = {key: {**goal, "what": goal["what"].format_map(size)} for key, goal in STUDY["goals"].items()}
    return {**filled, "goals": goals_table(of, goals)}


def _pairs(cells: Cells) -> Pairs:
    return [(mean(points, "rate"), mean(points, "psnr_db")) for points in cells.values()]


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
    return mean(points, "psnr_db") - _at_rate(pairs, mean(points, "rate"))


def _against(pairs: Pairs, cells: Iterable[Points]) -> list[str]:
    """Rate and PSNR of cells, and how far they are above a curve."""
    return [f"{mean(points, 'rate'):.2f}: {db(points)} ({_gain(pairs, points):+.2f})" for points in cells]


def rates(found: Cells, size: Found, goals: dict[str, float]) -> dict[str, str]:
    """Rates and PSNR beside other codecs, and files against the KL divergence."""
    known = _published(size)
    rows = []
    for beta, points in found.items():
        here = mean(points, "rate")
        inside = [other.points[0].rate <= here <= other.points[-1].rate for other in known]
        there = [f"{_at_rate(o.points, here):.2f}" if within else "" for o, within in zip(known, inside, strict=True)]
        rows.append([f"{float(beta):g}", f"{points[0]['blocks']:.0f}", f"{here:.3f}", db(points), *there])
    for limit in (float(key[3:]) for key in STUDY["goals"] if key.startswith("at_")):
        goals[f"at_{limit:g}"] = max((psnr_db for rate, psnr_db in _pairs(found) if rate <= limit), default=-math.inf)
    cells = [point for points in found.values() for point in points]
    excess = [100 * (point["file_bits"] / point["kl_bits"] - 1) for point in cells]
    bare = [100 * (INDEX_BITS * point["blocks"] / point["kl_bits"] - 1) for point in cells]
    slowest = max(point["prior_s"] for point in cells)
    goals |= {"excess": max(excess), "excess_bare": max(bare), "prior_s": slowest}
    goals["inexact"] = sum(not point["exact"] for point in cells)
    header = ["beta", "blocks", size["unit"], "PSNR, dB", *(f"{other.name} there" for other in known)]
    return {
        "rates": table(header, rows),
        "excess": ", ".join(f"{percent:.1f}" for percent in excess),
        "excess_bare": ", ".join(f"{percent:.1f}" for percent in bare),
        "prior_s": f"{slowest:.0f}",
        "prior_bytes": f"{max(point['prior_bytes'] for point in cells):,}",
    }


def _published(size: Found) -> Sequence[PublishedCurve]:
    return published(DatasetEntry.model_validate(size["data"], strict=False)).curves


def ablations(found: Found, size: Found, goals: dict[str, float]) -> dict[str, str]:
    """Figure 4."""
    whole, of = _pairs(found["rates"]), found["ablations"]
    rows = [[name, *_against(whole, cells.values())] for name, cells in of.items()]
    longest = max(map(len, rows))
    pairs = zip(of["A* coding alone, refined"].values(), of["A* coding alone"].values(), strict=True)
    of_refinement = [mean(a, "psnr_db") - mean(b, "psnr_db") for a, b in pairs]
    of_prior = [-_gain(whole, points) for points in of["layer-wise prior"].values()]
    goals |= {"refinement": min(of_refinement), "prior": min(of_prior)}
    header = [f"{size['unit']}: dB (against all, at that rate)", *[""] * (longest - 1)]
    return {
        "ablations": table(header, [row + [""] * (longest - len(row)) for row in rows]),
        "of_refinement": ", ".join(f"{gain:+.2f}" for gain in of_refinement),
        "of_prior": ", ".join(f"{gain:+.2f}" for gain in of_prior),
    }


def training_signals(found: Found, size: Found, goals: dict[str, float]) -> dict[str, str]:
    """Figure 8."""
    whole, of = _pairs(found["rates"]), found["training_signals"]
    gains = {count: _gain(whole, points) for count, points in of.items()}
    rows = [
        [count, f"{mean(points, 'rate'):.3f}", db(points), f"{gains[count]:+.2f}", f"{points[0]['prior_s']:.0f}"]
        for count, points in of.items()
    ]
    if {"16", "48"} <= set(gains):
        goals["few_signals"] = gains["48"] - gains["16"]
    header = ["signals", size["unit"], "PSNR, dB", "against all, at that rate", "s to learn"]
    return {"training_signals": table(header, rows)}


def photograph(found: Found, goals: dict[str, float]) -> dict[str, str]:
    """One picture against JPEG, where it was measured."""
    if "photograph" not in found:
        return dict.fromkeys(("photograph", "picture", "smallest"), "")
    jpeg: Pairs = [tuple(pair) for pair in found["jpeg"]]
    rows, ahead = [], {}
    for beta, points in found["photograph"].items():
        here, point = mean(points, "rate"), points[0]
        known = _at_rate(jpeg, here) if here >= jpeg[0][0] else jpeg[0][1]
        seconds = point["prior_s"] + point["fit_s"] + point["code_s"]
        same = next((f"{rate:.2f}" for rate, psnr_db in jpeg if psnr_db >= mean(points, "psnr_db")), "")
        row = [f"{float(beta):g}", f"{here:.3f}", db(points), f"{known:.2f}", same]
        rows.append([*row, f"{point['prior_s']:.0f}", f"{seconds:.0f}"])
        ahead[abs(math.log(here / PHOTOGRAPH_RATE))] = (mean(points, "psnr_db") - known, seconds)
    goals["photograph"], goals["photograph_s"] = ahead[min(ahead)]
    header = ["beta", "bpp", "PSNR, dB", "JPEG, dB", "JPEG's bpp for that PSNR", "prior, s", "in all, s"]
    [name] = next(iter(found["photograph"].values()))[0]["signals"]
    smallest = f"{jpeg[0][0]:.3f} bpp and {jpeg[0][1]:.2f} dB"
    return {"photograph": table(header, rows), "picture": name, "smallest": smallest}


def times(found: Cells, size: Found, goals: dict[str, float]) -> dict[str, str]:
    """Tables 1 and 2."""
    rows = []
    for points in found.values():
        point = points[0]
        seconds = (point["fit_s"], point["code_s"], point["fit_s"] + point["code_s"])
        label = f"{mean(points, 'rate'):.2f} {size['unit']}"
        rows.append([label, *(f"{each:.2f}" for each in seconds), f"{point['decode_ms']:.1f}"])
    goals["encoding"] = max(points[0]["fit_s"] + points[0]["code_s"] for points in found.values())
    goals["decoding"] = max(points[0]["decode_ms"] for points in found.values())
    header = ["", "posteriors, s", "coding and refinement, s", "encoding, s", "decoding, ms"]
    return {"times": table(header, rows)}


def neighbours(found: Found) -> dict[str, str]:
    """Priors that start from that of the next larger beta."""
    whole = _pairs(found["rates"])
    rows = [
        [name, *_against(whole, cells.values()), f"{sum(points[0]['prior_s'] for points in cells.values()):.0f}"]
        for name, cells in {"as everywhere else": found["rates"], **found["neighbours"]}.items()
    ]
    header = ["priors", *(f"beta {float(beta):g}" for beta in found["rates"]), "s to learn all"]
    return {"neighbours": table(header, rows)}


def refinement(found: Mapping[str, Cells]) -> dict[str, str]:
    """Figure 5."""
    some = next(iter(next(iter(found.values())).values()))
    rows = [[name, *map(db, cells.values())] for name, cells in found.items()]
    for name, cells in found.items():
        rows.append([f"{name}, s", *(f"{points[0]['code_s']:.2f}" for points in cells.values())])
    return {
        "refinement": table(["steps after a block", *next(iter(found.values()))], rows),
        "refined_rate": f"{mean(some, 'rate'):.2f}",
        "refined_blocks": f"{some[0]['blocks']:.0f}",
    }


def plots(found: Found, size: Found) -> dict[str, list[Panel]]:
    """The plots of the report."""
    ours = curve("combiner", found["rates"].values())
    others = [Curve(other.name, other.points, dashed=True) for other in _published(size)]
    ablated = [curve(name, cells.values(), dashed=True) for name, cells in found["ablations"].items()]
    refined = [
        Curve(name, [(int(steps), mean(points, "psnr_db")) for steps, points in cells.items() if steps != "0"])
        for name, cells in found["refinement"].items()
    ]
    return {
        "": [Panel(size["unit"], [ours, *others])],
        "-ablation": [Panel(size["unit"], [ours, *ablated])],
        "-refinement": [Panel("refinement steps after a block", refined)],
    }


if __name__ == "__main__":
    packages = ("torch", "numpy", "pillow")
    Reproduction(__file__, __doc__, seeds=1, packages=packages, beside=measure_jpeg).run(fill, plots)
