"""COMBINER (Guo et al., NeurIPS 2023, arXiv 2305.19185): its figures again, on whole files decoded in a new process.

Rates and PSNR on CIFAR-10 beside what other neural codecs have published, refinement and prior learning left out
(figure 4), refinement steps (figure 5), training signals of the prior (figure 8), coding times (tables 1 and 2), files
against the KL divergence, priors that start from a neighbour's, and a photograph against JPEG. With `--data cifar10`
the test images of the data folder, with priors from its training images, on a core; `cifar10-500`, `kodak` and
`librispeech` are the sizes of the paper, which want a GPU, and for the last two photographs and clips to learn priors
from: `--set train=PATH`. `--share` makes all lengths shorter.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.interpolate import make_interp_spline

from benchmarks.command import Filling, Found
from benchmarks.curves import Curve, Panel
from benchmarks.reproduce.points import Pairs, Points, by_steps, curve, db, goal_rows, mean, mean_db
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
    whole = [(mean(points, "rate"), mean_db(points)) for points in found["rates"].values()]
    cells = [point for points in found["rates"].values() for point in points]
    refined, alone = found["ablations"]["A* coding alone, refined"], found["ablations"]["A* coding alone"]
    excess = [100 * (point["file_bits"] / point["kl_bits"] - 1) for point in cells]
    bare = [100 * (INDEX_BITS * point["blocks"] / point["kl_bits"] - 1) for point in cells]
    of_refinement = [mean_db(a) - mean_db(b) for a, b in zip(refined.values(), alone.values(), strict=True)]
    of_prior = [-_gain(points, whole) for points in found["ablations"]["layer-wise prior"].values()]
    prior_s, timed = max(point["prior_s"] for point in cells), [points[0] for points in found["times"].values()]
    goals: dict[str, float] = {
        "excess": max(excess),
        "excess_bare": max(bare),
        "prior_s": prior_s,
        "inexact": sum(not point["exact"] for point in cells),
        "refinement": min(of_refinement),
        "prior": min(of_prior),
        "encoding": max(point["fit_s"] + point["code_s"] for point in timed),
        "decoding": max(point["decode_ms"] for point in timed),
    }
    for limit in (float(key[3:]) for key in STUDY["goals"] if key.startswith("at_")):
        goals[f"at_{limit:g}"] = max((psnr_db for rate, psnr_db in whole if rate <= limit), default=-math.inf)
    signals = found["training_signals"]
    if {"16", "48"} <= set(signals):
        goals["few_signals"] = _gain(signals["48"], whole) - _gain(signals["16"], whole)
    photograph, of_photograph = _photograph(found)
    return {
        "others": _published(size),
        "of_others": lambda points: _of_others(points, size),
        "gain": lambda points: _gain(points, whole),
        "against": lambda points: f"{mean(points, 'rate'):.2f}: {db(points)} ({_gain(points, whole):+.2f})",
        "excess": excess,
        "excess_bare": bare,
        "prior_s": prior_s,
        "prior_bytes": max(point["prior_bytes"] for point in cells),
        "of_refinement": of_refinement,
        "of_prior": of_prior,
        **photograph,
        "priors": {"as everywhere else": found["rates"], **found["neighbours"]},
        "goals": goal_rows(STUDY["goals"], goals | of_photograph, size),
    }


def _at_rate(pairs: Pairs, rate: float) -> float:
    """The PSNR of a curve at a rate: linear in the logarithm of the rate, beyond the ends as between the last two."""
    rates, psnrs = zip(*sorted(dict(pairs).items()), strict=True)
    return float(make_interp_spline(np.log(rates), psnrs, k=1)(math.log(rate))) if len(rates) > 1 else psnrs[0]


def _gain(points: Points, pairs: Pairs) -> float:
    """How far a cell is above a curve at its own rate, in dB."""
    return mean_db(points) - _at_rate(pairs, mean(points, "rate"))


def _of_others(points: Points, size: Found) -> list[str]:
    """The PSNRs of other codecs at the rate of a cell, where they have published figures around it."""
    here, curves = mean(points, "rate"), [other.points for other in _published(size)]
    return [f"{_at_rate(of, here):.2f}" if of[0].rate <= here <= of[-1].rate else "" for of in curves]


def _published(size: Found) -> Sequence[PublishedCurve]:
    return published(DatasetEntry.model_validate(size["data"], strict=False)).curves


def _photograph(found: Found) -> tuple[Filling, dict[str, float]]:
    """One picture against JPEG, where it was measured; and what was found of the goals."""
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
    goals = dict(zip(("photograph", "photograph_s"), ahead[min(ahead)], strict=True)) if ahead else {}
    return {"of_photograph": table, "picture": picture}, goals


def plots(found: Found, size: Found) -> Plots:
    ours = curve("combiner", found["rates"].values())
    others = [Curve(other.name, other.points, dashed=True) for other in _published(size)]
    ablated = [curve(name, cells.values(), dashed=True) for name, cells in found["ablations"].items()]
    return {
        "": [Panel(size["unit"], [ours, *others])],
        "-ablation": [Panel(size["unit"], [ours, *ablated])],
        "-refinement": [Panel("refinement steps after a block", by_steps(found["refinement"]))],
    }


if __name__ == "__main__":
    reproduce(__file__, __doc__, fill, plots, beside=measure_jpeg)
