"""Gordon et al., "On Quantizing Implicit Neural Representations" (WACV 2023), again, on whole files.

    python -m benchmarks.reproduce.gordon --json reports/gordon.json --markdown reports/gordon.md

K-means against uniform quantisers at 2 to 8 bits, quantisers that learn in training against those after it (figure 3 of
their supplement), activations (figure 1), the loss (figure 7) and what code books take of a file (figure 4). With
`--data photos` four photographs at 96 x 144, about half an hour on two cores; with `--data kodak` the 24 pictures of
Kodak and their larger network, which wants a GPU.
"""

import argparse
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.curves import Curve, Panel, draw
from benchmarks.machine import describe_machine, machine_line
from benchmarks.reproduce.cells import Bench, Cell, Points, db, difference, mean_db, mean_rate, rate, verdict
from benchmarks.tables import save, table
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.space import Value

BITS = (2, 3, 4, 5, 6, 8)
AFTER = ("explicit", "distributional", "minmax", "mse", "kmeans", "adaround")
IN_TRAINING = ("lsq", "lsq+", "kmeans-qat")
ACTIVATIONS = {"sine": "siren", "ReLU with positional encoding": "relu", "Gaussian": "gauss"}
OF_THE_PAPER = ("explicit", "distributional", "minmax", "kmeans")
"""The quantisers that its figures compare."""


@dataclass(frozen=True)
class Size:
    """How large a reproduction is.

    Attributes:
        net: The network that is quantised: width and depth.
        steps: Its training length.
        deep: Width and depth of the network on which the losses are compared.
        rungs: Training lengths at which they are.
        net_batch: Points of each step, as a fraction of all.
        deep_batch: The same for the loss.
    """

    net: tuple[int, int]
    steps: int
    deep: tuple[int, int]
    rungs: tuple[int, ...]
    net_batch: float
    deep_batch: float


SIZES = {
    "photos": Size((32, 3), 600, (48, 5), (50, 100, 200, 400, 800), 0.25, 1.0),
    "kodak": Size((64, 3), 2000, (64, 5), (250, 500, 1000, 2000, 4000), 0.25, 0.25),
}


class Paper:
    """The cells of the paper, measured."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.size = bench, SIZES[bench.data]

    def quantised(self, backbone: str, quantizer: str, bits: int) -> Points:
        """All weights at one bit-width, as in the paper."""
        width, depth = self.size.net
        params: dict[str, Value] = {
            "backbone": backbone,
            "width": width,
            "depth": depth,
            "quantizer": quantizer,
            "batch_fraction": self.size.net_batch,
        }
        steps = self.size.steps
        if quantizer != "fp16":
            params |= {"weight_bits": bits, "edge_bits": bits}
            if QUANTIZERS[quantizer].keeps_weights:  # half as many steps again, for the roundings
                steps += steps // 2
                params["qat_fraction"] = 1 / 3
        return self.bench.measure(Cell(params, (steps,)))[steps]

    def loss(self, loss: str) -> dict[int, Points]:
        """The loss of every training length."""
        width, depth = self.size.deep
        params: dict[str, Value] = {
            "width": width,
            "depth": depth,
            "loss": loss,
            "quantizer": "fp16",
            "batch_fraction": self.size.deep_batch,
        }
        return self.bench.measure(Cell(params, self.size.rungs))


def quantisers(paper: Paper, results: dict[str, Any]) -> tuple[str, list[Curve]]:
    """PSNR and rate of every quantiser at every bit-width."""
    whole = paper.quantised("siren", "fp16", 16)
    found = {name: {bits: paper.quantised("siren", name, bits) for bits in BITS} for name in (*AFTER, *IN_TRAINING)}
    results["quantisers"] = {"fp16": whole, **found}
    header = ["PSNR, dB (bits per pixel)", *(f"{bits} bits" for bits in BITS)]
    rows = [[name, *(f"{db(row[bits])} ({rate(row[bits])})" for bits in BITS)] for name, row in found.items()]
    low, high = [b for b in BITS if b <= 4], [b for b in BITS if b >= 6]
    uniform = ("explicit", "distributional", "minmax")
    sentences = [
        f"fp16: {db(whole)} dB at {rate(whole)} bpp. adaround learns its roundings in half as many steps again.",
        verdict(
            "Paper: k-means is best at 4 bits and below, uniform quantisers are fine from 6.",
            {
                f"k-means against the best uniform one at {bits} bits": difference(
                    found["kmeans"][bits], max((found[u][bits] for u in uniform), key=mean_db)
                )
                for bits in (*low, *high)
            },
        ),
        verdict(
            "Paper: training with the quantiser beats quantising afterwards at few bits.",
            {
                f"k-means in training against after it at {bits} bits": difference(
                    found["kmeans-qat"][bits], found["kmeans"][bits]
                )
                for bits in BITS
            },
        ),
    ]
    curves = [
        Curve(name, [(mean_rate(points), mean_db(points)) for points in row.values()], dashed=name in AFTER)
        for name, row in found.items()
    ]
    return "\n\n".join([table(header, rows), *sentences]), curves


def activations(paper: Paper, results: dict[str, Any]) -> str:
    """Sine, ReLU with positional encoding and Gaussian under the paper's quantisers."""
    header = ["PSNR, dB", "fp16", *(f"{q}, {bits} bits" for q in OF_THE_PAPER for bits in (3, 6))]
    rows, kept = [], {}
    for name, backbone in ACTIVATIONS.items():
        cells = [paper.quantised(backbone, "fp16", 16)]
        cells += [paper.quantised(backbone, q, bits) for q in OF_THE_PAPER for bits in (3, 6)]
        rows.append([name, *(db(points) for points in cells)])
        kept[name] = dict(zip(header[1:], cells, strict=True))
    results["activations"] = kept
    sine = kept["sine"]
    others = [row for name, row in kept.items() if name != "sine"]
    ahead = sum(all(mean_db(sine[column]) >= mean_db(row[column]) for row in others) for column in header[1:])
    return "\n\n".join(
        [
            table(header, rows),
            "Paper: the sine is best under distributional, min-max and k-means quantisers. Here: it leads in "
            f"{ahead} of {len(header) - 1} columns.",
        ]
    )


def losses(paper: Paper, results: dict[str, Any]) -> tuple[str, list[Curve]]:
    """Convergence with either loss."""
    found = {name: paper.loss(loss) for name, loss in (("MSE", "mse"), ("log MSE", "log_mse"))}
    results["losses"] = found
    header = ["PSNR, dB", *(f"{steps} steps" for steps in paper.size.rungs)]
    rows = [[name, *(db(row[steps]) for steps in paper.size.rungs)] for name, row in found.items()]
    gains = {f"{steps} steps": difference(found["log MSE"][steps], found["MSE"][steps]) for steps in paper.size.rungs}
    width, depth = paper.size.deep
    text = "\n\n".join(
        [
            f"Width {width}, depth {depth}, fp16. Every length is a fit of its own: the learning rate has fallen.",
            table(header, rows),
            verdict("Paper: the logarithm of the MSE converges faster.", gains),
        ]
    )
    return text, [
        Curve(name, [(steps, mean_db(points)) for steps, points in row.items()]) for name, row in found.items()
    ]


def code_books(paper: Paper, results: dict[str, Any]) -> str:
    """What code books take of the k-means files."""
    shares = {bits: statistics.mean(point.books for point in paper.quantised("siren", "kmeans", bits)) for bits in BITS}
    results["code_books"] = shares
    rows = [[f"{bits} bits", f"{100 * share:.1f} %"] for bits, share in shares.items()]
    return "\n\n".join(
        [
            table(["", "of the file"], rows),
            "Paper: with fp32 books per tensor, they outweigh the codes of small networks. Here books are quantised, "
            "shared between tensors where that is shorter, and counted in every rate above.",
        ]
    )


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
    results: dict[str, Any] = {"machine": machine, "data": options.data, "seeds": options.seeds}
    (quantised, by_rate), (loss, by_steps) = quantisers(paper, results), losses(paper, results)
    width, depth = paper.size.net
    sections = {
        f"Quantisers after training and in it ({width} x {depth}, {paper.size.steps} steps)": quantised,
        f"Activations ({width} x {depth}, quantised after training)": activations(paper, results),
        "Loss": loss,
        "Code books": code_books(paper, results),
    }
    text = (
        f"# Quantising neural images: Gordon et al. again, on {options.data}, {options.seeds} seeds\n\n"
        f"{machine_line(machine)}.\n\n{len(paper.bench.signals)} pictures. Rates are the sizes of whole files, PSNR is "
        "that of the files decoded; mean over pictures, then mean ± standard deviation over seeds. All tensors, biases "
        "and steps are quantised and counted; the paper's figures leave headers out.\n\n"
        + "\n\n".join(f"## {title}\n\n{body}" for title, body in sections.items())
    )
    save(text, results, options.markdown, options.json)
    if options.markdown is not None:
        panels = [Panel("bits per pixel", by_rate), Panel("training steps", by_steps)]
        draw(panels, options.markdown.with_suffix(".png"))


if __name__ == "__main__":
    main()
