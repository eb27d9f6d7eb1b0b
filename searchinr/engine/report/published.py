"""Rate-distortion curves from the literature, for the datasets that it knows too.

`published.json` holds them: the points as their sources print them, what their rates count, and where they are from.
Their conventions are ours: bits per pixel over all channels, kbit/s for speech, PSNR per signal, then the mean.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from searchinr.space import DatasetEntry


class PublishedPoint(NamedTuple):
    """One point of a published curve.

    Attributes:
        rate: In the modality's unit.
        psnr_db: Mean over signals.
    """

    rate: float
    psnr_db: float


@dataclass(frozen=True)
class PublishedCurve:
    """One codec of the literature.

    Attributes:
        name: Its name.
        counts: What its rate counts: few of the neural codecs write files.
        source: Where the numbers are from.
        points: By rising rate.
    """

    name: str
    counts: str
    source: str
    points: Sequence[PublishedPoint]


@dataclass(frozen=True)
class Published:
    """What the literature has on a dataset.

    Attributes:
        signals: What the curves were measured on.
        same_signals: Whether these are the very signals of the dataset.
        curves: The codecs.
    """

    signals: str = ""
    same_signals: bool = False
    curves: tuple[PublishedCurve, ...] = ()


NOT_PUBLISHED = Published()


def published(entry: DatasetEntry) -> Published:
    """What the literature has on a dataset, taken as its authors took it; `NOT_PUBLISHED` for any other.

    Signals that are cropped differently or reduced are others. A part of a dataset is compared only where the curves
    are of other signals of the same kind anyway.
    """
    found = _table().get((entry.name or "").removesuffix("-test"))
    if found is None or entry.downscale is not None:
        return NOT_PUBLISHED
    crop = None if found["crop"] is None else tuple(found["crop"])
    if entry.crop != crop or ((entry.skip or entry.limit) is not None and found["same_signals"]):
        return NOT_PUBLISHED
    curves = tuple(
        PublishedCurve(row["name"], row["rate"], row["source"], [PublishedPoint(*point) for point in row["points"]])
        for row in found["curves"]
    )
    return Published(found["signals"], found["same_signals"], curves)


@cache
def _table() -> dict[str, Any]:
    text = files(__package__).joinpath("published.json").read_text(encoding="utf-8")
    return dict(json.loads(text))
