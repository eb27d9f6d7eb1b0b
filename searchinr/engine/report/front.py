"""The front of one dataset and what surrounds it: the one object that every figure and table is drawn from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from searchinr.engine.report.baselines import NO_BASELINES, Baselines
from searchinr.engine.search.objectives import Objectives
from searchinr.errors import UserError

Point = Mapping[str, Any]
"""A ledger line of kind ``point``."""


@dataclass(frozen=True)
class FrontReport:
    """What a run has found for one dataset.

    Attributes:
        dataset: The dataset's label.
        modality: Its modality.
        rate_unit: Unit of every rate here.
        signals: Number of signals that each operating point is a mean over.
        trials: Number of trials started, failed ones included.
        points: All operating points, in the order of the ledger.
        front: Those that no other dominates, by rising rate.
        reference_point: Objective -> value that the hypervolume is measured from.
        hypervolume: Of the front, as `Objectives.hypervolume` defines it.
        baselines: Classical codecs measured on the same signals.
    """

    dataset: str
    modality: str
    rate_unit: str
    signals: int
    trials: int
    points: tuple[Point, ...]
    front: tuple[Point, ...]
    reference_point: Mapping[str, float]
    hypervolume: float
    baselines: Baselines

    @property
    def front_line(self) -> list[Point]:
        """The front in the plane of rate and PSNR: with further objectives some of its points lie below."""
        line: list[Point] = []
        for point in self.front:
            if not line or point["psnr_db"] > line[-1]["psnr_db"]:
                line.append(point)
        return line


def collect_front(
    lines: Iterable[Mapping[str, Any]],
    dataset: str,
    objectives: Objectives,
    baselines: Baselines = NO_BASELINES,
) -> FrontReport:
    """Gathers the front of one dataset from a ledger.

    Args:
        lines: Ledger lines of any kind and dataset.
        dataset: Label of the dataset.
        objectives: What the run searched for.
        baselines: Measured on the signals of this dataset.

    Raises:
        UserError: The ledger has no operating point of this dataset.
    """
    own = [line for line in lines if line.get("dataset") == dataset]
    points = tuple(line for line in own if line["kind"] == "point")
    if not points:
        raise UserError(f"dataset {dataset}: no operating point yet, so there is no front; let the run go on first")
    front = tuple(points[i] for i in objectives.front(points))
    return FrontReport(
        dataset=dataset,
        modality=points[0]["modality"],
        rate_unit=points[0]["rate_unit"],
        signals=len(points[0]["signals"]),
        trials=len({line["trial"] for line in own}),
        points=points,
        front=front,
        reference_point=objectives.reference_point,
        hypervolume=objectives.hypervolume(front),
        baselines=baselines,
    )


def mean_bytes(point: Point) -> float:
    """Mean size of a point's files in bytes."""
    return float(sum(signal["bytes"] for signal in point["signals"]) / len(point["signals"]))


def front_json(report: FrontReport) -> dict[str, Any]:
    """The front as plain JSON: what `searchinr front --json` prints and `front-<dataset>.json` holds."""
    keys = ("trial", "steps", "rung", "codec", "params", "seed", "init", "rate", "psnr_db", "psnr_of_mean_mse_db")
    return {
        "dataset": report.dataset,
        "modality": report.modality,
        "rate_unit": report.rate_unit,
        "signals": report.signals,
        "trials": report.trials,
        "operating_points": len(report.points),
        "reference_point": dict(report.reference_point),
        "hypervolume": report.hypervolume,
        "points": [
            {key: point[key] for key in keys}
            | ({"ssim": point["ssim"]} if point.get("ssim") is not None else {})
            | {"mean_bytes": mean_bytes(point), "cost": point["cost"]}
            for point in report.front
        ],
        "baselines": report.baselines.as_json(),
    }
