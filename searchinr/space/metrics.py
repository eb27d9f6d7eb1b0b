"""The metrics of an operating point, and how the search compares their values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Direction = Literal["max", "min"]


@dataclass(frozen=True)
class Metric:
    """The description of one figure that is measured.

    Attributes:
        name: Key in space files, ledgers and JSON, e.g. ``"psnr_db"``.
        title: Name for people, in tables and at axes, e.g. ``"PSNR"``.
        direction: Whether more or less of the metric is better.
        unit: Unit that is written behind values, e.g. ``"dB"``; empty if the metric has none.
        digits: Number of decimals in tables.
        axis: How much a difference is worth to the search. ``"linear"``: the same everywhere. ``"log"``: ratios matter,
            as for rates, so values are above 0. ``"near_one"``: ratios of the distance to 1 matter, as for an overlap
            (0.98 to 0.99 is worth as much as 0.8 to 0.9). ``"db"``: linear up to the value of a perfect decode.
        is_objective: Whether the metric can be an objective; otherwise only constraints can name it.
    """

    name: str
    title: str
    direction: Direction
    unit: str = ""
    digits: int = 3
    axis: Literal["linear", "log", "near_one", "db"] = "linear"
    is_objective: bool = True

    @property
    def fitted(self) -> "Metric":
        """This metric on the part of a signal that was fitted, for signals that are judged by a held-out part."""
        return replace(self, name=f"fitted_{self.name}", title=f"fitted {self.title}", is_objective=False)

    def text(self, value: float) -> str:
        """A value in the form that tables show, without its unit."""
        return f"{value:.{self.digits}f}"

    @property
    def heading(self) -> str:
        """The head of a column: title and unit, and a note if less is better."""
        words = f"{self.title} {self.unit}".rstrip()
        return words if self.direction == "max" else f"{words} (less is better)"

    @property
    def goal(self) -> str:
        """The aim of a search for this metric, in words: ``"high PSNR"``."""
        return f"{'high' if self.direction == 'max' else 'low'} {self.title}"

    def with_unit(self, number: str) -> str:
        """A number with its unit or, if the metric has none, its title: ``"20 dB"``, ``"SSIM 0.9"``."""
        return f"{number} {self.unit}" if self.unit else f"{self.title} {number}"

    @property
    def label(self) -> str:
        """The title of an axis in a figure."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


PSNR = Metric("psnr_db", "PSNR", "max", unit="dB", digits=2, axis="db")
SSIM = Metric("ssim", "SSIM", "max", digits=4)
"""Structural similarity of two pictures."""

OF_FILES: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("rate", "rate", "min", axis="log"),
        Metric("encode_s", "encoding time", "min", unit="s", axis="log"),
        Metric("decode_s", "decoding time", "min", unit="s", axis="log"),
        Metric("decode_macs_per_sample", "decoding work", "min", unit="MAC", digits=0, axis="log", is_objective=False),
    )
}
"""The metrics that every file has, whatever the modality of its signal."""

STANDARD: Mapping[str, Metric] = {PSNR.name: PSNR, SSIM.name: SSIM, **OF_FILES}
"""The metrics that a space can name if the modalities are not known."""
