"""A run without training: the same search, with results from a table and a virtual clock."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from searchinr.search.figures import Figures
from searchinr.search.lines import Confirmation, FitFailed, FitLine, Point
from searchinr.search.search import Job, Search


@dataclass(frozen=True)
class Outcome:
    """The invented outcome of a job.

    Attributes:
        figures: The figures at the job's rung (`Figures.invented`); None if the trial fails.
        macs: Multiply-accumulates of training in this job.
        seconds: Seconds that the job takes.
    """

    figures: Figures | None
    macs: float
    seconds: float


@dataclass(frozen=True)
class Event:
    """A job has ended.

    Attributes:
        line: The line that a run would write into its ledger.
        seconds: Virtual time since the start.
        macs: Multiply-accumulates of all workers until then, with the part of the jobs under way that is done.
    """

    line: FitLine
    seconds: float
    macs: float


def simulate(search: Search, outcome: Callable[[Job], Outcome], workers: int) -> Iterator[Event]:
    """Runs a search on virtual workers; the caller may stop at any event.

    A free worker gets a job at once, as in a run. The engine's own costs (start-up, sending, checkpoints) are left out.
    The search has not begun; it is told every result. `workers` is the number of jobs at the same time, 1 or more.
    """
    clock = ended_macs = 0.0
    rate = offset = 0.0  # the jobs under way have done `rate * clock - offset` multiply-accumulates
    running: list[tuple[float, int, float, Job, Outcome]] = []  # a heap of (end, number, start, job, outcome)
    started = 0
    while True:
        while len(running) < workers and (job := search.next_job()) is not None:
            found = outcome(job)
            heapq.heappush(running, (clock + found.seconds, started, clock, job, found))
            rate += found.macs / found.seconds
            offset += found.macs / found.seconds * clock
            started += 1
        if not running:
            return
        clock, _, start, job, found = heapq.heappop(running)
        rate -= found.macs / found.seconds
        offset -= found.macs / found.seconds * start
        ended_macs += found.macs
        if found.figures is None:
            line: FitLine = FitFailed(**job.shared(FitFailed), reason="as recorded")
        else:
            kind = Confirmation if job.confirms else Point
            line = kind(**job.shared(kind), **vars(found.figures))
        search.tell(line)
        yield Event(line, clock, ended_macs + (max(0.0, rate * clock - offset) if running else 0.0))
