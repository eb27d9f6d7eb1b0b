"""What is measured of an operating point, and how the search compares it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Direction = Literal["max", "min"]


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        name: Key in space files, ledgers and JSON, e.g. ``"psnr_db"``.
        title: What people call it in tables and axes, e.g. ``"PSNR"``.
        direction: Whether more or less of it is better.
        unit: Behind its values, e.g. ``"dB"``; empty if it has none.
        digits: Decimals in tables.
        axis: What a difference is worth to the search. ``"linear"``: the same everywhere. ``"log"``: ratios matter,
            as for rates, so values are above 0. ``"near_one"``: ratios of the distance to 1 matter, as for an overlap
            (0.98 to 0.99 is as much as 0.8 to 0.9). ``"db"``: linear up to what stands for a perfect decode.
        is_objective: Whether it can be an objective; otherwise only constraints can name it.
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
        """The same figure of the part to which a signal was fitted, where another part is held out to judge it."""
        return replace(self, name=f"fitted_{self.name}", title=f"fitted {self.title}", is_objective=False)

    def text(self, value: float) -> str:
        """A value as tables show it, without its unit."""
        return f"{value:.{self.digits}f}"

    @property
    def heading(self) -> str:
        """The head of a column: title and unit, and that less is better where it is."""
        words = f"{self.title} {self.unit}".rstrip()
        return words if self.direction == "max" else f"{words} (less is better)"

    @property
    def goal(self) -> str:
        """What one wants of it, in words: ``"high PSNR"``."""
        return f"{'high' if self.direction == 'max' else 'low'} {self.title}"

    def with_unit(self, number: str) -> str:
        """A number in words: ``"20 dB"``, ``"SSIM 0.9"``."""
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
"""What is measured of every file, whatever the modality of its signal."""

STANDARD: Mapping[str, Metric] = {PSNR.name: PSNR, SSIM.name: SSIM, **OF_FILES}
"""What a space can name where nobody says which modalities there are."""
