"""ANI ("Streamlined neural images", ECCV 2024 submission): its tables again, on whole files.

    python -m benchmarks.reproduce.ani --json reports/ani.json --markdown reports/ani.md

Five backbones (table 1), 8 and 4 bits after training and in it (table 3), which layers may be quantised (table 4),
what rate-aware training, searched steps and each coder save, and what every bit-width loses against an equally long fit
that is not quantised. Its supernet (figure 7) is in `supernet.py`. With `--data photos` four photographs at 96 x 144
and networks of width 32, about an hour of one core; with `--data kodak` the 24 pictures of Kodak and the paper's width,
which wants a GPU.
"""

import argparse
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.curves import Curve, Panel, draw
from benchmarks.machine import describe_machine, machine_line
from benchmarks.reproduce.cells import (
    Bench,
    Cell,
    Points,
    db,
    difference,
    mean_db,
    mean_rate,
    plus_minus,
    rate,
    verdict,
)
from benchmarks.reproduce.coders import CODERS, RAW, SHORTEST
from benchmarks.tables import save, table
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.space import Value

PUBLISHED = {"fourier": 27.05, "siren": 27.98, "mfn": 29.16, "wire": 25.96, "diner": 27.34}
"""Table 1: PSNR in dB on Kodak."""
PUBLISHED_QUANTISED = {
    ("siren", "fp32"): (27.98, 5.44),
    ("siren", "8 bits after"): (27.78, 1.44),
    ("siren", "4 bits after"): (18.24, 0.77),
    ("siren", "8 bits in training"): (27.26, 1.44),
    ("siren", "4 bits in training"): (25.35, 0.77),
    ("mfn", "fp32"): (29.16, 5.72),
    ("mfn", "8 bits after"): (28.60, 1.72),
    ("mfn", "4 bits after"): (14.22, 1.05),
    ("mfn", "8 bits in training"): (28.61, 1.72),
    ("mfn", "4 bits in training"): (26.79, 1.05),
}
"""Table 3 on Kodak: PSNR in dB, and three times the printed bits per pixel, which were divided by the channels."""
PUBLISHED_LAYERS = {
    "siren": {"neither": 26.59, "the first": 23.74, "the last": 26.25},
    "mfn": {"neither": 28.72, "the first": 25.10, "the last": 28.42},
}
"""Table 4: PSNR in dB with 8 bits in training, by which edge layer has 8 bits as well."""


@dataclass(frozen=True)
class Size:
    """How large a reproduction is.

    Attributes:
        width: Of every network.
        depth: Of every network; the paper's "4 layers" are depth 5.
        steps: Training length before quantisation.
        further: Steps with the quantiser: few and many.
        batch_fraction: Points of each step, as a fraction of all.
        settings: Of the backbones, where the published ones suit only large pictures: picked out of two or three each,
            on the same pictures.
        coded: Of the cells whose symbols are coded: a learning rate at which training against the rate ends sooner, and
            which makes no difference to a fixed bit-width.
    """

    width: int
    depth: int
    steps: int
    further: tuple[int, int]
    batch_fraction: float
    settings: Mapping[str, Mapping[str, Value]]
    coded: Mapping[str, Value]


SIZES = {
    "photos": Size(
        32,
        4,
        600,
        (300, 1000),
        1.0,
        {
            "fourier": {"fourier.features": 32, "fourier.sigma": 4.0},
            "mfn": {"mfn.input_scale": 64.0},
            "wire": {"wire.omega": 5.0, "wire.sigma": 10.0},
            "diner": {"diner.table_size_log2": 10},
        },
        {"lr": 4.5e-3},
    ),
    "kodak": Size(128, 5, 1000, (500, 2000), 1.0, {}, {}),
}
EDGES = 16
"""Bits of what the paper leaves in fp32: the first and the last layer."""
RATE_WEIGHTS = (0.3, 0.8, 1.2, 2.0)


class Paper:
    """The cells of the paper, measured."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.size = bench, SIZES[bench.data]

    def whole(self, backbone: str, steps: int) -> Points:
        """Weights in fp16."""
        return self.fit(backbone, steps, {"quantizer": "fp16"})

    def after(self, backbone: str, quantizer: str, bits: int) -> Points:
        """Quantised after training, the edges in 16 bits; roundings that are learnt then are so in the fewer steps."""
        params: dict[str, Value] = {"quantizer": quantizer, "weight_bits": bits, "edge_bits": EDGES}
        steps = self.size.steps
        if QUANTIZERS[quantizer].keeps_weights:
            steps += self.size.further[0]
            params["qat_fraction"] = self.size.further[0] / steps
        return self.fit(backbone, steps, params)

    def during(self, backbone: str, bits: int, further: int, *, coders: bool = False, **params: Value) -> Points:
        """`lsq` in the last `further` steps, after as many as the others have; the edges in 16 bits."""
        steps = self.size.steps + further
        learnt: dict[str, Value] = {"quantizer": "lsq", "weight_bits": bits, "edge_bits": EDGES}
        return self.fit(backbone, steps, {**learnt, "qat_fraction": further / steps, **params}, coders=coders)

    def fit(self, backbone: str, steps: int, params: Mapping[str, Value], *, coders: bool = False) -> Points:
        """A network of the size."""
        size = self.size
        own = size.settings.get(backbone, {})
        common: dict[str, Value] = {"backbone": backbone, "width": size.width, "depth": size.depth}
        cell = Cell({**common, **own, "batch_fraction": size.batch_fraction, **params}, (steps,), coders=coders)
        return self.bench.measure(cell)[steps]


def backbones(paper: Paper, results: dict[str, Any]) -> str:
    """Table 1."""
    found = {name: paper.whole(name, paper.size.steps) for name in PUBLISHED}
    results["backbones"] = found
    header = ["", "PSNR, dB", "SSIM", "bits per pixel", "paper, dB"]
    rows = [
        [name, db(points), plus_minus([p.ssim for p in points], 3), rate(points), f"{PUBLISHED[name]:.2f}"]
        for name, points in found.items()
    ]
    order = sorted(found, key=lambda name: -mean_db(found[name]))
    paper_order = sorted(PUBLISHED, key=lambda name: -PUBLISHED[name])
    verdict = f"Order here: {', '.join(order)}; in the paper: {', '.join(paper_order)}."
    return "\n\n".join([table(header, rows), verdict])


def quantised(paper: Paper, results: dict[str, Any]) -> str:
    """Table 3."""
    few = paper.size.further[0]
    rows, kept = [], {}
    for backbone in ("siren", "mfn"):
        cells = {
            "fp32": paper.whole(backbone, paper.size.steps),
            f"fp32, {few} steps more": paper.whole(backbone, paper.size.steps + few),
            **{f"{bits} bits after": paper.after(backbone, "minmax", bits) for bits in (8, 4)},
            **{f"{bits} bits in training": paper.during(backbone, bits, few) for bits in (8, 4)},
        }
        for name, points in cells.items():
            psnr_db, bpp = PUBLISHED_QUANTISED.get((backbone, name), (None, None))
            published = ["", ""] if psnr_db is None else [f"{psnr_db:.2f}", f"{bpp:.2f}"]
            rows.append([f"{backbone}, {name}", db(points), rate(points), *published])
            kept[f"{backbone}, {name}"] = points
    results["quantised"] = kept
    gains = {
        f"{backbone}, {bits} bits": difference(
            kept[f"{backbone}, {bits} bits in training"], kept[f"{backbone}, {bits} bits after"]
        )
        for backbone in ("siren", "mfn")
        for bits in (8, 4)
    }
    return "\n\n".join(
        [
            table(["", "PSNR, dB", "bits per pixel", "paper, dB", "paper, true bpp"], rows),
            verdict("Paper: at 8 bits both are near fp32, at 4 bits only training with the quantiser is.", gains),
            "fp32 is stored in fp16 here. The paper's rates are three times the printed ones and leave out biases in "
            "part, steps and headers.",
        ]
    )


def layers(paper: Paper, results: dict[str, Any]) -> str:
    """Table 4."""
    few = paper.size.further[0]
    edges: dict[str, dict[str, Value]] = {
        "neither": {},
        "the first": {"edge_bits": 8, "last_bits": EDGES},
        "the last": {"last_bits": 8},
        "both": {"edge_bits": 8},
    }
    found = {
        backbone: {name: paper.during(backbone, 8, few, **bits) for name, bits in edges.items()}
        for backbone in ("siren", "mfn")
    }
    results["layers"] = found
    rows = [
        [f"{backbone}, {name}", db(points), rate(points), f"{PUBLISHED_LAYERS[backbone].get(name, float('nan')):.2f}"]
        for backbone, cells in found.items()
        for name, points in cells.items()
    ]
    costs = {
        f"{backbone}, {name}": difference(cells[name], cells["neither"])
        for backbone, cells in found.items()
        for name in ("the first", "the last")
    }
    header = ["8 bits in training, and for", "PSNR, dB", "bits per pixel", "paper, dB"]
    claim = "Paper: 8 bits cost much in the first layer and nothing in the last."
    return "\n\n".join([table(header, rows).replace("nan", "   "), verdict(claim, costs)])


def bit_widths(paper: Paper, results: dict[str, Any]) -> str:
    """What each bit-width loses, after training and in it."""
    size = paper.size
    start = paper.whole("siren", size.steps)
    controls = {further: paper.whole("siren", size.steps + further) for further in size.further}
    header = ["", *(f"{bits} bits" for bits in (8, 6, 4, 3, 2))]
    rows, kept = [], {}
    for name in ("minmax", "mse", "kmeans", "adaround"):
        kept[name] = {bits: paper.after("siren", name, bits) for bits in (8, 6, 4, 3, 2)}
        rounding = f", {size.further[0]} of rounding" if QUANTIZERS[name].keeps_weights else ""
        rows.append([f"{name}, {size.steps} steps{rounding}", *(_loss(cell, start) for cell in kept[name].values())])
    for further, control in controls.items():
        label = f"lsq, {further} steps more"
        kept[label] = {bits: paper.during("siren", bits, further) for bits in (8, 6, 4, 3, 2)}
        rows.append([label, *(_loss(cell, start) for cell in kept[label].values())])
        rows.append([f"{label}, against fp16 as long", *(_loss(cell, control) for cell in kept[label].values())])
    results["bit_widths"] = {"fp16": {"start": start, **controls}, **kept}
    base = "; ".join(f"{further} steps more {db(control)}" for further, control in controls.items())
    return "\n\n".join(
        [
            f"SIREN, edges in 16 bits. fp16 after {size.steps} steps: {db(start)} dB; {base} dB. Differences in dB.",
            table(header, rows),
        ]
    )


@dataclass(frozen=True)
class Coded:
    """Cells of one SIREN with edges in few bits, whose symbols are coded.

    Attributes:
        fixed: By the bit-width of the hidden layers, trained without regard to the rate.
        aware: By lambda, trained against the rate, hidden layers in up to 8 bits.
        searched: The same, and steps searched after training.
    """

    fixed: Mapping[int, Points]
    aware: Mapping[float, Points]
    searched: Mapping[float, Points]

    @property
    def curves(self) -> dict[str, list[Points]]:
        """By what the legend says."""
        return {
            "fixed bit-width (lsq)": list(self.fixed.values()),
            "trained against the rate": list(self.aware.values()),
            "the same, steps searched": list(self.searched.values()),
        }


def measure_coded(paper: Paper, results: dict[str, Any]) -> Coded:
    """Trains with the quantiser for many steps."""

    def cell(bits: int, **params: Value) -> Points:
        coded = {"edge_bits": 10, **paper.size.coded, **params}
        return paper.during("siren", bits, paper.size.further[1], coders=True, **coded)

    coded = Coded(
        {bits: cell(bits) for bits in (3, 4, 5, 6)},
        {weight: cell(8, rate_weight=weight) for weight in RATE_WEIGHTS},
        {weight: cell(8, rate_weight=weight, step_search=True) for weight in RATE_WEIGHTS},
    )
    results["coded"] = {"fixed": coded.fixed, "aware": coded.aware, "searched": coded.searched}
    return coded


def rate_aware(paper: Paper, coded: Coded) -> str:
    """Bytes at equal PSNR: trained against the rate, or at a fixed width."""
    many = paper.size.further[1]
    rows = [[f"fixed, {bits} bits", db(points), rate(points)] for bits, points in coded.fixed.items()]
    rows += [[f"lambda {weight:g}", db(points), rate(points)] for weight, points in coded.aware.items()]
    rows += [[f"lambda {weight:g}, steps searched", db(p), rate(p)] for weight, p in coded.searched.items()]
    verdicts = []
    for name, cells in (("Trained against the rate", coded.aware), ("With steps searched too", coded.searched)):
        for what, coder in (("raw bits", RAW), ("coded bits", SHORTEST)):
            of_bits = {bits: _saving(list(cells.values()), coded.fixed[bits], coder) for bits in (4, 6)}
            saved = " and ".join(f"{100 * saving:.1f} % of {bits} {what}" for bits, saving in of_bits.items())
            verdicts.append(f"{name}, files save {saved}")
    body = [
        f"SIREN, lsq in the last {many} of {paper.size.steps + many} steps, edges in 10 bits"
        + "".join(f", {key} {value:g}" for key, value in paper.size.coded.items())
        + ".",
        table(["", "PSNR, dB", "bits per pixel"], rows),
        f"At equal PSNR (linear in the logarithm of the bytes). {'. '.join(verdicts)}.",
    ]
    return "\n\n".join(body)


def coders(coded: Coded) -> str:
    """What each probability model saves of raw bits, whole files."""
    cells = {f"fixed, {bits} bits": points for bits, points in coded.fixed.items()}
    cells |= {f"lambda {weight:g}": points for weight, points in coded.aware.items()}
    rows = []
    for name, points in cells.items():
        sizes = {coder: sum(point.coders[coder] for point in points) for coder in CODERS}
        saved = [f"{100 * (1 - sizes[coder] / sizes[RAW]):.1f}" for coder in CODERS if coder != RAW]
        rows.append([name, f"{mean_rate(points) * sizes[RAW] / sizes[SHORTEST]:.3f}", *saved])
    header = ["", "bits per pixel, raw", *(f"{coder}, %" for coder in CODERS if coder != RAW)]
    return "\n\n".join(
        [
            "Bytes saved of whole files of raw symbols when one model codes all tensors, or for each tensor the "
            "shortest; tables included.",
            table(header, rows),
        ]
    )


def _saving(curve: Sequence[Points], fixed: Points, coder: str) -> float:
    """The fraction of a cell's bytes with a coder that the curve saves at its PSNR; NaN beyond the curve's ends."""
    cells = sorted((mean_db(points), statistics.mean(p.bytes for p in points)) for points in curve)
    psnrs, sizes = (np.array(column) for column in zip(*cells, strict=True))
    if not psnrs[0] <= mean_db(fixed) <= psnrs[-1]:
        return float("nan")
    size = np.exp(np.interp(mean_db(fixed), psnrs, np.log(sizes)))
    return float(1 - size / statistics.mean(point.coders[coder] for point in fixed))


def _loss(points: Points, base: Points) -> str:
    return f"{difference(points, base):+.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=list(SIZES), default="photos", help="[photos]")
    parser.add_argument("--seeds", type=int, default=3, help="[3]")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="keep what is measured there, to go on from")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report there, and its plot beside it")
    options = parser.parse_args()
    machine = describe_machine("torch", "numpy")
    paper = Paper(Bench(options.data, options.seeds, options.kept))
    size = paper.size
    results: dict[str, Any] = {"machine": machine, "data": options.data, "seeds": options.seeds}
    coded = measure_coded(paper, results)
    sections = {
        "Backbones (table 1)": backbones(paper, results),
        "8 and 4 bits (table 3)": quantised(paper, results),
        "Layers (table 4)": layers(paper, results),
        "Bit-widths": bit_widths(paper, results),
        "Trained against the rate": rate_aware(paper, coded),
        "Coders": coders(coded),
    }
    text = (
        f"# Adaptive neural images: ANI again, on {options.data}, {options.seeds} seeds\n\n{machine_line(machine)}.\n\n"
        f"{len(paper.bench.signals)} pictures, networks of width {size.width} and depth {size.depth}. Rates are the "
        "sizes of whole files, PSNR is that of the files decoded; mean over pictures, then mean ± standard deviation "
        "over seeds.\n\n" + "\n\n".join(f"## {title}\n\n{body}" for title, body in sections.items())
    )
    save(text, results, options.markdown, options.json)
    if options.markdown is not None:
        curves = [
            Curve(name, [(mean_rate(points), mean_db(points)) for points in cells], dashed=name.startswith("fixed"))
            for name, cells in coded.curves.items()
        ]
        draw([Panel("bits per pixel", curves)], options.markdown.with_suffix(".png"))


if __name__ == "__main__":
    main()
