"""The metrics of an operating point, and how the search compares their values."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from searchinr.errors import UserError

Direction = Literal["max", "min"]

LOSSLESS_DB = 200.0
"""PSNR that ranks a perfect decode; one wrong sample always leaves less (187 dB for 10^9 samples of 16 bits)."""

_NEAREST_ONE = 2.0**-20
"""A perfect overlap is treated as if it were this far from 1, so that its logarithm is finite."""

_PLACES: dict[str, Callable[[float], float]] = {
    "linear": lambda value: value,
    "log": math.log2,
    "near_one": lambda value: -math.log2(max(1 - value, _NEAREST_ONE)),
    "db": lambda value: min(value, LOSSLESS_DB),
}
"""Axis of a metric -> the place of a value on it."""


class HasFigures(Protocol):
    """Anything that has figures: an operating point, the row of a signal, a setting of a classical codec."""

    def figure(self, name: str) -> float | None:
        """The figure of this name; None if it is not measured."""


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

    @property
    def sign(self) -> float:
        """1 or -1: of two values that are multiplied by it, the larger one is better."""
        return 1.0 if self.direction == "max" else -1.0

    def place(self, value: float) -> float:
        """The place of a value on the metric's axis, where equal distances are worth the same.

        Raises:
            ValueError: The axis is logarithmic, and the value is not above 0.
        """
        return _PLACES[self.axis](value)

    def of(self, figures: HasFigures) -> float:
        """The value of this metric; `UserError` if it is not among these figures."""
        value = figures.figure(self.name)
        if value is None:
            raise UserError(f"{self.name!r} is not among the figures on record; restore the ledger")
        return value

    def merit(self, figures: HasFigures) -> float:
        """The value of this metric with the sign with which the larger one of two is better."""
        return self.sign * self.of(figures)

    def words(self, figures: HasFigures) -> str:
        """The value of this metric in words: ``"27.50 dB"``, ``"SSIM 0.8123"``."""
        return self.in_words(self.text(self.of(figures)))

    def text(self, value: float) -> str:
        """A value in the form that tables show, without its unit."""
        return f"{value:.{self.digits}f}"

    def span(self, low: float, high: float, to: str = " – ") -> str:
        """Two values with one decimal less than in tables, without their unit: ``"24.1 – 30.9"``."""
        digits = max(0, self.digits - 1)
        return f"{low:.{digits}f}{to}{high:.{digits}f}"

    @property
    def heading(self) -> str:
        """The head of a column: title and unit, and a note if less is better."""
        words = f"{self.title} {self.unit}".rstrip()
        return words if self.direction == "max" else f"{words} (less is better)"

    @property
    def goal(self) -> str:
        """The aim of a search for this metric, in words: ``"high PSNR"``."""
        return f"{'high' if self.direction == 'max' else 'low'} {self.title}"

    def in_words(self, number: str) -> str:
        """A number with the metric's title and unit; PSNR is known by its unit: ``"20 dB"``, ``"SSIM 0.9"``."""
        return f"{'' if self.name == PSNR.name else f'{self.title} '}{number} {self.unit}".rstrip()

    @property
    def label(self) -> str:
        """The title of an axis in a figure, with a note if less is better."""
        words = f"{self.title} ({self.unit})" if self.unit else self.title
        return words if self.direction == "max" else f"{words}, less is better"


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
