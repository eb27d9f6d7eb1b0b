"""What any multi-objective early stopping must hold to, and the order it should follow, in the plainest Python.

Each property looks at the fate of the newest result of a rung: whether a scheduler that has seen all of the rung sends
it on. It is None where the property says nothing of such a rung.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from searchinr.search.scheduler import Scheduler

REDUCTION = 3


@dataclass(frozen=True)
class Result:
    vector: tuple[float, ...]
    violation: float = 0.0


Rung = Sequence[Result]
Fate = Callable[[Rung], bool]


def dominates(a: Result, b: Result) -> bool:
    if a.violation != b.violation:
        return a.violation < b.violation
    return a.vector != b.vector and all(x <= y for x, y in zip(a.vector, b.vector, strict=True))


def ranks(rung: Rung) -> list[int]:
    found: dict[int, int] = {}
    while len(found) < len(rung):
        left = [i for i in range(len(rung)) if i not in found]
        front = [i for i in left if not any(dominates(rung[j], rung[i]) for j in left)]
        found |= dict.fromkeys(front, max(found.values(), default=-1) + 1)
    return [found[i] for i in range(len(rung))]


def spans(rung: Rung) -> list[float]:
    columns = list(zip(*(result.vector for result in rung), strict=True))
    return [(max(column) - min(column)) or 1.0 for column in columns]


def squared(a: Sequence[float], b: Sequence[float], span: Sequence[float]) -> float:
    total = 0.0
    for x, y, s in zip(a, b, span, strict=True):
        total += ((x - y) / s) ** 2
    return total


def farthest(rung: Rung, candidates: Sequence[int], anchors: Sequence[int]) -> int:
    """The candidate farthest from the anchors, or nearest to the ideal corner; of equals the first by its vector."""
    span = spans(rung)
    if anchors:
        gaps = {i: -min(squared(rung[i].vector, rung[j].vector, span) for j in anchors) for i in candidates}
    else:
        ideal = [min(column) for column in zip(*(result.vector for result in rung), strict=True)]
        gaps = {i: squared(rung[i].vector, ideal, span) for i in candidates}
    return min(candidates, key=lambda i: (gaps[i], rung[i].vector, i))


def promotion(rung: Rung, promoted: Sequence[int], reduction: int) -> int | None:
    """Promotion type: the next to be promoted."""
    waiting = [i for i in range(len(rung)) if i not in promoted]
    if not waiting or len(promoted) >= len(rung) // reduction:
        return None
    rank = ranks(rung)
    best = min(rank[i] for i in waiting)
    return farthest(rung, [i for i in waiting if rank[i] == best], promoted)


def continues(rung: Rung, reduction: int) -> bool:
    """Stopping type: whether the newest continues."""
    rank, newest, places = ranks(rung), len(rung) - 1, max(1, len(rung) // reduction)
    front = [i for i in range(len(rung)) if rank[i] == rank[newest]]
    places -= sum(r < rank[newest] for r in rank)
    anchors = [i for i in range(len(rung)) if rank[i] == rank[newest] - 1]
    chosen: list[int] = []
    while len(chosen) < min(places, len(front)):
        chosen.append(farthest(rung, [i for i in front if i not in chosen], [*anchors, *chosen]))
    return newest in chosen


def fate(make: Callable[[], Scheduler]) -> Fate:
    """The fate of the newest of a rung under schedulers of two rungs that `make` makes."""

    def decide(rung: Rung) -> bool:
        scheduler, sent_on = make(), set()
        for index, result in enumerate(rung):
            scheduler.report(str(index), 0, np.array(result.vector, dtype=float), result.violation)
        while (following := scheduler.next_promotion()) is not None:
            scheduler.promote(*following)
            sent_on.add(following[0])
        return str(len(rung) - 1) in sent_on

    return decide


def ignores_the_order_of_the_others(fate: Fate, rung: Rung) -> bool | None:
    others = list(rung[:-1])
    Random(0).shuffle(others)
    return fate(rung) == fate([*others, rung[-1]])


def ignores_the_scale_of_an_objective(fate: Fate, rung: Rung) -> bool | None:
    # A power of two, so that no rounding can make or break a tie.
    other = [Result((result.vector[0] * 1024, *result.vector[1:]), result.violation) for result in rung]
    return fate(rung) == fate(other)


def stops_what_most_dominate(fate: Fate, rung: Rung) -> bool | None:
    better = sum(dominates(result, rung[-1]) for result in rung)
    if better <= (1 - 1 / REDUCTION) * len(rung):
        return None
    return not fate(rung)


def keeps_a_front_that_fits(fate: Fate, rung: Rung) -> bool | None:
    rank = ranks(rung)
    if len(rung) < REDUCTION or rank[-1] > 0 or rank.count(0) > len(rung) // REDUCTION:
        return None
    return fate(rung)


PROPERTIES: dict[str, Callable[[Fate, Rung], bool | None]] = {
    function.__name__: function
    for function in (
        ignores_the_order_of_the_others,
        ignores_the_scale_of_an_objective,
        stops_what_most_dominate,
        keeps_a_front_that_fits,
    )
}
