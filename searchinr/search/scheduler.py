"""The scheduler contract: a scheduler decides which trials deserve more training. The simplest one trains all."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray


class Scheduler(ABC):
    """Decides which trials go on to the next rung.

    A trial pauses at every rung with its checkpoint. A free worker asks for a promotion first, and for a new trial if
    there is none. Decisions depend only on the results so far, in their order, and on the promotions so far: a
    scheduler that is told the same from a ledger makes the same decisions.
    """

    def __init__(self, rungs: int) -> None:
        """Makes a scheduler for `rungs` rungs, numbered 0 to `rungs - 1`."""
        self._reported: list[set[str]] = [set() for _ in range(rungs)]
        self._sent_to: dict[str, int] = {}
        self._next: tuple[str, int] | None = None
        self._next_is_known = True

    def report(self, trial: str, rung: int, vector: NDArray[np.float64], violation: float = 0.0) -> None:
        """Takes the result of a trial at a rung; the trial then counts as promoted from every rung below.

        If a trial has two results at one rung, the first is kept.

        The vector, `(k,)`, holds the result's place on the axis of each objective; less is better. The violation is how
        far the result is from meeting the constraints, 0 if it meets them. Results with a smaller violation rank first,
        and only results with equal violations are compared by their vectors.

        Raises:
            ValueError: The vector or the violation is not finite.
        """
        if not (np.isfinite(vector).all() and np.isfinite(violation)):
            raise ValueError(f"trial {trial} at rung {rung}: {vector} (violation {violation}) is not finite")
        if trial in self._reported[rung]:
            return
        self._reported[rung].add(trial)
        if rung < len(self._reported) - 1:
            self._take(trial, rung, vector, violation)
        self.promote(trial, max(rung, self._sent_to.get(trial, 0)))

    def promote(self, trial: str, rung: int) -> None:
        """Notes that a trial has been sent on to `rung`."""
        self._next_is_known = False
        self._sent_to[trial] = rung
        for below in range(rung):
            if trial in self._reported[below]:
                self._send_on(trial, below)

    def drop(self, trial: str) -> None:
        """Removes the results of a trial that has failed, so that others can take its place."""
        self._next_is_known = False
        self._sent_to.pop(trial, None)
        for rung, reported in enumerate(self._reported):
            if trial in reported:
                reported.remove(trial)
                if rung < len(self._reported) - 1:
                    self._forget(trial, rung)

    def next_promotion(self) -> tuple[str, int] | None:
        """The trial to go on with and the rung to train it to, or None. The promotion itself is noted by `promote`.

        The answer is remembered, so asking again before anything has changed costs nothing.
        """
        if not self._next_is_known:
            self._next, self._next_is_known = self._decide(), True
        return self._next

    def _decide(self) -> tuple[str, int] | None:
        """Asks the highest rung first, because a trial that is nearly finished reaches the front soonest."""
        for rung in reversed(range(len(self._reported) - 1)):
            if (trial := self._choose(rung)) is not None:
                return trial, rung + 1
        return None

    @abstractmethod
    def _take(self, trial: str, rung: int, vector: NDArray[np.float64], violation: float) -> None:
        """Takes a result at any rung but the last; the arguments are those of `report`."""

    @abstractmethod
    def _send_on(self, trial: str, rung: int) -> None:
        """Notes that a trial with a result at this rung no longer waits there; may be called more than once."""

    @abstractmethod
    def _forget(self, trial: str, rung: int) -> None:
        """Removes a failed trial that has a result at this rung."""

    @abstractmethod
    def _choose(self, rung: int) -> str | None:
        """The next trial to send on from a rung, or None if none deserves it yet."""


class StoppingScheduler(Scheduler):
    """A scheduler that decides about a trial once, when its result comes; trials that continue do so in that order."""

    def __init__(self, rungs: int) -> None:
        super().__init__(rungs)
        self._continued: list[dict[str, None]] = [{} for _ in range(rungs)]

    def _take(self, trial: str, rung: int, vector: NDArray[np.float64], violation: float) -> None:
        if self._continues(trial, rung, vector, violation):
            self._continued[rung][trial] = None

    def _send_on(self, trial: str, rung: int) -> None:
        self._continued[rung].pop(trial, None)

    def _forget(self, trial: str, rung: int) -> None:
        self._continued[rung].pop(trial, None)

    def _choose(self, rung: int) -> str | None:
        return next(iter(self._continued[rung]), None)

    @abstractmethod
    def _continues(self, trial: str, rung: int, vector: NDArray[np.float64], violation: float) -> bool:
        """Whether a trial continues after its result at a rung (never the last one); otherwise it ends there."""


class Fifo(StoppingScheduler):
    """No early stopping: every trial goes straight on to the last rung."""

    def _continues(self, trial: str, rung: int, vector: NDArray[np.float64], violation: float) -> bool:
        return True
