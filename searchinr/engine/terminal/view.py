"""The view of a run in the terminal: a live view that is redrawn in place, or plain lines if there is no terminal."""

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from searchinr.search.search import Counts

_MAX_ROWS = 12  # the most rows of fronts; the rows that are shown are spread over the rates
_REFRESHES_PER_S = 3
_PLAIN_EVERY_S = 5.0


@dataclass(frozen=True)
class FrontRow:
    """A point of a front.

    Attributes:
        rate: Rate in the unit of the `DatasetView`.
        figures: Metrics of the decoded signals as text, in the order of the view's `columns`.
        description: The config in a few words.
    """

    rate: float
    figures: Sequence[str]
    description: str


@dataclass(frozen=True)
class DatasetView:
    """The state of the search on one dataset.

    Attributes:
        label: Label of the dataset.
        rate_unit: Unit of rates, e.g. ``"bpp"``.
        points: Number of operating points.
        front: The front by rising rate; empty while no point meets the constraints.
        hypervolume: Hypervolume of the front.
        columns: Heads of the columns of the points' `figures`.
    """

    label: str
    rate_unit: str
    points: int
    front: Sequence[FrontRow]
    hypervolume: float
    columns: Sequence[str]


@dataclass(frozen=True)
class ViewState(Counts):
    """The state of a run; the counts are sums over its datasets.

    Attributes:
        datasets: One entry for each dataset.
        elapsed_s: Seconds since the start.
        remaining_s: Estimate of the remaining seconds; None while there is no estimate.
        building: The assets that are being built, in words.
    """

    datasets: Sequence[DatasetView]
    elapsed_s: float
    remaining_s: float | None
    building: Sequence[str] = ()

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Makes a state from a mapping that `dataclasses.asdict` and JSON have made of it."""
        datasets = [
            DatasetView(**{**dataset, "front": [FrontRow(**row) for row in dataset["front"]]})
            for dataset in said["datasets"]
        ]
        return cls(**{**said, "datasets": datasets})


class RunView:
    """Shows a run while the context is open; the last view stays on the screen.

    It follows `NO_COLOR`, `TERM` and `COLUMNS`, by way of rich.
    """

    def __init__(self, name: str, path: Path, console: Console | None = None, *, live: bool = True) -> None:
        """Makes a view on a console (None means standard output) that shows nothing yet.

        `live` tells whether a terminal may show a view that is redrawn in place; otherwise it shows plain lines.
        """
        self._title = Text.assemble((name, "bold"), (f"  {path}", "dim"))
        self._console = console or Console(file=sys.stdout)  # today's stdout, even if it is redirected later
        self._state: ViewState | None = None
        self._updated = 0.0
        self._printed: tuple[float, tuple[object, ...]] = (-math.inf, ())  # time and content of the last plain line
        self._live: Live | None = None
        if live and self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(console=self._console, refresh_per_second=_REFRESHES_PER_S, get_renderable=self._picture)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        else:
            self._console.print(self._title, soft_wrap=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._state is not None:
            self._state = replace(self._now(self._state), remaining_s=None)
        if self._live is not None:
            self._live.stop()  # this draws the view once more
        elif self._state is not None:
            self._console.print(_line(self._state), markup=False, highlight=False, soft_wrap=True)
            self._console.print(_fronts(self._state, _MAX_ROWS * len(self._state.datasets)))

    def update(self, state: ViewState) -> None:
        """Shows a newer state; it may be called at any rate."""
        self._state, self._updated = state, time.monotonic()
        if self._live is None:
            at, printed = self._printed
            results = (
                state.done,
                state.paused,
                state.failed,
                state.confirmed,
                *(dataset.hypervolume for dataset in state.datasets),
            )
            if state.tried and results != printed and self._updated - at >= _PLAIN_EVERY_S:
                self._printed = (self._updated, results)
                self._console.print(_line(state), markup=False, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Prints a line once, above the view; may be called from any thread."""
        self._console.print(Text(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Prints a warning once, above the view; may be called from any thread."""
        self._console.print(Text.assemble(("warning: ", "yellow"), text), soft_wrap=True)

    def _now(self, state: ViewState) -> ViewState:
        """The last state with the clock of now, so that the run does not seem to stand still during long trainings."""
        since = time.monotonic() - self._updated
        remaining_s = None if state.remaining_s is None else max(0.0, state.remaining_s - since)
        return replace(state, elapsed_s=state.elapsed_s + since, remaining_s=remaining_s)

    def _picture(self) -> RenderableType:
        if self._state is None:
            return self._title
        # the clock of a closed view stands still
        state = self._now(self._state) if self._live is not None and self._live.is_started else self._state
        bar = Table.grid(padding=(0, 2))
        total, completed = (state.to_confirm, state.confirmed) if state.to_confirm else (state.total, state.tried)
        bar.add_row(
            ProgressBar(total=total, completed=completed, width=min(40, self._console.width // 3)),
            Text(f"{state.tried}/{state.total} trials"),
            Text(_times(state), "dim"),
        )
        rows = max(3 * len(state.datasets), min(_MAX_ROWS, self._console.height - 4 - 3 * len(state.datasets)))
        return Group(self._title, bar, Text(_counts(state)), _fronts(state, rows))


def _line(state: ViewState) -> str:
    points = " + ".join(str(len(dataset.front)) for dataset in state.datasets)
    return f"{state.tried}/{state.total} trials: {_counts(state)}; front {points} points; {_times(state)}"


def _counts(state: ViewState) -> str:
    trials = f"{state.done} done, {state.running} running, {state.paused} paused, {state.failed} failed"
    parts = [trials]
    if state.building:
        parts.append(f"building {', '.join(state.building)}")
    if state.to_confirm:
        verb = "confirming" if state.confirmed < state.to_confirm else "confirmed"
        parts.append(f"{verb} {state.confirmed} of {state.to_confirm}")
    return "; ".join(parts)


def _times(state: ViewState) -> str:
    elapsed = f"{_clock(state.elapsed_s)} elapsed"
    return elapsed if state.remaining_s is None else f"{elapsed}, about {_clock(state.remaining_s)} left"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _fronts(state: ViewState, rows: int) -> RenderableType:
    shown = [dataset for dataset in state.datasets if dataset.points]
    return Group(*(_front(dataset, max(2, rows // len(shown))) for dataset in shown))


def _front(dataset: DatasetView, rows: int) -> RenderableType:
    if not dataset.front:
        none = f"  none of {dataset.points} operating points meets the constraints"
        return Text.assemble("\n", (dataset.label, "bold"), none)
    chosen = spread_over_rates(dataset.front, rows)
    count = f"{len(dataset.front)} points" + (f", {len(chosen)} shown" if len(chosen) < len(dataset.front) else "")
    heading = Text.assemble("\n", (dataset.label, "bold"), f"  front of {count}, hypervolume {dataset.hypervolume:.4g}")
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for column in (dataset.rate_unit, *dataset.columns):
        table.add_column(column, justify="right")
    table.add_column("config", no_wrap=True)
    for row in chosen:
        table.add_row(f"{row.rate:.3f}", *row.figures, Text(row.description))
    return Group(heading, table)


def spread_over_rates(front: Sequence[FrontRow], count: int) -> list[FrontRow]:
    """Chooses at most `count` (2 or more) rows, the two ends among them, spread evenly over the octaves of rate."""
    if len(front) <= count:
        return list(front)
    position = [math.log2(row.rate) for row in front]
    chosen = {0, len(front) - 1}
    for i in range(1, count - 1):
        target = position[0] + (position[-1] - position[0]) * i / (count - 1)
        free = (j for j in range(len(front)) if j not in chosen)
        chosen.add(min(free, key=lambda j: abs(position[j] - target)))
    return [front[j] for j in sorted(chosen)]
