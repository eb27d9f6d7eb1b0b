"""What a model is fitted to: the results of one rung, and what is known of the trials that never got there."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from searchinr.search.pareto import front_mask
from searchinr.search.samplers import Observation

ENOUGH = 8
"""Results at the first rung before it is modelled; until then a sampler is random."""

ENOUGH_HIGHER = 30
"""Results at a higher rung before that one is modelled instead."""


@dataclass(frozen=True)
class Evidence:
    """What a model may learn from.

    Attributes:
        results: Results of one rung, in the order in which they came.
        left_behind: Latest results of the trials without one at that rung, in the order in which they came: the
            scheduler has found most of them worse than those that went on, and some are still on their way.
    """

    results: Sequence[Observation]
    left_behind: Sequence[Observation]


def gather(observations: Sequence[Observation], enough: int = ENOUGH) -> Evidence | None:
    """The evidence at the highest rung with enough results, never a mixture of training lengths.

    Args:
        observations: All results so far, in the order in which they came.
        enough: Results that the first rung needs; a higher one needs `ENOUGH_HIGHER`, or as many if that is more.

    Returns:
        None while the first rung has too few results.
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
    """The best results: front after front of those within the constraints, then the least violation.

    Args:
        results: Results of one rung, in the order in which they came.
        count: How many are wanted; of the last front that is needed, the latest are taken.
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
    """At most `limit` results in their order: the best half of them and, of the others, the latest.

    They bound what a model costs: a search may go on for tens of thousands of trials.
    """
    if len(results) <= limit:
        return list(results)
    kept = {result.trial for result in best(results, limit // 2)}
    latest = [result.trial for result in reversed(results) if result.trial not in kept]
    kept.update(latest[: limit - len(kept)])
    return [result for result in results if result.trial in kept]
