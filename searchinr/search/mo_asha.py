"""Asynchronous successive halving over several objectives: promotion type and stopping type.

Both order the results of a rung by non-dominated rank and, inside a front, by spread, and both send on one trial in
`reduction`. They differ in when they decide. The promotion type pauses every trial and resumes the best waiting ones as
the rung grows, so that no good trial is lost for coming early. The stopping type decides about a trial as soon as it
has a result: nothing waits and no checkpoint is kept, but early trials are compared with few others.

Sources: Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020, algorithm 2 (quota and order of the
promotion type; the stopping type is the variant that Ray Tune's `ASHAScheduler` made known); Schmucker et al.,
"Multi-objective Asynchronous Successive Halving", arXiv 2106.12639, section 4.2 (rank by non-dominated sorting, ties by
a greedy epsilon-net).
"""

import heapq
import math
from itertools import count

import numpy as np
from numpy.typing import NDArray

from searchinr.search.growing import GrowingRows
from searchinr.search.nondominated import Ids, NondominatedLevels
from searchinr.search.scheduler import Scheduler, StoppingScheduler
from searchinr.search.spread import gap, nearest_to_ideal, net, span

_NET_POINTS = 128


class MoAsha(Scheduler):
    """Multi-objective ASHA, promotion type.

    When n trials have been measured at a rung, floor(n / reduction) of them are sent on in all. The next one is taken
    from the waiting trials of the lowest non-dominated rank: it is the one farthest from all promoted trials, measured
    in objectives scaled to the rung's range. So promotions spread along the front instead of crowding at one end.

    No worker ever waits for a rung to fill up. When the budget of new trials is spent, trials beyond the quota stay
    paused for good, as in ASHA. Their results remain on record and may be on the front.

    There are two differences from the sources. Promotions are counted, so a promoted trial that later results push out
    of the best 1 / reduction still takes up its place in the quota. And the net starts from the promoted trials.
    """

    def __init__(self, rungs: int, reduction: int) -> None:
        """Makes a scheduler for `rungs` rungs that sends on one trial in `reduction`.

        Raises:
            ValueError: `reduction` is below 2.
        """
        super().__init__(rungs)
        self._queues = [_Waiting(_checked(reduction)) for _ in range(rungs - 1)]

    def _take(self, trial: str, rung: int, vector: NDArray[np.float64], violation: float) -> None:
        self._queues[rung].add(trial, vector, violation)

    def _send_on(self, trial: str, rung: int) -> None:
        self._queues[rung].promote(trial)

    def _forget(self, trial: str, rung: int) -> None:
        self._queues[rung].remove(trial)

    def _choose(self, rung: int) -> str | None:
        return self._queues[rung].best()


class MoAshaStopping(StoppingScheduler):
    """Multi-objective ASHA, stopping type.

    The trial with the n-th result of a rung continues if it is among the best max(1, floor(n / reduction)) of the n by
    non-dominated rank. If only a part of its front fits, it must be in the part that a greedy net chooses. The net
    starts from the front before (on the first front, next to the ideal corner), over objectives scaled to the rung's
    range. If a front has over 128 results, only the latest 128 count, so that the cost of a decision is bounded.

    The first trial at a rung always continues, and early ones are compared with few: the price of deciding at once.
    """

    def __init__(self, rungs: int, reduction: int) -> None:
        """Makes a scheduler for `rungs` rungs that continues with one trial in `reduction`.

        Raises:
            ValueError: `reduction` is below 2.
        """
        super().__init__(rungs)
        self._reduction = _checked(reduction)
        self._rungs = [_Rung() for _ in range(rungs - 1)]

    def _continues(self, trial: str, rung: int, vector: NDArray[np.float64], violation: float) -> bool:
        results = self._rungs[rung]
        newcomer = results.add(trial, vector, violation)
        levels = results.levels
        places = max(1, len(levels) // self._reduction)
        before = np.empty(0, np.intp)
        for rank in count():
            level = levels.level(rank)
            if places <= 0 or newcomer in level:
                break
            places, before = places - len(level), level
        if places <= 0 or places >= len(level):
            return places > 0
        latest = _latest(level)
        size = math.ceil(places * len(latest) / len(level))
        points = levels.points
        chosen = net(points[latest], points[_latest(before)], results.ideal, results.span, size)
        return bool((latest[chosen] == newcomer).any())

    def _forget(self, trial: str, rung: int) -> None:
        super()._forget(trial, rung)
        self._rungs[rung].remove(trial)


class _Rung:
    """The results at a rung, sorted into non-dominated levels, and their range.

    Attributes:
        levels: The results by id, in levels.
        trials: The trial that each id stands for.
        ideal: `(k,)`: the best value of each objective.
        span: `(k,)`: the range of each objective, 1 where all results agree.
    """

    def __init__(self) -> None:
        self.levels = NondominatedLevels()
        self.trials: list[str] = []
        self._ids: dict[str, int] = {}
        self.ideal: NDArray[np.float64]
        self._worst: NDArray[np.float64]
        self.span: NDArray[np.float64]

    def add(self, trial: str, vector: NDArray[np.float64], violation: float) -> int:
        first = not len(self.levels)
        new = self.levels.add(vector, violation)
        self._ids[trial] = new
        self.trials.append(trial)
        ends = vector[None] if first else np.stack([self.ideal, self._worst, vector])
        self._measure(ends)
        return new

    def remove(self, trial: str) -> int:
        gone = self._ids.pop(trial)
        self.levels.remove(gone)
        if len(self.levels):
            self._measure(self.levels.points[self.levels.present()])
        return gone

    def _measure(self, points: NDArray[np.float64]) -> None:
        self.ideal, self._worst, self.span = points.min(axis=0), points.max(axis=0), span(points)


class _Waiting(_Rung):
    """A rung of the promotion type, with a queue of the trials that wait.

    The queue is a heap with the last known state of each trial: its rank, and its distance to the nearest promoted one.
    Both only get worse while results and promotions come in, so the first entry of the heap that is still true belongs
    to the best trial, and no other entry has to be checked. Only when a trial drops out can others get better: then the
    heap is built anew.
    """

    def __init__(self, reduction: int) -> None:
        super().__init__()
        self._reduction = reduction
        self._promoted: set[int] = set()
        self._anchors = GrowingRows()
        self._heap: list[tuple[int, float, tuple[float, ...], int]] = []

    def add(self, trial: str, vector: NDArray[np.float64], violation: float) -> int:
        new = super().add(trial, vector, violation)
        heapq.heappush(self._heap, self._best_case(new))
        return new

    def promote(self, trial: str) -> None:
        promoted = self._ids[trial]
        if promoted not in self._promoted:
            self._promoted.add(promoted)
            self._anchors.append(self.levels.points[promoted])

    def remove(self, trial: str) -> int:
        gone = super().remove(trial)
        self._promoted.discard(gone)
        self._anchors = GrowingRows()
        for anchor in sorted(self._promoted):
            self._anchors.append(self.levels.points[anchor])
        self._heap = [self._best_case(i) for i in self.levels.present().tolist() if i not in self._promoted]
        heapq.heapify(self._heap)
        return gone

    def best(self) -> str | None:
        """The trial to promote next; None while the quota is used up or no trial waits."""
        if len(self._promoted) >= len(self.levels) // self._reduction:
            return None
        if not self._promoted:
            front = self.levels.level(0)
            return self.trials[int(front[nearest_to_ideal(self.levels.points[front], self.ideal, self.span)])]
        heap = self._heap
        while heap:
            rank, closeness, vector, first = heap[0]
            if first in self._promoted:
                heapq.heappop(heap)
            elif (now := self.levels.rank(first)) > rank:
                heapq.heapreplace(heap, (now, closeness, vector, first))
            elif (nearer := -gap(self.levels.points[first], self._anchors.rows, self.span)) > closeness:
                heapq.heapreplace(heap, (rank, nearer, vector, first))
            else:
                return self.trials[first]
        return None

    def _best_case(self, waiting: int) -> tuple[int, float, tuple[float, ...], int]:
        """The best entry that a trial can have: rank bound, lowest closeness; ties go by the order of the vectors."""
        return self.levels.rank_at_least(waiting), -math.inf, tuple(self.levels.points[waiting].tolist()), waiting


def _latest(ids: Ids) -> Ids:
    """The `_NET_POINTS` largest ids in ascending order, or all ids if there are fewer."""
    return np.sort(np.partition(ids, -_NET_POINTS)[-_NET_POINTS:] if len(ids) > _NET_POINTS else ids)


def _checked(reduction: int) -> int:
    if reduction < 2:
        raise ValueError(f"reduction must be 2 or more, not {reduction}")
    return reduction
