"""Rate-distortion curves from the literature, for datasets that are used there as well.

`published.json` holds the points as their sources print them, what their rates count, and where they are from. The
conventions are the same as ours: bits per pixel over all channels, kbit/s for speech, and the mean of all PSNRs.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from searchinr.space import PSNR, DatasetEntry


class PublishedPoint(NamedTuple):
    """One point of a published curve.

    Attributes:
        rate: Rate in the modality's unit.
        psnr_db: PSNR in dB, the mean over signals.
    """

    rate: float
    psnr_db: float

    def figure(self, name: str) -> float | None:
        """The PSNR by its name; of other metrics nothing is published."""
        return self.psnr_db if name == PSNR.name else None


@dataclass(frozen=True)
class PublishedCurve:
    """One codec of the literature.

    Attributes:
        name: Name of the codec.
        counts: What its rate counts; few neural codecs write files.
        source: The publication that the numbers are from.
        points: The points by rising rate.
    """

    name: str
    counts: str
    source: str
    points: Sequence[PublishedPoint]


@dataclass(frozen=True)
class Published:
    """The published curves for a dataset.

    Attributes:
        signals: The signals on which the curves were measured, in words.
        same_signals: Whether these are the very signals of the dataset.
        curves: The curves, one for each codec.
    """

    signals: str = ""
    same_signals: bool = False
    curves: tuple[PublishedCurve, ...] = ()


NOT_PUBLISHED = Published()


def published(entry: DatasetEntry) -> Published:
    """The published curves for a dataset that is used in the way their authors use it; `NOT_PUBLISHED` otherwise.

    Signals that are cropped differently or reduced count as other signals. A part of a dataset has curves only if these
    were measured on other signals of the same kind anyway.
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
