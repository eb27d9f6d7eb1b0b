"""The table of recorded learning curves: its file, and looking up a job's result in it."""

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from searchinr.codecs.fitting.training import Recipe
from searchinr.engine.catalog import read_space
from searchinr.engine.results.opened import OpenedRun
from searchinr.search.figures import Figures
from searchinr.search.lines import Point
from searchinr.search.objectives import Objectives
from searchinr.search.search import Job
from searchinr.search.simulator import Outcome
from searchinr.space import Choice, Space, Value

HERE = Path(__file__).parent
SPACE_FILE = HERE / "curves.yaml"
TABLE_FILE = HERE / "curves.npz"


def axes(space: Space) -> dict[str, tuple[Value, ...]]:
    """The open parameters of the space's codec and their values."""
    (domains,) = space.codecs.values()
    return {key: domain.values for key, domain in domains.items() if isinstance(domain, Choice)}


def pack(opened: OpenedRun, path: Path) -> None:
    """Writes the table of a run: one array per figure, an axis for every open parameter, then rungs (then signals)."""
    open_axes, rungs = axes(opened.space), opened.space.fidelity.rungs
    points = [line for line in opened.lines if isinstance(line, Point)]
    shape, signals = (*map(len, open_axes.values()), len(rungs)), points[0].signals.names
    arrays: dict[str, Any] = {
        "bytes": np.zeros((*shape, len(signals)), np.uint32),
        "psnr_db": np.full((*shape, len(signals)), np.nan, np.float32),
        **{key: np.zeros(shape, np.float32) for key in ("train_s", "encode_s", "decode_s")},
        "macs": np.zeros(shape, np.float64),
    }
    for point in points:
        place = (*(values.index(point.config.params[key]) for key, values in open_axes.items()), point.rung)
        for key in ("bytes", "psnr_db"):
            arrays[key][place] = [getattr(row, key) for row in point.signals]
        for key in ("macs", "train_s"):
            arrays[key][place] = getattr(point.cost, key)
        # A ledger counts training among what encoding takes.
        arrays["encode_s"][place] = point.encode_s - point.cost.train_s / len(signals)
        arrays["decode_s"][place] = point.decode_s
    if missing := int(np.isnan(arrays["psnr_db"]).any(axis=-1).sum()):
        raise SystemExit(f"{missing} of {math.prod(shape)} cells have no result: fits have diverged; change the space")
    about = {"axes": open_axes, "rungs": rungs, "signals": signals}
    np.savez_compressed(path, about=np.array(json.dumps(about)), **arrays)


class CurveTable:
    """A recorded table, ready to be replayed.

    Attributes:
        space: The space that was recorded.
        rungs: Training lengths at which it was.
        hypervolume: Of all points at all rungs.
        macs: Training work of every config at full length, without the decays before lower rungs.
        seconds: CPU seconds of training a config through all rungs: the median.
    """

    def __init__(self, path: Path = TABLE_FILE) -> None:
        """Reads a table; its space is `curves.yaml`."""
        self.space = read_space(SPACE_FILE)
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            self._arrays = {key: arrays[key] for key in arrays.files if key != "about"}
        self._axes = {key: list(values) for key, values in about["axes"].items()}
        self.rungs: list[int] = about["rungs"]
        if self._axes != {key: list(values) for key, values in axes(self.space).items()}:
            raise SystemExit(f"{path}: recorded with another {SPACE_FILE.name}; record it again with record.py")
        psnr_db = self._arrays["psnr_db"].astype(np.float64)  # (*axes, rungs, signals)
        sizes = self._arrays["bytes"].astype(np.float64)  # (*axes, rungs, signals)
        pixels = math.prod(self.space.datasets[0].downscale or ())
        self._signals = psnr_db.shape[-1]
        self._psnr_db, self._rate = psnr_db.mean(axis=-1), 8 * sizes.mean(axis=-1) / pixels  # (*axes, rungs)
        points = zip(self._psnr_db.flat, self._rate.flat, strict=True)
        self.hypervolume = Objectives.of(self.space).hypervolume([Figures.invented(*point) for point in points])
        trained = sum(_steps(*pair) for pair in pairwise((None, *self.rungs)))
        self.macs = float(self._arrays["macs"][..., -1].sum()) / trained * self.rungs[-1]
        self.seconds = float(np.median(self._arrays["train_s"][..., -1]))

    @property
    def size(self) -> int:
        """Number of configs."""
        return math.prod(map(len, self._axes.values()))

    def outcome(self, job: Job, rungs: Sequence[int]) -> Outcome:
        """What a job would bring.

        Args:
            job: Its steps are one of the table's rungs.
            rungs: The rungs of the search: all of the table's, or only some.
        """
        place = (
            *(values.index(job.config.params[key]) for key, values in self._axes.items()),
            self.rungs.index(job.steps),
        )
        # The fit was recorded through all rungs: a step of it costs the same whichever of them a search uses.
        trained = sum(_steps(*pair) for pair in pairwise((None, *self.rungs[: place[-1] + 1])))
        steps = _steps(rungs[job.rung - 1] if job.rung else None, job.steps)
        coding_s = self._arrays["encode_s"][place] + self._arrays["decode_s"][place]
        return Outcome(
            figures=Figures.invented(float(self._psnr_db[place]), float(self._rate[place])),
            macs=float(self._arrays["macs"][place]) / trained * steps,
            seconds=float(self._arrays["train_s"][place]) / trained * steps + float(coding_s) * self._signals,
        )


def _steps(below: int | None, rung: int) -> int:
    """Training steps from one rung to the next: the trunk goes on from where the decay before the lower one began."""
    recipe = Recipe(lr=1.0, decay=0.5, batch_fraction=1.0, seed=0)
    return rung - (0 if below is None else recipe.trunk_end(below))
