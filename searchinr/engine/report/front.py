"""The front of one dataset with everything around it: the one object from which all figures and tables are made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from searchinr.engine.report.anytime import Anytime, Moment
from searchinr.engine.report.baselines import NO_BASELINES, BaselinePoint, Baselines
from searchinr.engine.report.confirmation import Confirmations, Confirmed, is_confirmation
from searchinr.engine.report.published import NOT_PUBLISHED, Published, PublishedCurve
from searchinr.errors import UserError
from searchinr.search.lines import AssetBuilt, Fit, Line, Point, TrialStarted
from searchinr.search.objectives import Objectives
from searchinr.signals.registry import metrics_of
from searchinr.space import HasFigures, Metric


class Rated(HasFigures, Protocol):
    """Anything that has a rate, in the modality's unit, and figures."""

    @property
    def rate(self) -> float:
        """The rate."""


@dataclass(frozen=True)
class FrontReport:
    """The results of a run for one dataset.

    Attributes:
        dataset: Label of the dataset.
        modality: Name of the dataset's modality.
        quality: The metric that is drawn and compared against the rate, see `Objectives.quality`.
        rate_unit: Unit of all rates.
        signals: Number of signals over which an operating point is a mean.
        trials: Number of trials that were started, with the failed ones.
        points: All operating points, in the order of the ledger.
        front: The points within the constraints that no other such point dominates, by rising rate.
        confirmed: For each point of the front, the results of further seeds; None if it was not confirmed.
        reference_point: Objective -> value from which the hypervolume is measured.
        constraints: Figure -> bound, in the form of a space file.
        anytime: The state after each operating point.
        baselines: Classical codecs that were measured on the same signals.
        published: Codecs of the literature, with their published figures.
        assets: Label -> bytes of each asset that is needed to decode files of the front.
    """

    dataset: str
    modality: str
    quality: Metric
    rate_unit: str
    signals: int
    trials: int
    points: tuple[Point, ...]
    front: tuple[Point, ...]
    confirmed: tuple[Confirmed | None, ...]
    reference_point: Mapping[str, float]
    constraints: Mapping[str, str]
    anytime: tuple[Moment, ...]
    baselines: Baselines
    published: Published
    assets: Mapping[str, int]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of decoded signals, first the one of the quality; those on the fitted part come last."""
        known = metrics_of(self.modality, self.quality)
        each = (*known, *(metric.fitted for metric in known))
        return tuple(m for m in each if any(point.figure(m.name) is not None for point in self.front))

    @property
    def hypervolume(self) -> float:
        """Hypervolume of the front, as `Objectives.hypervolume` defines it."""
        return self.anytime[-1].hypervolume

    @property
    def rates(self) -> tuple[float, float]:
        """Lowest and highest rate of the front."""
        return self.front[0].rate, self.front[-1].rate

    @property
    def qualities(self) -> tuple[float, float]:
        """Poorest and best quality of the front."""
        poorest, best = (extreme(self.front, key=self.quality.merit) for extreme in (min, max))
        return self.quality.of(poorest), self.quality.of(best)

    @property
    def milestones(self) -> list[Moment]:
        """The first moment, every moment at which the hypervolume rose, and the last moment."""
        last = len(self.anytime) - 1
        return [
            now
            for i, now in enumerate(self.anytime)
            if i in (0, last) or now.hypervolume > self.anytime[i - 1].hypervolume
        ]

    @property
    def front_line(self) -> list[Point]:
        """The front in the plane of rate and quality, below which points with further objectives may lie."""
        line: list[Point] = []
        for point in self.front:
            if not line or self.quality.merit(point) > self.quality.merit(line[-1]):
                line.append(point)
        return line

    def places(self, points: Iterable[Rated]) -> list[tuple[float, float]]:
        """Rate and quality of each point."""
        return [(point.rate, self.quality.of(point)) for point in points]

    @property
    def curves(self) -> dict[str, list[BaselinePoint]]:
        """Classical codec -> its points by rising rate, without codecs whose quality is not known."""
        return {codec: curve for codec, curve in self.baselines.curves().items() if self._is_known(curve)}

    @property
    def published_curves(self) -> list[PublishedCurve]:
        """The published curves of the quality: what is published is PSNR."""
        return [curve for curve in self.published.curves if self._is_known(curve.points)]

    @property
    def not_comparable(self) -> list[str]:
        """The codecs whose quality is not known."""
        codecs = [*self.baselines.curves(), *(curve.name for curve in self.published.curves)]
        known = {*self.curves, *(curve.name for curve in self.published_curves)}
        return [codec for codec in codecs if codec not in known]

    def _is_known(self, curve: Iterable[HasFigures]) -> bool:
        return all(point.figure(self.quality.name) is not None for point in curve)


def collect_front(
    lines: Iterable[Line],
    dataset: str,
    objectives: Objectives,
    baselines: Baselines = NO_BASELINES,
    published: Published = NOT_PUBLISHED,
) -> FrontReport:
    """Gathers the front of one dataset from a ledger with lines of any kind and dataset.

    Raises:
        UserError: The ledger has no operating point of this dataset, or none that meets the constraints.
    """
    lines = list(lines)
    own = [line for line in lines if line.dataset == dataset]
    points = tuple(line for line in own if isinstance(line, Point))
    if not points:
        raise UserError(f"dataset {dataset}: no operating point yet, so there is no front; let the run go on first")
    anytime, confirmations = Anytime(objectives), Confirmations(objectives.quality)
    moments = []
    for line in own:
        if isinstance(line, AssetBuilt):
            anytime.spend(line)
        elif isinstance(line, Point):
            moments.append(anytime.add(line))
        elif is_confirmation(line):
            confirmations.add(line)
    front = tuple(anytime.front.points)
    if not front:
        raise UserError(f"dataset {dataset}: {none_feasible(points, objectives)}")
    built = {line.label: line.bytes for line in lines if isinstance(line, AssetBuilt)}
    needed = dict.fromkeys(point.decodes_with for point in front if point.decodes_with is not None)
    return FrontReport(
        dataset=dataset,
        modality=points[0].modality,
        quality=objectives.quality,
        rate_unit=points[0].rate_unit,
        signals=len(points[0].signals),
        trials=len({line.trial for line in own if isinstance(line, TrialStarted | Fit)}),
        points=points,
        front=front,
        confirmed=tuple(map(confirmations.of, front)),
        reference_point=objectives.reference_point,
        constraints={name: str(bound) for name, bound in objectives.constraints.items()},
        anytime=tuple(moments),
        baselines=baselines,
        published=published,
        assets={label: built[label] for label in needed if label in built},
    )


def none_feasible(points: Sequence[Point], objectives: Objectives) -> str:
    """A text which says that no point meets the constraints, and by how much the nearest one breaks them."""
    nearest = min(points, key=objectives.violation)
    return (
        f"none of {len(points)} operating points meets the constraints, so there is no front; nearest is trial "
        f"{nearest.trial} at {nearest.steps} steps: {', '.join(objectives.broken(nearest))}; "
        "let the run go on, or start another with wider constraints"
    )


def summary(report: FrontReport) -> str:
    """A sentence about the front."""
    (low, high), qualities = report.rates, report.quality.span(*report.qualities, " to ")
    return (
        f"{len(report.front)} of {len(report.points):,} operating points, {report.quality.in_words(qualities)} at "
        f"{low:.3g} to {high:.3g} {report.rate_unit}, hypervolume {report.hypervolume:.4g}.{beside(report)}"
    )


def beside(report: FrontReport) -> str:
    """A sentence about assets that decoding needs and that no rate counts; empty if it needs none."""
    if not report.assets:
        return ""
    sizes = ", ".join(f"{label} ({size:,} bytes)" for label, size in report.assets.items())
    return f" Beside the files decoding needs, once, and no rate counts: {sizes}."


def front_json(report: FrontReport) -> dict[str, Any]:
    """The front as plain JSON, which `searchinr front --json` prints and `front-<dataset>.json` holds."""
    return {
        "dataset": report.dataset,
        "modality": report.modality,
        "rate_unit": report.rate_unit,
        "signals": report.signals,
        "trials": report.trials,
        "operating_points": len(report.points),
        "reference_point": dict(report.reference_point),
        "constraints": dict(report.constraints),
        "directions": {metric.name: metric.direction for metric in report.metrics},
        "hypervolume": report.hypervolume,
        "points": [
            _point_json(point) | {"confirmed": None if confirmed is None else confirmed.as_json()}
            for point, confirmed in zip(report.front, report.confirmed, strict=True)
        ],
        "assets": dict(report.assets),
        "baselines": report.baselines.as_json(),
    }


def _point_json(point: Point) -> dict[str, Any]:
    """A point as plain JSON without its single signals; figures that were not measured or not needed are left out."""
    keys = ("rate", "psnr_db", "psnr_of_mean_mse_db", "decode_macs_per_sample", "decodes_with", "mean_bytes")
    return {
        **{key: getattr(point, key) for key in ("trial", "steps", "rung")},
        "codec": point.config.codec,
        "params": point.config.params,
        **{key: getattr(point, key) for key in ("seed", "init")},
        **{key: getattr(point, key) for key in keys if getattr(point, key) is not None},
        **point.metrics,
        "cost": asdict(point.cost),
    }
