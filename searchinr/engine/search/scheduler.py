"""The scheduler contract: which paused trial is worth more training."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray


class Scheduler(ABC):
    """Decides which trials go on to the next rung.

    A trial pauses at every rung with its checkpoint. A free worker asks for a promotion first and for a new trial
    otherwise. The decision depends on nothing but the results so far, in their order, and on who was promoted: a
    scheduler that is told the same again, from a ledger, decides the same.
    """

    def __init__(self, rungs: int) -> None:
        """A scheduler for `rungs` rungs, numbered 0 to `rungs - 1`."""
        self._results: list[dict[str, NDArray[np.float64]]] = [{} for _ in range(rungs)]
        self._promoted: list[set[str]] = [set() for _ in range(rungs)]

    def report(self, trial: str, rung: int, vector: NDArray[np.float64]) -> None:
        """Takes the result of a trial at a rung; it counts as promoted from every rung below.

        Args:
            trial: The trial.
            rung: Where it was measured.
            vector: `(k,)`, minimised.
        """
        self._results[rung][trial] = vector
        if rung > 0:
            self.promote(trial, rung)

    def promote(self, trial: str, rung: int) -> None:
        """Notes that a trial has been sent on to `rung`."""
        for below in self._promoted[:rung]:
            below.add(trial)

    def drop(self, trial: str) -> None:
        """A trial has failed: it leaves its rungs, and frees its place for others."""
        for results, promoted in zip(self._results, self._promoted, strict=True):
            results.pop(trial, None)
            promoted.discard(trial)

    def next_promotion(self) -> tuple[str, int] | None:
        """The trial to go on with and the rung to train it to, or None. Changes nothing: see `promote`."""
        for rung in reversed(range(len(self._results) - 1)):
            waiting = [trial for trial in self._results[rung] if trial not in self._promoted[rung]]
            if waiting and (trial := self._choose(rung, waiting)) is not None:
                return trial, rung + 1
        return None

    @abstractmethod
    def _choose(self, rung: int, waiting: list[str]) -> str | None:
        """The best of the trials that wait at a rung (at least one), or None if none deserves promotion yet."""


class Fifo(Scheduler):
    """No early stopping: every trial goes straight on to the last rung."""

    def _choose(self, rung: int, waiting: list[str]) -> str | None:
        return waiting[0]
