"""Gordon et al., "On Quantizing Implicit Neural Representations" (WACV 2023), again, on whole files.

    python -m benchmarks.reproduce.gordon --runs DIR --json reports/gordon.json --markdown reports/gordon.md

K-means against uniform quantisers at 2 to 8 bits, quantisers that learn in training against those after it (figure 3 of
their supplement), activations (figure 1), the loss (figure 7) and what code books take of a file (figure 4). With
`--data photos` four photographs at 96 x 144, an hour on two cores; with `--data kodak` the 24 pictures of Kodak and
their larger network, which wants a GPU.
"""

from benchmarks.command import Found
from benchmarks.curves import Curve, Panel
from benchmarks.reproduce.points import curve, db, db_at_rate, difference, gains, mean, pivot, rate
from benchmarks.reproduce.reproduction import Reproduction
from benchmarks.tables import table

BITS = ("2", "3", "4", "5", "6", "8")
UNIFORM = ("explicit", "distributional", "minmax")
IN_TRAINING = ("lsq", "lsq+", "kmeans-qat")
COLUMNS = ("fp16", *(f"{quantizer}, {bits} bits" for quantizer in (*UNIFORM, "kmeans") for bits in (3, 6)))
"""Of the activations' table: the quantisers that the paper's figures compare."""


def fill(found: Found, size: Found) -> dict[str, str]:
    """The figures of the report."""
    quantisers = {name: row for name, row in found["quantisers"].items() if name != "fp16"}
    whole, kmeans = found["quantisers"]["fp16"], quantisers["kmeans"]
    activations = {name: {key: row[key] for key in COLUMNS} for name, row in found["activations"].items()}
    sine, *others = activations.values()
    ahead = [all(mean(sine[key], "psnr_db") >= mean(row[key], "psnr_db") for row in others) for key in COLUMNS]
    losses = found["losses"]
    best = {b: max((quantisers[name][b] for name in UNIFORM), key=lambda points: mean(points, "psnr_db")) for b in BITS}
    ours, in_training = "k-means against the best uniform one", "k-means in training against after it"
    return {
        **{key: str(size[key]) for key in ("width", "depth", "steps", "deep_width", "deep_depth")},
        "quantisers": pivot("PSNR, dB (bits per pixel)", quantisers, [f"{bits} bits" for bits in BITS], db_at_rate),
        "fp16_db": db(whole),
        "fp16_rate": rate(whole),
        "kmeans_gains": gains(
            {f"{ours} at {bits} bits": difference(kmeans[bits], best[bits]) for bits in BITS if bits != "5"}
        ),
        "training_gains": gains(
            {f"{in_training} at {b} bits": difference(quantisers["kmeans-qat"][b], kmeans[b]) for b in BITS}
        ),
        "activations": pivot("PSNR, dB", activations, COLUMNS, db),
        "ahead": f"{sum(ahead)} of {len(ahead)}",
        "losses": pivot("PSNR, dB", losses, [f"{steps} steps" for steps in losses["MSE"]], db),
        "loss_gains": gains(
            {f"{steps} steps": difference(losses["log MSE"][steps], points) for steps, points in losses["MSE"].items()}
        ),
        "code_books": table(
            ["", "of the file"],
            [[f"{bits} bits", f"{100 * mean(points, 'books'):.1f} %"] for bits, points in kmeans.items()],
        ),
    }


def plots(found: Found, size: Found) -> dict[str, list[Panel]]:
    """The plot of the report."""
    by_rate = [
        curve(name, row.values(), dashed=name not in IN_TRAINING)
        for name, row in found["quantisers"].items()
        if name != "fp16"
    ]
    by_steps = [
        Curve(name, [(int(steps), mean(points, "psnr_db")) for steps, points in row.items()])
        for name, row in found["losses"].items()
    ]
    return {"": [Panel("bits per pixel", by_rate), Panel("training steps", by_steps)]}


if __name__ == "__main__":
    Reproduction(__file__, __doc__, seeds=3).run(fill, plots)
