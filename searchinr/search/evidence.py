"""What a model is fitted to: the results of one rung, and the latest results of trials that did not reach that rung."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from searchinr.search.pareto import front_mask
from searchinr.search.samplers import Observation

ENOUGH = 8
"""The first rung is modelled when it has this many results; until then, a sampler draws at random."""

ENOUGH_HIGHER = 30
"""A higher rung is modelled in place of the ones below it when it has this many results."""


@dataclass(frozen=True)
class Evidence:
    """The results that a model may learn from.

    Attributes:
        results: Results of one rung, in the order in which they came.
        left_behind: The latest result of every trial that has none at that rung, in the order in which they came. Most
            of these trials the scheduler has judged worse than the ones it continued; some are still in training.
    """

    results: Sequence[Observation]
    left_behind: Sequence[Observation]


def gather(observations: Sequence[Observation], enough: int = ENOUGH) -> Evidence | None:
    """Gathers the evidence at the highest rung that has enough results; training lengths are never mixed.

    The first rung needs `enough` results, a higher rung this many or `ENOUGH_HIGHER`, whichever is more. While the
    first rung has too few, there is no evidence.
    """
    counts = Counter(observation.rung for observation in observations)
    if counts[0] < enough:
        return None
    rung = max((rung for rung, count in counts.items() if count >= max(enough, ENOUGH_HIGHER)), default=0)
    results = [observation for observation in observations if observation.rung == rung]
    arrived = {observation.trial for observation in results}
    others = {observation.trial: observation for observation in observations if observation.trial not in arrived}
    return Evidence(results, list(others.values()))


def best(results: Sequence[Observation], count: int) -> list[Observation]:
    """The best results: first the feasible ones, front after front, then the others by rising violation.

    The results, of one rung, are in the order in which they came. If the last front does not fit in whole, its latest
    results are taken.
    """
    vectors = np.array([result.vector for result in results])  # (n, k)
    violations = np.array([np.maximum(result.excess, 0).sum() for result in results])  # (n,)
    order: list[int] = []
    rest = np.flatnonzero(violations == 0)[::-1]  # (m,): the latest first
    while rest.size and len(order) < count:
        on_front = front_mask(vectors[rest])  # (m,)
        order += rest[on_front].tolist()
        rest = rest[~on_front]
    order += [index for index in np.argsort(violations, kind="stable").tolist() if violations[index] > 0]
    return [results[index] for index in order[:count]]


def informative(results: Sequence[Observation], limit: int) -> list[Observation]:
    """Chooses at most `limit` results, in their order: half of them are the best, the rest the latest of the others.

    This bounds the cost of fitting a model, since a search may have tens of thousands of trials.
    """
    if len(results) <= limit:
        return list(results)
    kept = {result.trial for result in best(results, limit // 2)}
    latest = [result.trial for result in reversed(results) if result.trial not in kept]
    kept.update(latest[: limit - len(kept)])
    return [result for result in results if result.trial in kept]
