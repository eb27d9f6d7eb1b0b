"""Cells of a reproduction: one config on one dataset with several seeds, measured on whole files that are decoded.

What has been measured is kept in a file beside the report, so that an interrupted benchmark goes on where it was.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.bitstream import container
from searchinr.codecs.registry import CODECS
from searchinr.engine.catalog import canonicalise
from searchinr.signals.datasets import load_dataset
from searchinr.signals.signal import Signal
from searchinr.space import Value
from searchinr.space.parameters import json_hash
from searchinr.space.schema import DatasetEntry
from searchinr.trial import Measurement, run_trial

ENTRIES = {
    "photos": DatasetEntry(name="photos", downscale=(96, 144), limit=4),
    "kodak": DatasetEntry(name="kodak"),
}
"""The data of a reproduction: what two cores can do, and what the papers use."""


@dataclass(frozen=True)
class Cell:
    """A config to measure.

    Attributes:
        params: Parameters of codec `mlp`, flat; the others have their defaults.
        rungs: Training lengths at which it is measured, in one fit.
    """

    params: Mapping[str, Value]
    rungs: tuple[int, ...]


@dataclass(frozen=True)
class Point:
    """A cell at one rung with one seed: means over the signals, as a trial reports them.

    Attributes:
        steps: Training length.
        seed: Of the fit.
        psnr_db: Of the decoded files.
        ssim: Of the decoded files.
        rate: Of the whole files, bits per pixel.
        bytes: Of all files together.
        books: The fraction of them that holds code books.
        macs: Training multiply-accumulates, over all signals.
    """

    steps: int
    seed: int
    psnr_db: float
    ssim: float
    rate: float
    bytes: int
    books: float
    macs: float


Points = list[Point]
"""One for each seed."""


class Bench:
    """Measures cells, each once."""

    def __init__(self, data: str, seeds: int, kept: Path | None) -> None:
        """Loads the data.

        Args:
            data: One of `ENTRIES`.
            seeds: How many of each cell.
            kept: The file of what has been measured; None keeps nothing.
        """
        keep_freed_memory()
        self.signals: Sequence[Signal] = load_dataset(ENTRIES[data]).signals
        self.data, self.seeds = data, seeds
        self._kept = kept
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._known: dict[str, list[dict[str, float]]] = {}
        if kept is not None and kept.is_file():
            for text in kept.read_text(encoding="utf-8").splitlines():
                line = json.loads(text)
                self._known[line["key"]] = line["points"]

    def measure(self, cell: Cell) -> dict[int, Points]:
        """The cell's points by rung, with seeds 0, 1, ..."""
        found: dict[int, Points] = {steps: [] for steps in cell.rungs}
        for seed in range(self.seeds):
            for point in self._one(cell, seed):
                found[point.steps].append(point)
        return found

    def _one(self, cell: Cell, seed: int) -> Points:
        params = canonicalise("mlp", cell.params)
        key = json_hash([self.data, params, list(cell.rungs), seed])[:16]
        if key not in self._known:
            points = [
                asdict(_point(state, seed))
                for state in run_trial("mlp", params, self.signals, cell.rungs, seed=seed, device=self._device)
                if isinstance(state, Measurement)
            ]
            self._known[key] = points
            print(".", end="", file=sys.stderr, flush=True)
            if self._kept is not None:
                with self._kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, "params": params, "points": points}) + "\n")
        return [Point(**values) for values in self._known[key]]  # type: ignore[arg-type]


def _point(state: Measurement, seed: int) -> Point:
    figures = state.figures
    size = sum(map(len, state.files.values()))
    parsed = [container.unpack(file) for file in state.files.values()]
    books = sum(CODECS["mlp"].inspect(file)["bits"].get("code books", 0) for file in parsed) / (8 * size)
    return Point(
        state.steps, seed, figures["psnr_db"], figures["ssim"], figures["rate"], size, books, figures["cost"]["macs"]
    )


def db(points: Points) -> str:
    """Mean PSNR and its standard deviation over seeds."""
    return plus_minus([point.psnr_db for point in points])


def rate(points: Points) -> str:
    """Mean rate over seeds."""
    return f"{statistics.mean(point.rate for point in points):.3f}"


def plus_minus(values: Sequence[float], digits: int = 2) -> str:
    """Mean and standard deviation."""
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"


def difference(first: Points, second: Points) -> float:
    """Mean difference in dB of two cells with the same seeds."""
    return statistics.mean(a.psnr_db - b.psnr_db for a, b in zip(first, second, strict=True))
