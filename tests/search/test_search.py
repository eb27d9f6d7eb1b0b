from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import pytest
from ledger_lines import asset_line
from search_toy import CODECS, make_search, make_space, measure, trial_line

from searchinr.errors import UserError
from searchinr.search.lines import Confirmation, FitFailed, Line, Point, dump_line, parse_line
from searchinr.search.search import Job
from searchinr.space import Bound, Choice, Confirm, Space


def failed(job: Job) -> FitFailed:
    return FitFailed(**job.shared(FitFailed), reason="NaN", time=0.0)


def confirmation(job: Job) -> Confirmation:
    """What a further seed gives: the same rate, another PSNR."""
    luck = 0.3 * np.random.default_rng([int(job.trial, 16), job.seed]).normal()
    point = measure(job)
    return replace(Confirmation(**vars(point)), psnr_db=point.psnr_db + luck)


def make_confirmed_space(seeds: int = 2, **settings: object) -> Space:
    return make_space(**settings).model_copy(update={"confirm": Confirm(seeds=seeds)})


def make_constrained_space(**settings: object) -> Space:
    """At most 1 bpp, although the reference point is at 16."""
    return make_space(**settings).model_copy(update={"constraints": {"rate": Bound("<=", 1.0)}})


class Run:
    """A run with workers but without Ray: asks, measures, writes a ledger. One trial in `failing` fails."""

    def __init__(self, space: Space, ledger: Sequence[Line] = (), failing: int = 7) -> None:
        self.failing = failing
        self.ledger = list(ledger)
        self.search = make_search(space)
        self.search.replay(parse_line(dump_line(line)) for line in self.ledger)
        self.known = {line.trial for line in self.ledger if line.kind == "trial"}
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
        if job.confirms and (int(job.trial, 16) + job.seed) % 5 == 0:
            self.ledger.append(failed(job))
        elif job.confirms:
            self.ledger.append(confirmation(job))
        elif int(job.trial, 16) % self.failing == 0:
            self.ledger.append(failed(job))
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


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
@pytest.mark.parametrize("scheduler", ["mo-asha", "mo-asha-stopping", "fifo"])
def test_a_ledger_cut_anywhere_continues_as_if_nothing_had_happened(sampler: str, scheduler: str) -> None:
    space = make_space(datasets=("kodak", "cifar10"), sampler=sampler, scheduler=scheduler, trials=14)
    whole = Run(space).finish()
    assert any(line.kind == "failed" for line in whole.ledger)
    assert any(isinstance(line, Point) and line.rung == 2 for line in whole.ledger)
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
        measured = [(line.trial, line.rung) for line in ledger if line.kind == "point"]
        assert len(measured) == len(set(measured))
        for dataset in ("kodak", "cifar10"):
            assert len([x for x in ledger if x.kind == "trial" and x.dataset == dataset]) == 15


@pytest.mark.parametrize("sampler", ["random", "grid", "tpe"])
def test_a_trial_that_never_started_is_chosen_again_though_a_later_one_did(sampler: str) -> None:
    codecs = {"grid": {"levels": Choice((4, 8, 12, 16))}} if sampler == "grid" else CODECS
    space = make_space(codecs, sampler=sampler, trials=4)
    search = make_search(space)
    first, second, third = (search.next_job() for _ in range(3))
    again = make_search(space)
    again.replay([trial_line(first), trial_line(third)])  # the second waited for something that was being built
    assert [again.next_job() for _ in range(2)] == [first, third]
    assert again.next_job() == second
    assert again.next_job().number == 3
    assert again.next_job() is None


def test_lines_about_no_trial_are_left_out() -> None:
    search = make_search(make_space())
    search.replay([asset_line(dataset="kodak")])
    assert search.counts("kodak").tried == 0


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
    rungs = [point.rung for point in search.points("kodak")]
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
        started = sum(line.kind == "trial" for line in run.ledger)
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
        assert {point.dataset for point in run.search.points(dataset)} == {dataset}


def test_a_failed_trial_gets_no_further_job_and_keeps_what_it_measured() -> None:
    search = make_search(make_space(trials=3, scheduler="fifo"))
    job = search.next_job()
    search.tell(measure(job))
    assert search.next_job().trial == job.trial
    search.tell(replace(failed(job), reason="out of memory"))
    rest = []
    while (other := search.next_job()) is not None:
        rest.append(other.trial)
        search.tell(measure(other))
    assert job.trial not in rest
    assert job.trial in {point.trial for point in search.points("kodak")}
    assert search.failures("kodak") == {job.trial: "out of memory"}
    assert search.finished


def test_the_first_of_two_results_stands() -> None:
    search = make_search(make_space())
    point = measure(search.next_job())
    search.tell(point)
    search.tell(replace(point, psnr_db=99.0))
    assert search.points("kodak") == [point]


def test_a_larger_budget_continues_a_finished_search() -> None:
    run = Run(make_space(trials=6)).finish()
    more = Run(make_space(trials=9), run.ledger).finish()
    assert more.ledger[: len(run.ledger)] == run.ledger
    assert more.search.counts("kodak").total == 9


def test_front_holds_points_of_all_rungs_by_rate() -> None:
    search = Run(make_space(trials=20)).finish().search
    front, points = search.front("kodak"), search.points("kodak")
    rates = [point.rate for point in front]
    assert rates == sorted(rates)
    for point in points:
        beaten = any(p.psnr_db >= point.psnr_db and p.rate <= point.rate and p != point for p in points)
        assert (point in front) == (not beaten)
    assert search.hypervolume("kodak") == pytest.approx(search.objectives.hypervolume(front))


def test_all_constants_are_one_trial() -> None:
    run = Run(make_space({"mlp": {"width": 16, "backbone": "mfn", "depth": 3, "lr": 1e-3}}, trials=5)).finish()
    assert run.search.counts("kodak").total == 1


def test_unknown_trials_and_datasets_are_refused() -> None:
    search = make_search(make_space())
    job = search.next_job()
    with pytest.raises(ValueError, match="trial ffff was never started"):
        search.tell(replace(measure(job), trial="ffff"))
    with pytest.raises(ValueError, match=r"rung 99 of trial .+; the last one is"):
        search.tell(replace(measure(job), rung=99))
    with pytest.raises(UserError, match="'mars', which is not in the space"):  # as when somebody edits the ledger
        search.replay([replace(trial_line(job), dataset="mars")])


def test_a_result_without_an_objectives_figure_changes_nothing() -> None:
    space = make_space().model_copy(
        update={"objectives": {"ssim": "max", "rate": "min"}, "reference_point": {"ssim": 0.5, "rate": 9.0}}
    )
    search = make_search(space)
    with pytest.raises(UserError, match="'ssim' is not measured"):
        search.tell(measure(search.next_job()))
    assert search.points("kodak") == []
    assert search.counts("kodak").running == 1


# ---- constraints ----


def test_constraints_restrict_the_front_and_the_hypervolume_and_nothing_else() -> None:
    search = Run(make_constrained_space(trials=20)).finish().search
    points, front = search.points("kodak"), search.front("kodak")
    assert any(point.rate > 1 for point in points)
    within = [point for point in points if point.rate <= 1]
    assert within
    for point in within:
        beaten = any(p.psnr_db >= point.psnr_db and p.rate <= point.rate and p != point for p in within)
        assert (point in front) == (not beaten)
    assert all(point in within for point in front)
    unconstrained = make_search(make_space()).objectives
    assert search.hypervolume("kodak") == pytest.approx(unconstrained.hypervolume(within))


def test_what_breaks_a_constraint_is_promoted_after_what_meets_it() -> None:
    space = make_constrained_space(codecs={"mlp": CODECS["mlp"]}, trials=24, sampler="random", seed=3)
    run = Run(space, failing=2**64).finish()
    points = run.search.points("kodak")
    promoted = {point.trial for point in points if point.rung == 1}
    at_first = [point for point in points if point.rung == 0]
    feasible = [point for point in at_first if point.rate <= 1]
    assert 0 < len(feasible) < len(at_first)
    share_within = np.mean([point.trial in promoted for point in feasible])
    share_beyond = np.mean([point.trial in promoted for point in at_first if point.rate > 1])
    assert share_within > share_beyond


@pytest.mark.parametrize("scheduler", ["mo-asha", "mo-asha-stopping"])
def test_a_constrained_search_continues_from_any_line(scheduler: str) -> None:
    space = make_constrained_space(trials=14, scheduler=scheduler)
    whole = Run(space).finish()
    for cut in range(0, len(whole.ledger) + 1, 3):
        assert Run(space, whole.ledger[:cut]).finish().ledger == whole.ledger


def test_a_search_without_any_feasible_point_ends_without_a_front() -> None:
    space = make_confirmed_space(trials=6).model_copy(update={"constraints": {"rate": Bound("<=", 1e-6)}})
    search = Run(space).finish().search
    assert len(search.points("kodak")) >= 5
    assert search.front("kodak") == []
    assert search.hypervolume("kodak") == 0.0
    assert search.counts("kodak").to_confirm == 0


# ---- confirmation ----


def test_the_front_is_confirmed_when_it_is_final_and_only_then() -> None:
    run = Run(make_confirmed_space(seeds=3, trials=15, seed=4)).finish()
    jobs = run.jobs
    first = next(i for i, job in enumerate(jobs) if job.confirms)
    assert all(job.confirms for job in jobs[first:])
    search_only = Run(make_space(trials=15, seed=4)).finish()
    assert [job.trial for job in jobs[:first]] == [job.trial for job in search_only.jobs]
    front = run.search.front("kodak")
    assert [(job.trial, job.rung, job.seed) for job in jobs[first:]] == [
        (point.trial, point.rung, seed) for point in front for seed in (5, 6, 7)
    ]
    assert all((job.steps, job.config.params) == (100 * 3**job.rung, job.config.params) for job in jobs[first:])
    assert front == search_only.search.front("kodak")  # whatever the further seeds gave
    counts = run.search.counts("kodak")
    assert counts.confirmed == counts.to_confirm == 3 * len(front)


def test_confirmations_have_the_config_of_their_point() -> None:
    run = Run(make_confirmed_space(trials=10)).finish()
    configs = {line.trial: (line.config.codec, line.config.params) for line in run.ledger if line.kind == "trial"}
    confirming = [job for job in run.jobs if job.confirms]
    assert confirming
    for job in confirming:
        assert (job.config.codec, job.config.params) == configs[job.trial]


def test_a_failed_confirmation_is_the_end_of_that_fit_and_nothing_else() -> None:
    run = Run(make_confirmed_space(seeds=3, trials=15), failing=2**64).finish()
    confirming = [line for line in run.ledger if line.confirms]
    assert {line.kind for line in confirming} == {"failed", "confirmation"}
    assert run.search.failures("kodak") == {}
    counts = run.search.counts("kodak")
    assert (counts.failed, counts.done) == (0, 15)
    assert len(confirming) == counts.confirmed == counts.to_confirm
    assert all(line in run.search.points("kodak") for line in run.search.front("kodak"))


@pytest.mark.parametrize("scheduler", ["mo-asha", "mo-asha-stopping", "fifo"])
def test_a_ledger_cut_at_any_line_is_confirmed_the_same(scheduler: str) -> None:
    space = make_confirmed_space(
        seeds=2, trials=9, datasets=("kodak", "cifar10"), sampler="random", scheduler=scheduler
    )
    whole = Run(space).finish()
    assert sum(line.kind == "confirmation" for line in whole.ledger) > 3
    for cut in range(len(whole.ledger) + 1):
        assert Run(space, whole.ledger[:cut]).finish().ledger == whole.ledger


@pytest.mark.parametrize("workers", [2, 7])
def test_with_many_workers_every_member_is_confirmed_once_for_each_seed(workers: int) -> None:
    space = make_confirmed_space(seeds=2, trials=12, datasets=("kodak", "cifar10"))
    whole = Run(space).finish(workers)
    for cut in range(0, len(whole.ledger), 5):
        run = Run(space, whole.ledger[:cut]).finish(workers, seed=cut)
        confirmed = [(line.trial, line.rung, line.seed) for line in run.ledger if line.confirms]
        assert len(confirmed) == len(set(confirmed))
        needed = {
            (point.trial, point.rung, seed)
            for dataset in ("kodak", "cifar10")
            for point in run.search.front(dataset)
            for seed in (1, 2)
        }
        assert needed == set(confirmed)


def test_no_confirmation_is_handed_out_while_a_trial_runs() -> None:
    search = make_search(make_confirmed_space(trials=4, scheduler="fifo", max_steps=100))
    jobs = [search.next_job() for _ in range(4)]
    for job in jobs[:3]:
        search.tell(measure(job))
    assert search.next_job() is None
    assert search.counts("kodak").to_confirm == 0
    assert not search.finished
    search.tell(measure(jobs[3]))
    assert search.next_job().confirms
    counts = search.counts("kodak")
    assert (counts.confirmed, counts.to_confirm) == (0, 2 * len(search.front("kodak")))
    assert (counts.done, counts.running) == (4, 0)


def test_more_trials_later_confirm_only_what_is_new_on_the_front() -> None:
    run = Run(make_confirmed_space(trials=8)).finish()
    more = Run(make_confirmed_space(trials=20), run.ledger).finish()
    confirmed = [(line.trial, line.rung, line.seed) for line in more.ledger if line.confirms]
    assert len(confirmed) == len(set(confirmed))
    counts = more.search.counts("kodak")
    assert counts.confirmed == counts.to_confirm == 2 * len(more.search.front("kodak")) <= len(confirmed)


# ---- a worker that is gone ----


@pytest.mark.parametrize("scheduler", ["mo-asha", "mo-asha-stopping", "fifo"])
def test_a_job_that_was_put_back_comes_again_before_any_other(scheduler: str) -> None:
    search = make_search(make_space(trials=6, scheduler=scheduler))
    lost, other = search.next_job(), search.next_job()
    search.put_back(lost)
    assert search.counts("kodak").running == 1
    assert not search.finished
    assert search.next_job() == lost
    search.tell(measure(other))
    search.tell(measure(lost))
    assert search.counts("kodak").running == 0


def test_putting_jobs_back_changes_no_decision() -> None:
    space = make_confirmed_space(trials=12)
    whole = Run(space).finish()
    run, rng = Run(space), np.random.default_rng(0)
    while not run.search.finished:
        job = run.start()
        if rng.random() < 0.4:
            run.search.put_back(job)
            assert not run.search.finished
        else:
            run.end(job)
    assert run.ledger == whole.ledger


def test_a_confirmation_that_was_put_back_comes_again_and_the_front_stays_final() -> None:
    search = make_search(make_confirmed_space(trials=2, scheduler="fifo", max_steps=100))
    for job in [search.next_job() for _ in range(2)]:
        search.tell(measure(job))
    lost = search.next_job()
    assert lost.confirms
    before = search.counts("kodak")
    search.put_back(lost)
    assert search.counts("kodak") == before
    assert not search.finished
    assert search.next_job() == lost


# ---- other samplers and schedulers ----


@pytest.mark.parametrize("sampler", ["gp", "nsga2"])
def test_a_search_by_another_sampler_ends_and_is_continued_the_same(sampler: str) -> None:
    space = make_space({"mlp": CODECS["mlp"]}, sampler=sampler, trials=11, max_steps=100)
    whole = Run(space).finish()
    assert len({line.trial for line in whole.ledger}) == 11
    assert Run(space, whole.ledger[:-3]).finish().ledger == whole.ledger


def test_the_stopping_type_never_takes_up_again_what_it_has_stopped() -> None:
    run = Run(make_space(trials=30, scheduler="mo-asha-stopping", sampler="random"), failing=2**64).finish()
    order = [job.trial for job in run.jobs]
    for trial in set(order):  # with one worker a trial's rungs follow each other
        first = order.index(trial)
        assert order[first : first + order.count(trial)] == [trial] * order.count(trial)
    rungs = [job.rung for job in run.jobs]
    assert rungs.count(0) == 30
    assert 10 <= rungs.count(1) < 30
    assert run.search.counts("kodak").done == 30
