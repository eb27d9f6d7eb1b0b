"""How far a run is and how long it will take: what the terminal view shows."""

import time
from collections.abc import Mapping, Sequence

from searchinr.engine.ledger import Line
from searchinr.engine.report.names import describe
from searchinr.engine.search.search import Search
from searchinr.engine.view import DatasetView, FrontRow, ViewState
from searchinr.signals.registry import MODALITIES
from searchinr.space import Space


class Progress:
    """Follows a run from the moment it was started or continued."""

    def __init__(self, space: Space, search: Search, modalities: Mapping[str, str]) -> None:
        """Progress of a search.

        Args:
            space: Its space.
            search: Its state.
            modalities: Dataset label -> modality.
        """
        self._space, self._search, self._modalities = space, search, modalities
        self._started = time.monotonic()
        self._recorded = 0
        self._first: tuple[float, float] | None = None

    def start(self, points: Sequence[Line]) -> None:
        """Starts the clock; what is on record already tells nothing about this machine's speed."""
        self._started = time.monotonic()
        self._recorded = len(points)

    def state(self, points: Sequence[Line]) -> ViewState:
        """Where the run stands, with these points on record."""
        counts = [self._search.counts(label) for label in self._modalities]
        return ViewState(
            tried=sum(c.tried for c in counts),
            done=sum(c.done for c in counts),
            running=sum(c.running for c in counts),
            paused=sum(c.paused for c in counts),
            failed=sum(c.failed for c in counts),
            total=sum(c.total for c in counts),
            datasets=[self._dataset(label, modality) for label, modality in self._modalities.items()],
            elapsed_s=time.monotonic() - self._started,
            remaining_s=self._remaining_s(points),
        )

    def _dataset(self, label: str, modality: str) -> DatasetView:
        front = self._search.front(label)
        return DatasetView(
            label=label,
            rate_unit=MODALITIES[modality].rate_unit,
            front=[FrontRow(p["rate"], p["psnr_db"], p.get("ssim"), describe(p["codec"], p["params"])) for p in front],
            hypervolume=self._search.hypervolume(label),
        )

    def _steps(self, points: Sequence[Line]) -> float:
        """Training steps behind points, each rung counted from the one below."""
        rungs = self._space.fidelity.rungs
        return sum(rungs[p["rung"]] - (rungs[p["rung"] - 1] if p["rung"] else 0) for p in points)

    def _remaining_s(self, points: Sequence[Line]) -> float | None:
        """Seconds to go if the steps to come are as fast as those since the first new point; None until then.

        The time before the first point is no measure: it is mostly that of starting the workers.
        """
        if self._search.finished:
            return 0.0
        done, now = self._steps(points), time.monotonic()
        if self._first is None and len(points) > self._recorded:
            self._first = now, done
        if self._first is None or done <= self._first[1]:
            return None
        rungs, settings = self._space.fidelity.rungs, self._space.search
        kept = 1 / self._space.fidelity.reduction if settings.scheduler == "mo-asha" else 1.0
        increments = [rung - below for rung, below in zip(rungs, (0, *rungs[:-1]), strict=True)]
        expected = len(self._modalities) * settings.trials * sum(n * kept**k for k, n in enumerate(increments))
        return max(0.0, expected - done) * (now - self._first[0]) / (done - self._first[1])
