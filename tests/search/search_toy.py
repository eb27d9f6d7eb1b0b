"""A search space with a closed-form answer, for the tests of samplers and of the search."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from searchinr.search.figures import Figures
from searchinr.search.lines import Fit, Point, TrialStarted
from searchinr.search.search import Job, Search
from searchinr.space import (
    Choice,
    DatasetEntry,
    Domain,
    Fidelity,
    Range,
    SearchSettings,
    Space,
    Value,
    is_active,
)

CODECS: dict[str, dict[str, Domain]] = {
    "mlp": {
        "backbone": Choice(("siren", "fourier", "mfn")),
        "siren.omega": Range(5.0, 80.0, log=True, integer=False),
        "fourier.features": Choice((16, 32, 64)),
        "width": Choice((16, 32, 48, 64)),
        "depth": Range(2.0, 5.0, log=False, integer=True),
        "lr": Range(1e-4, 3e-2, log=True, integer=False),
        "bits": 8,
    },
    "grid": {"levels": Range(4.0, 64.0, log=True, integer=True), "shared": Choice((False, True))},
}


def make_space(
    codecs: dict[str, dict[str, Domain]] = CODECS,
    datasets: tuple[str, ...] = ("kodak",),
    max_steps: int = 900,
    **settings: object,
) -> Space:
    """A space with rungs at 100, 300, 900 steps and 24 trials, unless told otherwise."""
    return Space(
        name="toy",
        datasets=tuple(DatasetEntry(name=name) for name in datasets),
        reference_point={"psnr_db": 15.0, "rate": 16.0},
        fidelity=Fidelity(min_steps=100, max_steps=max_steps, reduction=3),
        search=SearchSettings(**{"trials": 24, **settings}),
        codecs=codecs,
    )


def canonicalise(codec: str, params: Mapping[str, Value]) -> dict[str, Value]:
    """What a codec would do: fills in a default and drops what is inactive."""
    filled = {"batch": 1.0, **params}
    return {key: value for key, value in filled.items() if is_active(key, filled)}


def make_search(space: Space) -> Search:
    """A fresh search of the space."""
    return Search(space, [entry.label for entry in space.datasets], canonicalise)


def trial_line(job: Job) -> TrialStarted:
    """What a run writes when a trial is started."""
    return TrialStarted(**job.shared(TrialStarted), time=0.0)


def figures(psnr_db: float = 30.0, rate: float = 1.0, **more: object) -> Figures:
    """What is measured of an image, unless told otherwise."""
    metrics = {"ssim": more.pop("ssim")} if "ssim" in more else {}
    changes = {"modality": "image", "metrics": metrics, **more}
    return replace(Figures.invented(psnr_db, rate), **changes)  # type: ignore[arg-type]


def measured(fit: Fit, psnr_db: float, rate: float) -> Point:
    """An operating point with these figures."""
    return Point(**fit.shared(Point), **vars(figures(psnr_db, rate)), time=0.0)


def measure(job: Job) -> Point:
    """A smooth stand-in for training: larger is better and dearer, every other parameter has one best value."""
    params = job.config.params
    if job.config.codec == "grid":
        rate, psnr = params["levels"] / 8, 18 + 2 * math.log2(params["levels"])
    else:
        rate = (params["depth"] * params["width"] ** 2) / 1700
        best_lr = 3e-3 * (32 / params["width"]) ** 0.7
        psnr = 20 + 4 * math.log2(1 + 4 * rate) - 1.5 * abs(math.log(params["lr"] / best_lr))
        psnr -= {"siren": 0, "fourier": 1, "mfn": 2}[params["backbone"]]
        psnr -= abs(math.log2(params.get("siren.omega", 30.0) / 30))
    psnr -= 3 * math.exp(-job.steps / 250)
    psnr += 0.2 * np.random.default_rng(int(job.trial, 16)).normal()
    return measured(job, psnr, rate)
