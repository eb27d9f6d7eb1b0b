"""Compares two runs on the same signals."""

from searchinr.engine.report.comparison import Comparison, Side
from searchinr.engine.report.front import FrontReport
from searchinr.engine.results.opened import OpenedRun
from searchinr.errors import UserError
from searchinr.search.bd_rate import bd_rate
from searchinr.search.objectives import Objectives


def compare(first: OpenedRun, second: OpenedRun, dataset: str | None) -> list[Comparison]:
    """Compares the fronts of two runs, each within its own constraints, on one dataset or, for None, on all.

    Raises:
        UserError: The runs are not about the same signals and objectives, or one has no front.
    """
    labels, others = first.chosen(dataset), second.chosen(dataset)
    if labels != others:
        raise UserError(
            f"{second.folder.path}: has fronts of {', '.join(others)}, {first.folder.path} of {', '.join(labels)}; "
            "choose one that both have with --dataset"
        )
    if first.objectives.names != second.objectives.names:
        raise UserError(
            f"{second.folder.path}: has the objectives {', '.join(second.objectives.names)}, {first.folder.path} "
            f"{', '.join(first.objectives.names)}; compare runs with the same"
        )
    return [_compare(first, second, label) for label in labels]


def _compare(first: OpenedRun, second: OpenedRun, label: str) -> Comparison:
    fronts = first.front(label), second.front(label)
    facts = [_facts(run, front) for run, front in zip((first, second), fronts, strict=True)]
    for what in facts[0]:
        if facts[0][what] != facts[1][what]:
            raise UserError(
                f"{second.folder.path}: {what} of {label} {_shown(facts[1][what])} found, {_shown(facts[0][what])} in "
                f"{first.folder.path}; compare runs on the same signals"
            )
    names = first.objectives.names
    shared = Objectives(
        {name: first.space.objectives[name] for name in names},
        first.objectives.reference_point,
        metrics=first.space.metrics,
    )
    sides = [
        Side(str(run.folder.path), front, shared.hypervolume(front.front))
        for run, front in zip((first, second), fronts, strict=True)
    ]
    one, two = (front.places(front.front_line) for front in fronts)
    return Comparison(label, shared.reference_point, sides[0], sides[1], bd_rate(one, two, shared.quality))


def _facts(run: OpenedRun, front: FrontReport) -> dict[str, object]:
    """The facts in which two runs must agree so that their figures can be compared."""
    return {
        "modality": front.modality,
        "rate unit": front.rate_unit,
        "signals": list(front.points[0].signals.names),
        "content": run.content.get(front.dataset),
    }


def _shown(fact: object) -> str:
    return f"{', '.join(fact[:3])} ..." if isinstance(fact, list) else str(fact)
