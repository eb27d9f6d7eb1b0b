"""What one supernet is worth: its 16 subnets against networks trained from scratch, at the same and at other cost.

    python benchmarks/reproduce/supernet.py --json reports/supernet.json --markdown reports/supernet.md

Four photographs at 96 x 144, SIREN of widths 16, 24, 32, 48 and depths 2 to 5 (ANI, figure 7, in small). Weights stay
fp32: what quantisation does to them is measured in `ani.py`. About 15 minutes a seed on a core.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.fields.contract import Field, FieldShape
from searchinr.codecs.fields.siren import Siren, SirenParams
from searchinr.codecs.objective import SingleNetwork
from searchinr.codecs.supernet import Supernet, train
from searchinr.codecs.training import BatchFit, Recipe, fit_to_rung
from searchinr.signals.datasets import load_dataset
from searchinr.signals.registry import MODALITIES
from searchinr.space.schema import DatasetEntry

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import describe_machine, machine_line
from tables import save, table

GRID = (96, 144)
DEPTHS, WIDTHS = (2, 3, 4, 5), (16, 24, 32, 48)
SIZES = [(depth, width) for width in WIDTHS for depth in DEPTHS]
STEPS, SHORT = 600, 200
SUPERNET_STEPS = 300
SUPERNET_LR = 2.5e-3
TUNING = (50, 100)

Psnrs = dict[tuple[int, int], float]
"""Mean PSNR over the signals by (depth, width), in dB."""


@dataclass(frozen=True)
class Method:
    """A way to get 16 networks.

    Attributes:
        psnrs: What they reach.
        macs: What they cost to train, all together.
    """

    psnrs: Psnrs
    macs: float


def make_field(depth: int, width: int) -> Field:
    """A SIREN for one of the photographs."""
    return Siren(FieldShape(2, 3, depth, width, GRID, (GRID[0] / GRID[1], 1.0)), SirenParams())


class Data:
    """The photographs as training data."""

    def __init__(self) -> None:
        dataset = load_dataset(DatasetEntry(name="photos", downscale=GRID, limit=4))
        samples = np.stack([signal.samples.reshape(-1, 3) for signal in dataset.signals])  # (B, n, 3)
        self.samples = torch.from_numpy(samples.astype(np.float32))
        self.targets = self.samples / 127.5 - 1
        layout = dataset.signals[0].layout
        self.coords = torch.from_numpy(MODALITIES[layout.modality].coordinates(layout))

    @torch.no_grad()
    def psnr(self, field: Field, weights: Mapping[str, Tensor]) -> float:
        """PSNR of the rounded and clipped values, mean over the photographs."""
        values = ((field.forward(dict(weights), self.coords) + 1) * 127.5).round().clamp(0, 255)  # (B, n, 3)
        mse = (values - self.samples).square().mean(dim=(1, 2))  # (B,)
        return float((10 * torch.log10(255**2 / mse)).mean())

    def fit(self, size: tuple[int, int], initial: Mapping[str, Tensor], steps: int, loss: str, seed: int) -> BatchFit:
        """Trains a network of this size from these weights, on all pixels."""
        field = make_field(*size)
        recipe = Recipe(Siren.default_lr(size[1]), 0.9, 1.0, seed, loss)  # type: ignore[arg-type]
        objective = SingleNetwork(field.forward, macs_per_point=field.macs_per_point(), elements_per_point=size[1])
        trunk = BatchFit(objective, initial, self.coords, self.targets, recipe)
        *_, last = fit_to_rung(trunk, recipe, steps)
        return last


def from_scratch(data: Data, steps: int, loss: str, seed: int) -> Method:
    """Each of the 16 on its own."""
    psnrs, macs = {}, 0.0
    for size in SIZES:
        initial = make_field(*size).init(torch.Generator().manual_seed(seed))
        fit = data.fit(size, {name: w.expand(4, *w.shape) for name, w in initial.items()}, steps, loss, seed)
        psnrs[size] = data.psnr(make_field(*size), fit.weights)
        macs += fit.macs
    return Method(psnrs, macs)


def from_supernet(data: Data, seed: int) -> Iterator[tuple[str, Method]]:
    """Slices of one supernet, as they are and tuned."""
    net = Supernet(make_field, DEPTHS, WIDTHS)
    initial = {name: w.expand(4, *w.shape) for name, w in net.init(torch.Generator().manual_seed(seed)).items()}
    *_, trained = train(
        net, initial, data.coords, data.targets, steps=SUPERNET_STEPS, lr=SUPERNET_LR, batch_fraction=1.0, seed=seed
    )
    slices = {size: net.subnet(trained.stored, *size) for size in SIZES}
    psnrs = {size: data.psnr(make_field(*size), weights) for size, weights in slices.items()}
    yield "supernet, slices as they are", Method(psnrs, trained.macs)
    for steps in TUNING:
        tuned, macs = {}, trained.macs
        for size, weights in slices.items():
            fit = data.fit(size, weights, steps, "log_mse", seed)
            tuned[size] = data.psnr(make_field(*size), fit.weights)
            macs += fit.macs
        yield f"supernet, {steps} steps of tuning each", Method(tuned, macs)


def kendall_tau(first: Psnrs, second: Mapping[tuple[int, int], float]) -> float:
    """Kendall's tau of two rankings of the sizes; ties count for nothing."""
    agree = [np.sign((first[a] - first[b]) * (second[a] - second[b])) for i, a in enumerate(SIZES) for b in SIZES[:i]]
    return float(np.mean(agree))


def measure(data: Data, seed: int) -> dict[str, Method]:
    """Every method once."""
    return {
        f"scratch, {STEPS} steps, MSE": from_scratch(data, STEPS, "mse", seed),
        f"scratch, {STEPS} steps, log MSE": from_scratch(data, STEPS, "log_mse", seed),
        f"scratch, {SHORT} steps, log MSE": from_scratch(data, SHORT, "log_mse", seed),
        f"scratch, {SHORT // 2} steps, log MSE": from_scratch(data, SHORT // 2, "log_mse", seed),
        **dict(from_supernet(data, seed)),
    }


def report(seeds: list[dict[str, Method]]) -> str:
    """The table: means over seeds and sizes."""
    base, long, short = (
        f"scratch, {STEPS} steps, MSE",
        f"scratch, {STEPS} steps, log MSE",
        f"scratch, {SHORT} steps, log MSE",
    )
    weights = {size: float(sum(np.prod(s.shape) for s in make_field(*size).tensors())) for size in SIZES}
    rows = []
    for name in seeds[0]:
        gaps = {other: [_gap(found[name], found[other]) for found in seeds] for other in (base, long, short)}
        rows.append(
            [
                name,
                f"{100 * statistics.mean(found[name].macs / found[base].macs for found in seeds):.1f} %",
                f"{statistics.mean(statistics.mean(found[name].psnrs.values()) for found in seeds):.2f}",
                *(
                    f"{statistics.mean(mean for mean, _ in gap):+.2f} ({min(worst for _, worst in gap):+.2f})"
                    for gap in gaps.values()
                ),
                f"{statistics.mean(kendall_tau(found[name].psnrs, found[long].psnrs) for found in seeds):.3f}",
            ]
        )
    tau = statistics.mean(kendall_tau(found[long].psnrs, weights) for found in seeds)
    rows.append(["number of weights alone", "0 %", "", "", "", "", f"{tau:.3f}"])
    header = ["", "cost", "PSNR, dB", "against MSE", "against log MSE", f"against {SHORT} steps", "Kendall tau"]
    return table(header, rows)


def _gap(method: Method, other: Method) -> tuple[float, float]:
    """Mean and worst difference in dB."""
    differences = [method.psnrs[size] - other.psnrs[size] for size in SIZES]
    return statistics.mean(differences), min(differences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="[3]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there as well")
    options = parser.parse_args()
    machine = describe_machine("torch", "numpy")
    data, seeds = Data(), []
    for seed in range(options.seeds):
        seeds.append(measure(data, seed))
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    text = (
        f"# A supernet and its 16 subnets, {options.seeds} seeds\n\n{machine_line(machine)}.\n\n"
        f"SIREN of depths {DEPTHS} and widths {WIDTHS} on four photographs at 96 x 144, all pixels in every step, fp32 "
        f"weights. Cost: training multiply-accumulates against 16 networks of {STEPS} steps. Differences in dB: mean "
        "over sizes and seeds, in brackets the worst size of any seed. Kendall's tau: of the ranking of the sizes, "
        f"against {STEPS} steps of log MSE from scratch.\n\n" + report(seeds)
    )
    figures = [
        {name: {"macs": m.macs, "psnr_db": {f"{d}x{w}": p for (d, w), p in m.psnrs.items()}} for name, m in s.items()}
        for s in seeds
    ]
    save(text, {"machine": machine, "seeds": figures}, options.markdown, options.json)


if __name__ == "__main__":
    main()
