"""Asynchronous successive halving over several objectives."""

import numpy as np

from searchinr.engine.search.pareto import farthest, non_dominated_ranks
from searchinr.engine.search.scheduler import Scheduler


class MoAsha(Scheduler):
    """Multi-objective ASHA, promotion type.

    Of the n trials measured at a rung, floor(n / reduction) are sent on in all. The next to go is of the lowest
    non-dominated rank that still waits, and within that rank the one farthest from those already promoted, over
    objectives scaled to their range: promotions spread along the front instead of crowding at one end of it.

    No worker ever waits for a rung to fill up. When the budget of new trials is spent, trials that the quota
    does not reach stay paused for good, as in ASHA; what they have measured remains on record (and, if it deserves
    it, on the front).

    Sources: Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020, algorithm 2 (quota and order);
    Schmucker et al., "Multi-objective Asynchronous Successive Halving", arXiv 2106.12639, section 4.2 (rank by
    non-dominated sorting, ties by a greedy epsilon-net). Two differences: promotions are counted, so a trial that
    later results push out of the best 1 / reduction keeps its place; and the net starts from what is promoted.
    """

    def __init__(self, rungs: int, reduction: int) -> None:
        """A scheduler for `rungs` rungs that sends on one trial in `reduction`.

        Raises:
            ValueError: `reduction` is below 2.
        """
        if reduction < 2:
            raise ValueError(f"reduction must be 2 or more, not {reduction}")
        super().__init__(rungs)
        self._reduction = reduction

    def _choose(self, rung: int, waiting: list[str]) -> str | None:
        results, promoted = self._results[rung], self._promoted[rung]
        if len(promoted) >= len(results) // self._reduction:
            return None
        ranks = dict(zip(results, non_dominated_ranks(np.array(list(results.values()))), strict=True))
        best = min(ranks[trial] for trial in waiting)
        tied = [trial for trial in waiting if ranks[trial] == best]
        points = np.array([results[trial] for trial in tied])  # (tied, k)
        anchors = np.array([vector for trial, vector in results.items() if trial in promoted])
        return tied[farthest(points, anchors.reshape(-1, points.shape[1]))]
