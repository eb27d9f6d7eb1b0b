"""The estimate of the time left, against runs in which a training step takes a hundredth of a second."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from searchinr.engine.catalog import canonicalise
from searchinr.engine.run import progress
from searchinr.engine.run.progress import Progress
from searchinr.engine.terminal.view import ViewState
from searchinr.search.figures import Figures
from searchinr.search.lines import Confirmation, Line, Point, TrialStarted
from searchinr.search.search import Job, Search
from searchinr.space import Confirm, DatasetEntry, Fidelity, Range, SearchSettings, Space

SECONDS_PER_STEP = 0.01


class Lines(list[Line]):
    """A ledger that knows how often its lines were read."""

    read = 0

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401
        found = super().__getitem__(index)
        self.read += len(found) if isinstance(index, slice) else 1
        return found

    def __iter__(self) -> Iterator[Line]:
        self.read += len(self)
        return super().__iter__()


class Run:
    """A run of one worker on a clock of its own. States are kept with the time they were taken at."""

    def __init__(self, space: Space, monkeypatch: pytest.MonkeyPatch, ledger: list[Line] | None = None) -> None:
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)
        self.lines = Lines(ledger or [])
        labels = [entry.label for entry in space.datasets]
        self.search = Search(space, labels, canonicalise)
        self.search.replay(list.__iter__(self.lines))
        self.progress = Progress(space, self.search, dict.fromkeys(labels, "image"))
        self.progress.start(self.lines)
        self.states: list[tuple[float, ViewState]] = []

    def finish(self, jobs: int | None = None) -> "Run":
        self.look()
        while not self.search.finished and (jobs is None or len(self.states) <= jobs):
            job = self.search.next_job()
            assert job is not None
            for line in (trial_line(job), result(job)):
                self.lines.append(line)
                self.search.tell(line)
            below = 0 if job.confirms or job.rung == 0 else 100 * 3 ** (job.rung - 1)
            self.now += SECONDS_PER_STEP * (job.steps - below)
            self.look()
        return self

    def look(self) -> None:
        self.states.append((self.now, self.progress.state(self.lines)))


def trial_line(job: Job) -> Line:
    return TrialStarted(**job.shared(TrialStarted))


def result(job: Job) -> Line:
    # by the trial's number, not its hash, which every new parameter changes
    rng = np.random.default_rng([job.number, len(job.dataset), job.seed])
    rate = 2 ** rng.uniform(-3, 2)
    psnr_db = 25 + 3 * np.log2(rate) + rng.normal() - 3 * np.exp(-job.steps / 300)
    kind = Confirmation if job.confirms else Point
    return kind(**job.shared(kind), **vars(Figures.invented(psnr_db, rate)))


def make_space(scheduler: str, seeds: int = 0, datasets: tuple[str, ...] = ("kodak",), trials: int = 40) -> Space:
    return Space(
        name="toy",
        datasets=tuple(DatasetEntry(name=name) for name in datasets),
        reference_point={"psnr_db": 10.0, "rate": 16.0},
        fidelity=Fidelity(min_steps=100, max_steps=900, reduction=3),
        search=SearchSettings(sampler="random", scheduler=scheduler, trials=trials),
        confirm=Confirm(seeds=seeds) if seeds else None,
        codecs={"mlp": {"lr": Range(1e-4, 1e-2, log=True, integer=False)}},
    )


@pytest.mark.parametrize("scheduler", ["fifo", "mo-asha", "mo-asha-stopping"])
@pytest.mark.parametrize("seeds", [0, 2])
def test_the_time_left_is_sensible_from_early_on(scheduler: str, seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(make_space(scheduler, seeds, ("kodak", "photos")), monkeypatch).finish()
    (_, first), *states, (end, last) = run.states
    assert first.remaining_s is None
    assert last.remaining_s == 0.0
    whole = end - run.states[0][0]
    for now, state in states[len(states) // 5 :]:
        assert state.remaining_s is not None
        assert abs(state.remaining_s - (end - now)) < (0.45 if seeds else 0.3) * whole  # the front grows meanwhile
    for now, state in states[-len(states) // 4 :]:
        assert abs(state.remaining_s - (end - now)) < 0.1 * whole  # type: ignore[operator]


def test_while_the_front_is_confirmed_the_time_left_is_that_of_its_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(make_space("mo-asha", seeds=3), monkeypatch).finish()
    end = run.now
    confirming = [(now, state) for now, state in run.states if state.to_confirm]
    # this ledger's own seconds by step; fits of one rung are alike
    assert len(confirming) == confirming[-1][1].to_confirm + 1
    assert [state.confirmed for _, state in confirming] == list(range(len(confirming)))
    assert all((state.done, state.running, state.paused) == (40, 0, 0) for _, state in confirming)
    begin, state = confirming[0]
    assert state.remaining_s == pytest.approx(end - begin)  # every step takes as long as before


def test_trials_that_wait_do_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(make_space("mo-asha"), monkeypatch)
    for _ in range(3):
        run.search.next_job()
    state = run.progress.state(run.lines, ["supernet siren for kodak"], parked=2)
    assert (state.running, state.building) == (1, ["supernet siren for kodak"])


@pytest.mark.parametrize("jobs", [10, 55])
def test_a_continued_run_is_judged_by_its_own_speed(jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    space = make_space("mo-asha", seeds=2)
    before = Run(space, monkeypatch).finish(jobs)
    after = Run(space, monkeypatch, list(list.__iter__(before.lines)))
    assert after.states == []
    after.look()
    assert after.states[0][1].remaining_s is None
    assert after.states[0][1].elapsed_s == 0.0
    after.states.clear()
    after.finish()
    begin, end = after.states[3][0], after.now
    assert after.states[3][1].remaining_s == pytest.approx(end - begin, rel=0.4)


def test_every_line_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(make_space("mo-asha", seeds=2, trials=60), monkeypatch).finish()
    for _ in range(50):
        run.look()
    assert run.lines.read == len(run.lines)


def test_the_number_of_points_is_known_where_none_is_on_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(make_space("fifo", trials=3), monkeypatch).finish()
    (dataset,) = run.states[-1][1].datasets
    assert dataset.points == 9
    assert len(dataset.front) == len(run.search.front("kodak"))
