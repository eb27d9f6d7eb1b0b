"""Works out how far a run is and how long it will still take, for the view on the terminal."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields

from searchinr.engine.report.names import describe, figure_texts
from searchinr.engine.terminal.view import DatasetView, FrontRow, ViewState
from searchinr.search.lines import Confirmation, Line, Point
from searchinr.search.search import Counts, Search
from searchinr.signals.registry import MODALITIES, metrics_of
from searchinr.space import Space


class Progress:
    """Follows a run from the moment it was started or continued.

    Work is counted in training steps. Each ledger line is looked at only once, so that a call costs time in proportion
    to the size of the fronts, and not of the ledger.
    """

    def __init__(self, space: Space, search: Search, modalities: Mapping[str, str]) -> None:
        """Prepares to follow a search on datasets of these modalities, by label."""
        self._space, self._search, self._modalities = space, search, modalities
        rungs = space.fidelity.rungs
        self._increments = [rung - below for rung, below in zip(rungs, (0, *rungs[:-1]), strict=True)]
        self._measured = {label: [0] * len(rungs) for label in modalities}  # number of results at each rung
        self._seen = 0  # ledger lines
        self._done = 0.0  # training steps that were done in this session
        self._started = time.monotonic()
        self._first: tuple[float, float] | None = None  # when the first result came, and how many steps were done then

    def start(self, lines: Sequence[Line]) -> None:
        """Starts the clock. What is on record already says nothing about the speed of this machine."""
        self._read(lines)
        self._done, self._first = 0.0, None
        self._started = time.monotonic()

    def state(self, lines: Sequence[Line], building: Sequence[str] = (), *, parked: int = 0) -> ViewState:
        """Where the run stands.

        Args:
            lines: The ledger lines on record: those of the last call, followed by newer ones.
            building: Descriptions of the assets that are being built.
            parked: How many trials wait for these assets; the search believes that they are running.
        """
        self._read(lines)
        counts = {label: self._search.counts(label) for label in self._modalities}
        sums = {each.name: sum(getattr(c, each.name) for c in counts.values()) for each in fields(Counts)}
        return ViewState(
            **{**sums, "running": sums["running"] - parked},
            datasets=[self._dataset(label, modality) for label, modality in self._modalities.items()],
            elapsed_s=time.monotonic() - self._started,
            remaining_s=self._remaining_s(counts),
            building=building,
        )

    def _read(self, lines: Sequence[Line]) -> None:
        """Counts the work that is behind the new lines."""
        for line in lines[self._seen :]:
            if isinstance(line, Point):
                self._measured[line.dataset][line.rung] += 1
                self._done += self._increments[line.rung]
            elif isinstance(line, Confirmation):
                self._done += line.steps
        self._seen = len(lines)
        if self._first is None and self._done > 0:
            self._first = time.monotonic(), self._done

    def _dataset(self, label: str, modality: str) -> DatasetView:
        front, metrics = self._search.front(label), metrics_of(modality, self._search.objectives.quality)
        return DatasetView(
            label=label,
            rate_unit=MODALITIES[modality].rate_unit,
            points=sum(self._measured[label]),
            front=[FrontRow(p.rate, figure_texts(metrics, p), describe(p.config)) for p in front],
            hypervolume=self._search.hypervolume(label),
            columns=[metric.heading for metric in metrics],
        )

    def _remaining_s(self, counts: Mapping[str, Counts]) -> float | None:
        """The seconds to go, if the steps to come are as fast as those since the first new result.

        The time before the first result is not counted, because it is mostly spent on starting workers. Until there is
        something to go by, the answer is None.
        """
        if self._search.finished:
            return 0.0
        if self._first is None or self._done <= self._first[1]:
            return None
        at, done = self._first
        steps = sum(self._search_steps(label, c) + self._confirming_steps(label, c) for label, c in counts.items())
        return steps * (time.monotonic() - at) / (self._done - done)

    def _search_steps(self, label: str, counts: Counts) -> float:
        """An estimate of the training steps that the search on a dataset will still take."""
        if counts.done + counts.failed >= counts.total:
            return 0.0
        measured = self._measured[label]
        expected = float(measured[0] + counts.total - counts.tried)
        steps = 0.0
        for rung, increment in enumerate(self._increments):
            steps += increment * max(0.0, expected - measured[rung])
            expected *= self._kept(measured, rung)
        return steps

    def _kept(self, measured: Sequence[int], rung: int) -> float:
        """Which part of the trials at a rung will go on to the next one."""
        reduction = self._space.fidelity.reduction
        match self._space.search.scheduler:
            case "fifo":
                return 1.0
            case "mo-asha":
                return 1 / reduction
            case "mo-asha-stopping":  # more than 1 / reduction: the first results of a rung have nobody to lose to
                above = measured[rung + 1] if rung + 1 < len(measured) else 0
                return (above + 1) / (measured[rung] + reduction)

    def _confirming_steps(self, label: str, counts: Counts) -> float:
        """The training steps that confirming the front will take, if the front stays as it is now."""
        if self._space.confirm is None:
            return 0.0
        steps = self._space.confirm.seeds * sum(point.steps for point in self._search.front(label))
        return float(steps) * (1 - counts.confirmed / counts.to_confirm if counts.to_confirm else 1.0)
