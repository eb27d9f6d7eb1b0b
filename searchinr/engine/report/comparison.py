"""The comparison of the fronts of two runs, as JSON and as a table for the terminal."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from searchinr.engine.report import style
from searchinr.engine.report.front import FrontReport
from searchinr.search.bd_rate import BdRate, method
from searchinr.space import Metric


@dataclass(frozen=True)
class Side:
    """One of the two runs, for one dataset.

    Attributes:
        run: The run folder.
        front: The run's front.
        hypervolume: Hypervolume of the front, from the reference point that both runs share.
    """

    run: str
    front: FrontReport
    hypervolume: float


@dataclass(frozen=True)
class Comparison:
    """The fronts of two runs on one dataset.

    Attributes:
        dataset: Label of the dataset.
        reference_point: The point from which both hypervolumes are measured: that of the first run.
        first: The run that `second` is compared with.
        second: The run that is judged.
        bd_rate: How many more bits the second needs than the first; None if they have too little quality in common.
    """

    dataset: str
    reference_point: dict[str, float]
    first: Side
    second: Side
    bd_rate: BdRate | None

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both sides."""
        return self.first, self.second

    @property
    def quality(self) -> Metric:
        """The metric of the quality, which both runs have in common."""
        return self.first.front.quality

    @property
    def columns(self) -> tuple[str, ...]:
        """The heads of the columns of `rows`."""
        return "run", "trials", "training work", "on the front", "rate", self.quality.heading, "hypervolume"

    def rows(self) -> Iterator[list[str]]:
        """The cells of a table, a row for each run."""
        for side in self.sides:
            low, high = side.front.rates
            yield [
                side.run,
                f"{side.front.trials:,}",
                style.work(side.front.anytime[-1].macs),
                f"{len(side.front.front)} of {len(side.front.points):,}",
                f"{low:.3g} – {high:.3g} {side.front.rate_unit}",
                self.quality.span(*side.front.qualities),
                f"{side.hypervolume:.4g}",
            ]

    def verdict(self) -> str:
        """The BD-rate in a sentence, with its method."""
        if self.bd_rate is None:
            return f"BD-rate: none, the fronts have too little {self.quality.title} in common."
        return f"BD-rate of {self.second.run} against {self.first.run}: {self.bd_rate.text()} ({method(self.quality)})."

    def short(self) -> str:
        """The verdict in a few words."""
        if self.bd_rate is None:
            return f"too little {self.quality.title} in common for a BD-rate"
        more = "more" if self.bd_rate.percent > 0 else "fewer"
        return f"{self.second.run} needs {abs(self.bd_rate.percent):.1f} % {more} bits than {self.first.run}"

    def reference(self) -> str:
        """A sentence about the point from which the hypervolumes are measured."""
        return f"Hypervolumes from {style.reference(self.reference_point, self.first.front)}"


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON; the quality has the name of its metric."""
    name = found.quality.name
    return {
        "dataset": found.dataset,
        "modality": found.first.front.modality,
        "rate_unit": found.first.front.rate_unit,
        "reference_point": found.reference_point,
        "bd_rate": None if found.bd_rate is None else _bd_rate_json(found.bd_rate),
        "runs": [
            {
                "run": side.run,
                "trials": side.front.trials,
                "training_macs": side.front.anytime[-1].macs,
                "hypervolume": side.hypervolume,
                "front": [
                    {"trial": point.trial, "steps": point.steps, "rate": point.rate, name: found.quality.of(point)}
                    for point in side.front.front
                ],
            }
            for side in found.sides
        ],
    }


def _bd_rate_json(found: BdRate) -> dict[str, Any]:
    unit = "_db" if found.metric.axis == "db" else ""
    ends = {f"low{unit}": found.low, f"high{unit}": found.high}
    return {"percent": found.percent, **ends, "method": method(found.metric)}


def comparison_table(found: Comparison) -> RenderableType:
    """The comparison as a table for the terminal."""
    table = Table(box=None, pad_edge=False)
    for column in found.columns:
        table.add_column(column, justify="left" if column == "run" else "right")
    for row in found.rows():
        table.add_row(*map(Text, row))
    return Group(Text(found.dataset), table, Text(found.verdict()), Text(found.reference()))
