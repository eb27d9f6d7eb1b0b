"""Measures classical codecs on the same signals and by the same metrics; whole files count in their rates."""

import itertools
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from searchinr.cores import usable_cores
from searchinr.errors import UserError
from searchinr.files import write_atomic
from searchinr.signals.contract import Modality
from searchinr.signals.datasets import Dataset
from searchinr.signals.flat import counted
from searchinr.signals.peers import Peer
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal


@dataclass(frozen=True)
class BaselinePoint:
    """One setting of one classical codec, with means over the signals of a dataset.

    Attributes:
        codec: Name of the codec, with the settings that matter.
        quality: The codec's own quality setting.
        figures: `rate` of complete files in the modality's unit, and the same metrics that our operating points have.
    """

    codec: str
    quality: float
    figures: Mapping[str, float]

    def figure(self, name: str) -> float | None:
        """The figure of this name; None if it is not measured."""
        return self.figures.get(name)

    @property
    def rate(self) -> float:
        """The rate in the modality's unit."""
        return self.figures["rate"]


@dataclass(frozen=True)
class Baselines:
    """All classical codecs of one dataset.

    Attributes:
        points: The points codec by codec, for each by rising quality.
        left_out: Codec -> the reason why it could not be measured on every signal.
    """

    points: tuple[BaselinePoint, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    def curves(self) -> dict[str, list[BaselinePoint]]:
        """Codec -> its points by rising rate, in the codecs' own order."""
        curves: dict[str, list[BaselinePoint]] = {}
        for point in self.points:
            curves.setdefault(point.codec, []).append(point)
        return {codec: sorted(points, key=lambda p: p.rate) for codec, points in curves.items()}

    def as_json(self) -> dict[str, Any]:
        """The baselines as plain JSON, which `Baselines.from_json` reads back."""
        points = [{"codec": point.codec, "quality": point.quality, **point.figures} for point in self.points]
        return {"points": points, "left_out": dict(self.left_out)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Baselines":
        """Reads the JSON that `as_json` wrote."""
        rows = [dict(row) for row in data["points"]]
        return cls(tuple(BaselinePoint(row.pop("codec"), row.pop("quality"), row) for row in rows), data["left_out"])


NO_BASELINES = Baselines()


def measure_baselines(dataset: Dataset) -> Baselines:
    """Encodes and decodes every signal that counts in means with every classical codec of the modality.

    A codec that refuses one of the signals is left out, with its reason, since a mean over fewer signals could not be
    compared with ours.
    """
    modality = MODALITIES[dataset.modality]
    signals = list(itertools.compress(dataset.signals, counted(dataset.signals)))
    points: list[BaselinePoint] = []
    left_out: dict[str, str] = {}
    with ThreadPoolExecutor(usable_cores()) as pool:  # Pillow and libsndfile release the lock of the interpreter
        for codec in modality.peers:
            settings = [(quality, signal) for quality in codec.qualities for signal in signals]
            try:
                measured = list(pool.map(lambda s, c=codec: _measure(modality, c, s[0], s[1]), settings))
            except UserError as reason:
                left_out[codec.name] = str(reason)
                continue
            count = len(signals)
            for i, quality in enumerate(codec.qualities):
                of_quality = measured[i * count : (i + 1) * count]
                means = {key: fmean(figures[key] for figures in of_quality) for key in of_quality[0]}
                points.append(BaselinePoint(codec.name, quality, means))
    return Baselines(tuple(points), left_out)


def _measure(modality: Modality, codec: Peer, quality: float, signal: Signal) -> dict[str, float]:
    signal = signal.measured  # judged by the same part as our own files
    file = codec.encode(signal, quality)
    metrics = modality.quality(signal, codec.decode(file, signal.layout))
    return {"rate": modality.rate(signal.layout, len(file)), **metrics}


def cached_baselines(dataset: Dataset, folder: Path) -> Baselines:
    """Reads the result of `measure_baselines` from `baselines-<key>.json` in `folder`, or measures and keeps it there.

    The key is the dataset's content hash, so that changed files are measured anew. A damaged file is replaced.
    """
    path = folder / f"baselines-{dataset.key[:16]}.json"
    try:
        return Baselines.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        baselines = measure_baselines(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(baselines.as_json(), indent=1).encode())
    return baselines
