import json
from collections.abc import Sequence
from typing import Self

import numpy as np
import pytest
from search_toy import CODECS, make_search, make_space, measure, trial_line

from searchinr.engine.search.objectives import Line
from searchinr.engine.search.search import Job
from searchinr.errors import UserError
from searchinr.space import Space


class Run:
    """A run with workers but without Ray: asks, measures, writes a ledger. One trial in `failing` fails."""

    def __init__(self, space: Space, ledger: Sequence[Line] = (), failing: int = 7) -> None:
        self.failing = failing
        self.ledger = list(ledger)
        self.search = make_search(space)
        self.search.replay(json.loads(json.dumps(self.ledger)))
        self.known = {line["trial"] for line in self.ledger if line["kind"] == "trial"}
        self.jobs = []

    def start(self) -> Job | None:
        job = self.search.next_job()
        if job is not None:
            self.jobs.append(job)
            if job.trial not in self.known:
                self.known.add(job.trial)
                self.ledger.append(trial_line(job))
        return job

    def end(self, job: Job) -> None:
        if int(job.trial, 16) % self.failing == 0:
            self.ledger.append({"kind": "failed", "trial": job.trial, "dataset": job.dataset, "reason": "NaN"})
            self.search.tell_failed(job.trial, "NaN")
        else:
            self.ledger.append(measure(job))
            self.search.tell(self.ledger[-1])

    def finish(self, workers: int = 1, seed: int = 0) -> Self:
        rng, running = np.random.default_rng(seed), []
        while not self.search.finished:
            while len(running) < workers and (job := self.start()) is not None:
                running.append(job)
            if running:
                self.end(running.pop(rng.integers(len(running))))
        return self


@pytest.mark.parametrize("sampler", ["tpe", "random"])
@pytest.mark.parametrize("scheduler", ["mo-asha", "fifo"])
def test_a_ledger_cut_anywhere_continues_as_if_nothing_had_happened(sampler: str, scheduler: str) -> None:
    space = make_space(datasets=("kodak", "cifar10"), sampler=sampler, scheduler=scheduler, trials=14)
    whole = Run(space).finish()
    assert any(line["kind"] == "failed" for line in whole.ledger)
    assert any(line.get("rung") == 2 for line in whole.ledger)
    for cut in range(0, len(whole.ledger) + 1, 1 if sampler == "random" else 5):
        assert Run(space, whole.ledger[:cut]).finish().ledger == whole.ledger


def test_every_cut_in_the_middle_of_the_model_phase_continues_the_same() -> None:
    space = make_space(trials=14)
    whole = Run(space).finish()
    for cut in range(len(whole.ledger) + 1):
        assert Run(space, whole.ledger[:cut]).finish().ledger == whole.ledger


@pytest.mark.parametrize("workers", [2, 5])
def test_an_interrupted_run_with_many_workers_loses_and_repeats_nothing(workers: int) -> None:
    space = make_space(datasets=("kodak", "cifar10"), trials=15)
    whole = Run(space).finish(workers)
    for cut in range(0, len(whole.ledger), 7):
        ledger = Run(space, whole.ledger[:cut]).finish(workers, seed=cut).ledger
        measured = [(line["trial"], line["rung"]) for line in ledger if line["kind"] == "point"]
        assert len(measured) == len(set(measured))
        for dataset in ("kodak", "cifar10"):
            assert len([x for x in ledger if x["kind"] == "trial" and x["dataset"] == dataset]) == 15


def test_interrupted_trials_come_before_new_ones_in_their_order() -> None:
    space = make_space()
    run = Run(space)
    started = [run.start() for _ in range(4)]
    run.end(started[1])
    again = Run(space, run.ledger)
    assert [again.start() for _ in range(3)] == [started[0], started[2], started[3]]
    assert again.start().number == 4


def test_jobs_are_one_rung_each_and_climb_from_the_bottom() -> None:
    run = Run(make_space(scheduler="fifo", trials=3), failing=2**64).finish()
    assert [job.rung for job in run.jobs] == [0, 1, 2] * 3
    assert [job.steps for job in run.jobs] == [100, 300, 900] * 3
    assert [job.number for job in run.jobs] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_successive_halving_spends_a_small_budget_as_planned() -> None:
    space = make_space({"mlp": CODECS["mlp"]}, trials=24, sampler="random", seed=3)
    search = make_search(space)
    while (job := search.next_job()) is not None:
        search.tell(measure(job))
    rungs = [point["rung"] for point in search.points("kodak")]
    assert [rungs.count(rung) for rung in range(3)] == [24, 8, 2]
    assert search.counts("kodak").done == 24


def test_workers_never_get_the_same_job_and_wait_when_there_is_none() -> None:
    search = make_search(make_space(trials=5))
    jobs = [search.next_job() for _ in range(5)]
    assert len({job.trial for job in jobs}) == 5
    assert search.next_job() is None
    assert not search.finished
    counts = search.counts("kodak")
    assert (counts.total, counts.running, counts.done, counts.paused, counts.failed) == (5, 5, 0, 0, 0)


def test_counts_add_up_at_every_moment() -> None:
    run = Run(make_space(trials=20))
    running = []
    while not run.search.finished:
        while len(running) < 3 and (job := run.start()) is not None:
            running.append(job)
        counts = run.search.counts("kodak")
        assert counts.running == len(running)
        started = sum(line["kind"] == "trial" for line in run.ledger)
        assert counts.done + counts.running + counts.paused + counts.failed == started
        run.end(running.pop(0))
    counts = run.search.counts("kodak")
    assert counts.failed == len(run.search.failures("kodak")) > 0
    assert counts.done + counts.failed == counts.total == 20
    assert counts.paused == counts.running == 0


def test_datasets_take_turns_and_have_a_budget_each() -> None:
    run = Run(make_space(datasets=("kodak", "cifar10", "photos"), scheduler="fifo", trials=4)).finish()
    datasets = [job.dataset for job in run.jobs]
    assert datasets[:6] == ["kodak", "cifar10", "photos"] * 2
    for dataset in ("kodak", "cifar10", "photos"):
        assert run.search.counts(dataset).total == 4
        assert {point["dataset"] for point in run.search.points(dataset)} == {dataset}


def test_a_failed_trial_gets_no_further_job_and_keeps_what_it_measured() -> None:
    search = make_search(make_space(trials=3, scheduler="fifo"))
    job = search.next_job()
    search.tell(measure(job))
    assert search.next_job().trial == job.trial
    search.tell_failed(job.trial, "out of memory")
    rest = []
    while (other := search.next_job()) is not None:
        rest.append(other.trial)
        search.tell(measure(other))
    assert job.trial not in rest
    assert job.trial in {point["trial"] for point in search.points("kodak")}
    assert search.failures("kodak") == {job.trial: "out of memory"}
    assert search.finished


def test_the_first_of_two_results_stands() -> None:
    search = make_search(make_space())
    point = measure(search.next_job())
    search.tell(point)
    search.tell({**point, "psnr_db": 99.0})
    assert search.points("kodak") == [point]


def test_a_larger_budget_continues_a_finished_search() -> None:
    run = Run(make_space(trials=6)).finish()
    more = Run(make_space(trials=9), run.ledger).finish()
    assert more.ledger[: len(run.ledger)] == run.ledger
    assert more.search.counts("kodak").total == 9


def test_front_holds_points_of_all_rungs_by_rate() -> None:
    search = Run(make_space(trials=20)).finish().search
    front, points = search.front("kodak"), search.points("kodak")
    rates = [point["rate"] for point in front]
    assert rates == sorted(rates)
    for point in points:
        beaten = any(p["psnr_db"] >= point["psnr_db"] and p["rate"] <= point["rate"] and p != point for p in points)
        assert (point in front) == (not beaten)
    assert search.hypervolume("kodak") == pytest.approx(search.objectives.hypervolume(front))


def test_all_constants_are_one_trial() -> None:
    run = Run(make_space({"mlp": {"width": 16, "backbone": "mfn", "depth": 3, "lr": 1e-3}}, trials=5)).finish()
    assert run.search.counts("kodak").total == 1


def test_unknown_trials_and_datasets_are_refused() -> None:
    search = make_search(make_space())
    job = search.next_job()
    with pytest.raises(ValueError, match="trial ffff was never started"):
        search.tell({**measure(job), "trial": "ffff"})
    with pytest.raises(ValueError, match="'mars', which is not in the space"):
        search.replay([{**trial_line(job), "dataset": "mars"}])


def test_a_result_without_an_objectives_figure_changes_nothing() -> None:
    space = make_space().model_copy(
        update={"objectives": {"ssim": "max", "rate": "min"}, "reference_point": {"ssim": 0.5, "rate": 9.0}}
    )
    search = make_search(space)
    with pytest.raises(UserError, match="'ssim' is not measured"):
        search.tell(measure(search.next_job()))
    assert search.points("kodak") == []
    assert search.counts("kodak").running == 1
