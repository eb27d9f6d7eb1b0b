"""The table of learning curves, from a run in which every config was trained to its end and measured at every rung.

The run, of `curves.yaml`, takes some hours on two cores. Its ledger becomes `curves.npz`, in which `compare.py` looks
up the results of jobs.
"""

import argparse
import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.fitting.training import Recipe
from searchinr.engine.catalog import read_space
from searchinr.engine.results.opened import OpenedRun, open_run
from searchinr.search.figures import Figures
from searchinr.search.lines import Point
from searchinr.search.objectives import Objectives
from searchinr.search.search import Job
from searchinr.search.simulator import Outcome
from searchinr.space import Choice, Space, Value

SPACE_FILE = Path(__file__).with_name("curves.yaml")
TABLE_FILE = Path(__file__).with_name("curves.npz")


def axes(space: Space) -> dict[str, tuple[Value, ...]]:
    """The open parameters of the space's codec and their values."""
    (domains,) = space.codecs.values()
    return {key: domain.values for key, domain in domains.items() if isinstance(domain, Choice)}


def pack(opened: OpenedRun, path: Path) -> None:
    """Writes the table of a run: one array per figure, an axis for every open parameter, then rungs (then signals)."""
    open_axes, rungs = axes(opened.space), opened.space.fidelity.rungs

    def place(point: Point) -> tuple[int, ...]:
        return *(values.index(point.config.params[key]) for key, values in open_axes.items()), point.rung

    points = sorted(opened.points(None), key=place)
    shape, signals = (*map(len, open_axes.values()), len(rungs)), points[0].signals.names
    if missing := math.prod(shape) - len(points):
        raise SystemExit(f"{missing} of {math.prod(shape)} cells have no result: fits have diverged; change the space")
    arrays: dict[str, NDArray[Any]] = {
        "bytes": np.array([point.signals.columns()["bytes"] for point in points], np.uint32),
        "psnr_db": np.array([point.signals.columns()["psnr_db"] for point in points], np.float32),
        "train_s": np.array([point.cost.train_s for point in points], np.float32),
        # A ledger counts training among what encoding takes.
        "encode_s": np.array([point.encode_s - point.cost.train_s / len(signals) for point in points], np.float32),
        "decode_s": np.array([point.decode_s for point in points], np.float32),
        "macs": np.array([point.cost.macs for point in points], np.float64),
    }
    about = np.array(json.dumps({"axes": open_axes, "rungs": rungs, "signals": signals}))
    shaped: dict[str, Any] = {key: array.reshape(*shape, *array.shape[1:]) for key, array in arrays.items()}
    np.savez_compressed(path, about=about, **shaped)


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
            raise SystemExit(f"{path}: recorded with another {SPACE_FILE.name}; record it again")
        psnr_db = self._arrays["psnr_db"].astype(np.float64)  # (*axes, rungs, signals)
        sizes = self._arrays["bytes"].astype(np.float64)  # (*axes, rungs, signals)
        pixels = math.prod(self.space.datasets[0].downscale or ())
        self._signals = psnr_db.shape[-1]
        self._psnr_db, self._rate = psnr_db.mean(axis=-1), 8 * sizes.mean(axis=-1) / pixels  # (*axes, rungs)
        points = zip(self._psnr_db.flat, self._rate.flat, strict=True)
        self.hypervolume = Objectives.of(self.space).hypervolume([Figures.invented(*point) for point in points])
        self.macs = float(self._arrays["macs"][..., -1].sum()) / _steps(self.rungs) * self.rungs[-1]
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
        trained = _steps(self.rungs[: place[-1] + 1])
        steps = _steps(rungs[: job.rung + 1]) - _steps(rungs[: job.rung])
        coding_s = self._arrays["encode_s"][place] + self._arrays["decode_s"][place]
        return Outcome(
            figures=Figures.invented(float(self._psnr_db[place]), float(self._rate[place])),
            macs=float(self._arrays["macs"][place]) / trained * steps,
            seconds=float(self._arrays["train_s"][place]) / trained * steps + float(coding_s) * self._signals,
        )


def _steps(rungs: Sequence[int]) -> int:
    """Training steps through rungs: to each, the trunk goes on from where the decay before the one below began."""
    recipe = Recipe(lr=1.0, decay=0.5, batch_fraction=1.0, seed=0)
    return sum(rung - recipe.trunk_end(below) for below, rung in pairwise((0, *rungs)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--out", type=Path, default=TABLE_FILE, metavar="FILE", help="the table [curves.npz]")
    options = parser.parse_args()
    pack(open_run(options.run), options.out)
