"""ANI ("Streamlined neural images", ECCV 2024 submission): its tables again, on whole files.

    python -m benchmarks.reproduce.ani --runs DIR --json reports/ani.json --markdown reports/ani.md

Five backbones (table 1), 8 and 4 bits after training and in it (table 3), which layers may be quantised (table 4),
what rate-aware training, searched steps and each coder save, and what every bit-width loses against an equally long fit
that is not quantised. Its supernet (figure 7) is in `supernet.py`. With `--data photos` four photographs at 96 x 144
and networks of width 32, about an hour of one core; with `--data kodak` the 24 pictures of Kodak and the paper's width,
which wants a GPU.
"""

from collections.abc import Mapping

import numpy as np

from benchmarks.command import Filling, Found
from benchmarks.curves import Panel
from benchmarks.reproduce.coders import CODERS, RAW, SHORTEST
from benchmarks.reproduce.points import Cells, Points, curve, db, difference, gains, mean, mean_db, plus_minus, rate
from benchmarks.reproduce.reproduction import Plots, reproduce
from benchmarks.reproduce.study import read_study

PUBLISHED = read_study("ani")["published"]
LEGEND = {"fixed": "fixed bit-width (lsq)", "aware": "trained against the rate", "searched": "the same, steps searched"}


def fill(found: Found, size: Found) -> Filling:
    """The figures of the report."""
    paper, backbones = PUBLISHED["backbones"], found["backbones"]
    of_paper = {name: backbones[name] for name in paper}
    return {
        "backbones": [
            [name, db(of), plus_minus([p["ssim"] for p in of], 3), rate(of), f"{paper[name]:.2f}"]
            for name, of in of_paper.items()
        ],
        "order": ", ".join(sorted(paper, key=lambda name: -mean_db(backbones[name]))),
        "paper_order": ", ".join(sorted(paper, key=lambda name: -paper[name])),
        **quantised(found["quantised"], size),
        **layers(found["layers"]),
        **bit_widths(found["bit_widths"], size),
        **coded(found["coded"], size),
    }


def quantised(found: Cells, size: Found) -> Filling:
    """Table 3."""
    kinds = ["fp32", f"fp32, {size['few']} steps more"]
    kinds += [f"{bits} bits {when}" for when in ("after", "in training") for bits in (8, 4)]
    table = []
    for name in (f"{backbone}, {kind}" for backbone in ("siren", "mfn") for kind in kinds):
        published = [f"{figure:.2f}" for figure in PUBLISHED["quantised"].get(name, ())] or ["", ""]
        table.append([name, db(found[name]), rate(found[name]), *published])
    which = [f"{backbone}, {bits} bits" for backbone in ("siren", "mfn") for bits in (8, 4)]
    gained = {name: difference(found[f"{name} in training"], found[f"{name} after"]) for name in which}
    return {"quantised": table, "training_gains": gains(gained)}


def layers(found: Mapping[str, Cells]) -> Filling:
    """Table 4."""
    table, costs = [], {}
    for backbone, paper in PUBLISHED["layers"].items():
        cells = found[backbone]
        for name in ("neither", "the first", "the last", "both"):
            published = f"{paper[name]:.2f}" if name in paper else ""
            table.append([f"{backbone}, {name}", db(cells[name]), rate(cells[name]), published])
            if name.startswith("the "):
                costs[f"{backbone}, {name}"] = difference(cells[name], cells["neither"])
    return {"layers": table, "layer_costs": gains(costs)}


def bit_widths(found: Mapping[str, Cells], size: Found) -> Filling:
    """What each bit-width loses, after training and in it."""
    start, *controls = found["fp16"].values()
    lengths = (size["few"], size["many"])
    compared = []
    for name in ("minmax", "mse", "kmeans", "adaround"):
        rounding = f", {size['few']} of rounding" if name == "adaround" else ""
        compared.append((f"{name}, {size['steps']} steps{rounding}", found[name], start))
    for further, control in zip(lengths, controls, strict=True):
        name = f"lsq, {further} steps more"
        compared += [(name, found[name], start), (f"{name}, against fp16 as long", found[name], control)]
    return {
        "bit_widths": [[name, *(f"{difference(of[b], base):+.2f}" for b in "86432")] for name, of, base in compared],
        "start": db(start),
        "controls": "; ".join(f"{n} steps more {db(points)}" for n, points in zip(lengths, controls, strict=True)),
    }


def coded(found: Mapping[str, Cells], size: Found) -> Filling:
    """What training against the rate, searched steps and each probability model save, on whole files."""
    fixed = {f"fixed, {bits} bits": points for bits, points in found["fixed"].items()}
    aware = {f"lambda {float(weight):g}": points for weight, points in found["aware"].items()}
    searched = {f"lambda {float(weight):g}, steps searched": points for weight, points in found["searched"].items()}
    models = [coder for coder in CODERS if coder != RAW]
    table, savings = [], []
    for name, points in {**fixed, **aware}.items():
        sizes = {coder: sum(point["coders"][coder] for point in points) for coder in CODERS}
        saved = [f"{100 * (1 - sizes[coder] / sizes[RAW]):.1f}" for coder in models]
        table.append([name, f"{mean(points, 'rate') * sizes[RAW] / sizes[SHORTEST]:.3f}", *saved])
    for name, cells in (("Trained against the rate", aware), ("With steps searched too", searched)):
        for what, coder in (("raw bits", RAW), ("coded bits", SHORTEST)):
            of = {bits: _saving(cells, fixed[f"fixed, {bits} bits"], coder) for bits in (4, 6)}
            saved_of = " and ".join(f"{100 * saving:.1f} % of {bits} {what}" for bits, saving in of.items())
            savings.append(f"{name}, files save {saved_of}")
    return {
        "rate_aware": [[name, db(points), rate(points)] for name, points in {**fixed, **aware, **searched}.items()],
        "coded": "".join(f", {key} {value:g}" for key, value in size["coded"].items()),
        "savings": ". ".join(savings),
        "models": [f"{coder}, %" for coder in models],
        "coders": table,
    }


def _saving(cells: Cells, fixed: Points, coder: str) -> float:
    """The fraction of a cell's bytes with a coder that a curve saves at its PSNR; NaN beyond the curve's ends."""
    known = sorted((mean_db(points), mean(points, "bytes")) for points in cells.values())
    psnrs, sizes = (np.array(column) for column in zip(*known, strict=True))
    size = np.exp(np.interp(mean_db(fixed), psnrs, np.log(sizes), left=np.nan, right=np.nan))
    return float(1 - size * len(fixed) / sum(point["coders"][coder] for point in fixed))


def plots(found: Found, size: Found) -> Plots:
    """The plot of the report."""
    curves = [curve(name, found["coded"][key].values(), dashed=key == "fixed") for key, name in LEGEND.items()]
    return {"": [Panel("bits per pixel", curves)]}


if __name__ == "__main__":
    reproduce(__file__, __doc__, fill, plots, seeds=3)
