"""Cells of a reproduction: one config on one dataset with several seeds, measured on whole files that are decoded.

What has been measured is kept in a file beside the report, so that an interrupted benchmark goes on where it was.
"""

import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.reproduce.coders import bytes_by_coder
from searchinr.allocator import keep_freed_memory
from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset, Level
from searchinr.codecs.fitting.rungs import BRANCH
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.registry import codec_of, decode
from searchinr.engine.catalog import canonicalise
from searchinr.signals.datasets import load_dataset
from searchinr.signals.signal import Signal
from searchinr.space import Value, json_hash
from searchinr.space.schema import DatasetEntry
from searchinr.trial import Measurement, asset_spec, build_asset, file_figures, run_trial

ENTRIES = {
    "photos": DatasetEntry(name="photos", downscale=(96, 144), limit=4),
    "photos-192": DatasetEntry(name="photos", downscale=(192, 288), limit=4),
    "photos-192-all": DatasetEntry(name="photos", downscale=(192, 288)),
    "kodak": DatasetEntry(name="kodak"),
}
"""The data of a reproduction: what two cores can do, and what the papers use."""

_OF_QUANTISATION = (
    "quantizer",
    "weight_bits",
    "edge_bits",
    "last_bits",
    "steps_per",
    "activation_bits",
    "rate_weight",
    "step_search",
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """A config to measure.

    Attributes:
        params: Parameters of the codec, flat; the others have their defaults.
        rungs: Training lengths at which it is measured, in one fit.
        codec: Name of the codec.
        levels: Whether files of several rates are measured at each of them.
        coders: Whether the files are also measured with one probability model for all tensors.
    """

    params: Mapping[str, Value]
    rungs: tuple[int, ...]
    codec: str = "mlp"
    levels: bool = True
    coders: bool = False


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
        levels: For files of several rates: of each level that all files have, by its name, the mean PSNR and the bytes
            of all trimmed files.
        train_s: Seconds of training, for all signals together.
        signals: Of each signal, by its name, the rate and the PSNR.
        coders: By the name of a probability model the bytes of all files if all tensors were coded with it.
    """

    steps: int
    seed: int
    psnr_db: float
    ssim: float
    rate: float
    bytes: int
    books: float
    macs: float
    levels: Mapping[str, tuple[float, int]]
    train_s: float = 0.0
    signals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    coders: Mapping[str, int] = field(default_factory=dict)


Points = list[Point]
"""One for each seed."""


class Kept:
    """What has been measured, each thing once, in a file with a line for each."""

    def __init__(self, path: Path | None) -> None:
        """Reads what is there; None keeps nothing."""
        self._path = path
        self._known: dict[str, Any] = {}
        if path is not None and path.is_file():
            for text in path.read_text(encoding="utf-8").splitlines():
                line = json.loads(text)
                self._known[line["key"]] = line["found"]

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __call__(self, key: str, measure: Callable[[], Any]) -> Any:  # noqa: ANN401  JSON
        """What is known under a key, or else what is measured now."""
        if key not in self._known:
            self._known[key] = measure()
            print(".", end="", file=sys.stderr, flush=True)
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, "found": self._known[key]}) + "\n")
        return self._known[key]


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
        self._keep = Kept(kept)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._assets: dict[str, Asset] = {}
        self._trunks: dict[str, dict[str, Tensor]] = {}

    def measure(self, cell: Cell) -> dict[int, Points]:
        """The cell's points by rung, with seeds 0, 1, ..."""
        found: dict[int, Points] = {steps: [] for steps in cell.rungs}
        for seed in range(self.seeds):
            for point in self._one(cell, seed):
                found[point.steps].append(point)
        return found

    def asset_macs(self, cell: Cell) -> list[float]:
        """What building the assets has cost that a measured cell starts from, by seed."""
        params = canonicalise(cell.codec, cell.params)
        return [self._keep(self._asset_key(cell.codec, params, seed), _never)["macs"] for seed in range(self.seeds)]

    def _one(self, cell: Cell, seed: int) -> Points:
        params = canonicalise(cell.codec, cell.params)
        what = [self.data, cell.codec, params, list(cell.rungs), seed]
        what += [name for name, is_so in (("no levels", not cell.levels), ("coders", cell.coders)) if is_so]
        key = json_hash(what)[:16]
        return [Point(**values) for values in self._keep(key, lambda: self._fit(cell, params, seed))]

    def _fit(self, cell: Cell, params: Mapping[str, Value], seed: int) -> list[Json]:
        # Up to the branch to their first rung, fits that differ in how they are quantised are one fit.
        unquantised = {name: value for name, value in params.items() if name not in _OF_QUANTISATION}
        quantizer = QUANTIZERS.get(str(params.get("quantizer")))
        unquantised["keeps_weights"] = quantizer is not None and quantizer.keeps_weights
        trunk = json_hash([cell.codec, unquantised, cell.rungs[0], seed])
        known = self._trunks.get(trunk)
        states = run_trial(
            cell.codec,
            params,
            self.signals,
            cell.rungs,
            seed=seed,
            device=self._device,
            asset=self._asset(cell.codec, params, seed),
            resume=known,
        )
        measured = []
        for state in states:
            if isinstance(state, Measurement):
                measured.append(asdict(_point(state, self.signals, seed, cell)))
            elif known is None and not measured:
                self._trunks[trunk] = _without_branch(state.checkpoint())
        return measured

    def _asset(self, codec: str, params: Mapping[str, Value], seed: int) -> Asset | None:
        spec = asset_spec(codec, params)
        if spec is None:
            return None
        key = self._asset_key(codec, params, seed)
        if key not in self._assets:
            *_, built = build_asset(codec, spec, self.signals, seed=seed, device=self._device)
            assert built.asset is not None
            self._assets[key] = built.asset
            self._keep(key, lambda: built.cost)
        return self._assets[key]

    def _asset_key(self, codec: str, params: Mapping[str, Value], seed: int) -> str:
        spec = asset_spec(codec, params)
        assert spec is not None
        return json_hash([self.data, codec, spec.name, spec.params, seed])[:16]


def _without_branch(checkpoint: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A trial's checkpoint, at the end of the trunk."""
    return {name: tensor for name, tensor in checkpoint.items() if not name.startswith(f"fit.{BRANCH}")}


def _never() -> Json:
    raise LookupError("the cell has not been measured, or starts from no asset")


def _point(state: Measurement, signals: Sequence[Signal], seed: int, cell: Cell) -> Point:
    figures = state.figures
    size = sum(map(len, state.files.values()))
    parsed = [container.unpack(file) for file in state.files.values()]
    codec = codec_of(parsed[0])
    books = sum(codec.inspect(file)["bits"].get("code books", 0) for file in parsed) / (8 * size)
    of_files = [[level for level, _ in codec.levels(file)] for file in parsed if cell.levels]
    in_all = [level for level in of_files[0] if all(level in others for others in of_files)] if of_files else []
    by_level = {" x ".join(map(str, level.values())): _level(level, parsed, signals) for level in in_all}
    return Point(
        steps=state.steps,
        seed=seed,
        psnr_db=figures["psnr_db"],
        ssim=figures["ssim"],
        rate=figures["rate"],
        bytes=size,
        books=books,
        macs=figures["cost"]["macs"],
        levels=by_level,
        train_s=figures["cost"]["train_s"],
        signals={row["name"]: (row["rate"], row["psnr_db"]) for row in figures["signals"]},
        coders=bytes_by_coder(parsed) if cell.coders else {},
    )


def _level(level: Level, parsed: Sequence[container.Container], signals: Sequence[Signal]) -> tuple[float, int]:
    """Mean PSNR of the files trimmed to a level, and their bytes."""
    files = [codec_of(file).trim(file, level) for file in parsed]
    rows = [file_figures(signal, file, decode(file)) for signal, file in zip(signals, files, strict=True)]
    return statistics.mean(row["psnr_db"] for row in rows), sum(map(len, files))


def mean_db(points: Points) -> float:
    """Mean PSNR."""
    return statistics.mean(point.psnr_db for point in points)


def mean_rate(points: Points) -> float:
    """Mean rate."""
    return statistics.mean(point.rate for point in points)


def db(points: Points) -> str:
    """Mean PSNR and its standard deviation over seeds."""
    return plus_minus([point.psnr_db for point in points])


def rate(points: Points) -> str:
    """Mean rate over seeds."""
    return f"{mean_rate(points):.3f}"


def plus_minus(values: Sequence[float], digits: int = 2) -> str:
    """Mean and standard deviation."""
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"


def difference(first: Points, second: Points) -> float:
    """Mean difference in dB of two cells with the same seeds."""
    return statistics.mean(a.psnr_db - b.psnr_db for a, b in zip(first, second, strict=True))


def verdict(claim: str, gains: Mapping[str, float]) -> str:
    """A paper's claim, and what was found, in dB."""
    return f"{claim} Here, in dB: " + "; ".join(f"{name} {gain:+.2f}" for name, gain in gains.items()) + "."
