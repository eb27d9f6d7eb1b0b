"""ANI ("Streamlined neural images", ECCV 2024 submission): its tables again, on whole files.

Five backbones (table 1), 8 and 4 bits after training and in it (table 3), which layers may be quantised (table 4),
what rate-aware training, searched steps and each coder save, and what every bit-width loses against an equally long fit
that is not quantised. Its supernet (figure 7) is in `supernet.py`. With `--data photos` four photographs at 96 x 144
and networks of width 32; with `--data kodak` the 24 pictures of Kodak and the paper's width, which wants a GPU.
"""

from benchmarks.command import Filling, Found
from benchmarks.curves import Panel
from benchmarks.reproduce.coders import CODERS, RAW
from benchmarks.reproduce.points import Cells, Points, at_db, curve, difference, gains, mean_db
from benchmarks.reproduce.reproduction import Plots, reproduce
from benchmarks.reproduce.study import read_study

LEGEND = {"fixed": "fixed bit-width (lsq)", "aware": "trained against the rate", "searched": "the same, steps searched"}


def fill(found: Found, size: Found) -> Filling:
    backbones, quantised, layers = found["backbones"], found["quantised"], found["layers"]
    paper = read_study("ani")["published"]["backbones"]
    kinds = [f"{backbone}, {bits} bits" for backbone in ("siren", "mfn") for bits in (8, 4)]
    edges = {
        f"{backbone}, {edge}": difference(layers[backbone][edge], layers[backbone]["neither"])
        for backbone in ("siren", "mfn")
        for edge in ("the first", "the last")
    }
    fixed = {f"fixed, {bits} bits": points for bits, points in found["coded"]["fixed"].items()}
    aware = {f"lambda {float(weight):g}": points for weight, points in found["coded"]["aware"].items()}
    searched = {
        f"lambda {float(weight):g}, steps searched": points for weight, points in found["coded"]["searched"].items()
    }
    return {
        "order": ", ".join(sorted(paper, key=lambda name: -mean_db(backbones[name]))),
        "training_gains": gains(
            {kind: difference(quantised[f"{kind} in training"], quantised[f"{kind} after"]) for kind in kinds}
        ),
        "layer_costs": gains(edges),
        "of_rates": {**fixed, **aware, **searched},
        "saving": _saving,
        "models": [coder for coder in CODERS if coder != RAW],
    }


def _saving(cells: Cells, fixed: Points, coder: str) -> float:
    """The fraction of a cell's bytes with a coder that a curve saves at its PSNR; NaN beyond the curve's ends."""
    size = at_db(cells.values(), mean_db(fixed), "bytes")
    return 1 - size * len(fixed) / float(sum(point["coders"][coder] for point in fixed))


def plots(found: Found, size: Found) -> Plots:
    curves = [curve(name, found["coded"][key].values(), dashed=key == "fixed") for key, name in LEGEND.items()]
    return {"": [Panel("bits per pixel", curves)]}


if __name__ == "__main__":
    reproduce(__file__, __doc__, fill, plots)
