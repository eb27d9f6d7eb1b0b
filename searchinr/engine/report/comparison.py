"""The comparison of the fronts of two runs, as JSON and as a table for the terminal."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from searchinr.engine.report import style
from searchinr.engine.report.front import FrontReport
from searchinr.search.bd_rate import METHOD, BdRate

COLUMNS = ("run", "trials", "training work", "on the front", "rate", "PSNR dB", "hypervolume")


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
        bd_rate: How many more bits the second needs than the first; None if they have too little PSNR in common.
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

    def rows(self) -> Iterator[list[str]]:
        """The cells of `COLUMNS`, a row for each run."""
        for side in self.sides:
            (low, high), (worst, best) = side.front.rates, side.front.psnrs_db
            yield [
                side.run,
                f"{side.front.trials:,}",
                style.work(side.front.anytime[-1].macs),
                f"{len(side.front.front)} of {len(side.front.points):,}",
                f"{low:.3g} – {high:.3g} {side.front.rate_unit}",
                f"{worst:.1f} – {best:.1f}",
                f"{side.hypervolume:.4g}",
            ]

    def verdict(self) -> str:
        """The BD-rate in a sentence, with its method."""
        if self.bd_rate is None:
            return "BD-rate: none, the fronts have too little PSNR in common."
        return f"BD-rate of {self.second.run} against {self.first.run}: {self.bd_rate.text()} ({METHOD})."

    def short(self) -> str:
        """The verdict in a few words."""
        if self.bd_rate is None:
            return "too little PSNR in common for a BD-rate"
        more = "more" if self.bd_rate.percent > 0 else "fewer"
        return f"{self.second.run} needs {abs(self.bd_rate.percent):.1f} % {more} bits than {self.first.run}"

    def reference(self) -> str:
        """A sentence about the point from which the hypervolumes are measured."""
        return f"Hypervolumes from {style.reference(self.reference_point, self.first.front)}"


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON."""
    return {
        "dataset": found.dataset,
        "modality": found.first.front.modality,
        "rate_unit": found.first.front.rate_unit,
        "reference_point": found.reference_point,
        "bd_rate": None if found.bd_rate is None else asdict(found.bd_rate) | {"method": METHOD},
        "runs": [
            {
                "run": side.run,
                "trials": side.front.trials,
                "training_macs": side.front.anytime[-1].macs,
                "hypervolume": side.hypervolume,
                "front": [
                    {key: getattr(point, key) for key in ("trial", "steps", "rate", "psnr_db")}
                    for point in side.front.front
                ],
            }
            for side in found.sides
        ],
    }


def comparison_table(found: Comparison) -> RenderableType:
    """The comparison as a table for the terminal."""
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "run" else "right")
    for row in found.rows():
        table.add_row(*map(Text, row))
    return Group(Text(found.dataset), table, Text(found.verdict()), Text(found.reference()))
