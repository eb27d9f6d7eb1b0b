"""Gordon et al., "On Quantizing Implicit Neural Representations" (WACV 2023), again, on whole files.

K-means against uniform quantisers at 2 to 8 bits, quantisers that learn in training against those after it (figure 3 of
their supplement), activations (figure 1), the loss (figure 7) and what code books take of a file (figure 4). With
`--data photos` four photographs at 96 x 144; with `--data kodak` the 24 pictures of Kodak and their larger network,
which wants a GPU.
"""

from benchmarks.command import Filling, Found
from benchmarks.curves import Panel
from benchmarks.reproduce.points import by_steps, curve, difference, gains, mean_db
from benchmarks.reproduce.reproduction import Plots, reproduce

BITS = ("2", "3", "4", "5", "6", "8")
UNIFORM = ("explicit", "distributional", "minmax")
IN_TRAINING = ("lsq", "lsq+", "kmeans-qat")
COLUMNS = ("fp16", *(f"{quantizer}, {bits} bits" for quantizer in (*UNIFORM, "kmeans") for bits in (3, 6)))
"""Of the activations' table: the quantisers that the paper's figures compare."""


def fill(found: Found, size: Found) -> Filling:
    quantisers, (sine, *others) = found["quantisers"], found["activations"].values()
    kmeans, trained = quantisers["kmeans"], quantisers["kmeans-qat"]
    ahead = [all(mean_db(sine[key]) >= mean_db(cells[key]) for cells in others) for key in COLUMNS]
    best = {bits: max((quantisers[name][bits] for name in UNIFORM), key=mean_db) for bits in BITS}
    uniform, after = "k-means against the best uniform one at", "k-means in training against after it at"
    mse, log_mse = found["losses"]["MSE"], found["losses"]["log MSE"]
    return {
        "kmeans_gains": gains({f"{uniform} {b} bits": difference(kmeans[b], best[b]) for b in BITS if b != "5"}),
        "training_gains": gains({f"{after} {b} bits": difference(trained[b], kmeans[b]) for b in BITS}),
        "columns": COLUMNS,
        "ahead": f"{sum(ahead)} of {len(ahead)}",
        "loss_gains": gains({f"{steps} steps": difference(log_mse[steps], mse[steps]) for steps in mse}),
    }


def plots(found: Found, size: Found) -> Plots:
    quantisers = [(name, cells.values()) for name, cells in found["quantisers"].items() if name != "fp16"]
    by_rate = [curve(name, cells, dashed=name not in IN_TRAINING) for name, cells in quantisers]
    return {"": [Panel("bits per pixel", by_rate), Panel("training steps", by_steps(found["losses"]))]}


if __name__ == "__main__":
    reproduce(__file__, __doc__, fill, plots)
