"""The ledger of a long search, made up: what 500 trials would have left."""

import math
import random

from ledger_lines import point_line, signal_figures, trial_line

from searchinr.search.figures import Cost, SignalTable
from searchinr.search.lines import Line, Point, TrialStarted
from searchinr.space import Choice, DatasetEntry, Fidelity, Range, SearchSettings, Space

DATASET = "photos"


def long_space(trials: int) -> Space:
    """The space that they would have come from."""
    return Space(
        name="long",
        datasets=(DatasetEntry(name=DATASET),),
        reference_point={"psnr_db": 15.0, "rate": 8.0},
        fidelity=Fidelity(min_steps=100, max_steps=900, reduction=3),
        search=SearchSettings(trials=trials),
        codecs={
            "mlp": {
                "backbone": Choice(("siren", "fourier", "mfn")),
                "depth": Range(2, 5, log=False, integer=True),
                "width": Range(8, 64, log=True, integer=True),
                "lr": Range(1e-4, 1e-2, log=True, integer=False),
            }
        },
    )


def long_ledger(trials: int) -> list[Line]:
    """Three rungs, a third of the trials at each higher one; eight signals."""
    draw = random.Random(0)
    lines: list[Line] = []
    for number in range(trials):
        params = {
            "backbone": draw.choice(["siren", "fourier", "mfn"]),
            "depth": draw.randint(2, 5),
            "width": round(math.exp(draw.uniform(math.log(8), math.log(64)))),
            "lr": math.exp(draw.uniform(math.log(1e-4), math.log(1e-2))),
        }
        name = f"{number:010x}"
        trial = trial_line(name, number=number, dataset=DATASET, params=params, time=1.7e9 + 10 * number)
        lines.append(trial)
        weights = params["depth"] * params["width"] ** 2 + 5 * params["width"]
        rate = weights * 8 / 13824
        for rung, steps in enumerate((100, 300, 900)[: 1 + (number % 3 == 0) + (number % 9 == 0)]):
            psnr_db = 18 + 3 * math.log2(1 + 4 * rate) + rung + draw.gauss(0, 0.8) + (params["backbone"] == "siren")
            lines.append(_point(trial, rung, steps, rate, psnr_db, weights))
    return lines


def _point(trial: TrialStarted, rung: int, steps: int, rate: float, psnr_db: float, weights: int) -> Point:
    signals = [
        signal_figures(f"photo-{i}", 0, rate, psnr_db + i - 3.5, encode_s=1.0, sha256="0" * 64) for i in range(8)
    ]
    return point_line(
        trial.trial,
        steps,
        rate,
        psnr_db,
        dataset=DATASET,
        params=trial.config.params,
        signals=SignalTable.of(signals),
        decode_macs_per_sample=float(weights),
        cost=Cost(macs=1e6 * weights * steps, train_s=steps / 100, device="cpu"),
        time=trial.time + rung,
    )
