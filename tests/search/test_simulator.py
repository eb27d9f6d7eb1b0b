import json
from collections.abc import Callable
from pathlib import Path

import pytest
from search_toy import make_search, make_space, measure

from searchinr.cli.app import execute
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.engine.store.ledger import read_ledger
from searchinr.search.figures import Figures
from searchinr.search.lines import Point
from searchinr.search.search import Job, Search
from searchinr.search.simulator import Outcome, simulate


def outcome(seconds: Callable[[Job], float]) -> Callable[[Job], Outcome]:
    """Toy results; a job takes `seconds` and ten MACs a second."""

    def of(job: Job) -> Outcome:
        point = measure(job)
        figures = Figures.invented(point.psnr_db, point.rate)
        failed = int(job.trial, 16) % 7 == 0
        return Outcome(None if failed else figures, macs=10 * seconds(job), seconds=seconds(job))

    return of


def test_one_worker_does_one_job_after_the_other() -> None:
    events = list(simulate(make_search(make_space(trials=20)), outcome(lambda job: 1.0 + job.rung), 1))
    assert events[0].seconds == 1.0
    total = sum(1.0 + event.line.rung for event in events)
    assert events[-1].seconds == pytest.approx(total)
    for event in events:
        assert event.macs == pytest.approx(10 * event.seconds)


def test_workers_share_the_work_and_what_is_under_way_counts() -> None:
    space = make_space(trials=4, scheduler="fifo", max_steps=100)
    durations = [4.0, 1.0, 1.0, 1.0]
    numbers: dict[str, int] = {}

    def seconds(job: Job) -> float:
        numbers[job.trial] = job.number
        return durations[job.number]

    events = list(simulate(make_search(space), outcome(seconds), 2))
    assert [numbers[event.line.trial] for event in events] == [1, 2, 3, 0]
    assert [event.seconds for event in events] == [1.0, 2.0, 3.0, 4.0]
    # The long one runs beside the others, then alone.
    assert [event.macs for event in events] == pytest.approx([20.0, 40.0, 60.0, 70.0])


def test_every_worker_is_busy_while_there_are_jobs() -> None:
    search = make_search(make_space(trials=64, scheduler="fifo", max_steps=100))
    events = list(simulate(search, outcome(lambda job: 3.0), 64))
    assert {event.seconds for event in events} == {3.0}


def test_a_simulation_ends_with_a_finished_search() -> None:
    for workers in (1, 3, 50):
        search = make_search(make_space(trials=30))
        events = list(simulate(search, outcome(lambda job: 1.0 + job.number % 3), workers))
        assert search.finished
        assert len({event.line.trial for event in events}) == 30
        assert sum(event.line.kind == "failed" for event in events) == len(search.failures("kodak")) > 0


SPACE = """\
name: tiny
datasets: [{name: photos, downscale: [24, 24], limit: 1}]
reference_point: {psnr_db: 5, rate: 60}
fidelity: {min_steps: 10, max_steps: 90, reduction: 3}
search: {sampler: tpe, scheduler: SCHEDULER, trials: 14, seed: 3}
codecs:
  mlp:
    backbone: {choice: [siren, mfn]}
    width: {choice: [4, 6, 8, 12]}
    lr: {log: [1.0e-3, 1.0e-1]}
"""


@pytest.mark.parametrize("scheduler", ["mo-asha", pytest.param("mo-asha-stopping", marks=pytest.mark.slow)])
def test_a_run_and_its_simulation_make_the_same_decisions(
    tmp_path: Path, scheduler: str, new_run_folder: Callable[[Path], Path]
) -> None:
    """The run is a real one; the simulation is given its results, and asks for the same in the same order."""
    space_file = tmp_path / "tiny.yaml"
    space_file.write_text(SPACE.replace("SCHEDULER", scheduler))
    folder = new_run_folder(tmp_path / "run")
    assert execute(["run", str(space_file), "--out", str(folder), "--debug"]) == 0
    lines = read_ledger(folder / "ledger.jsonl")
    measured = {(line.trial, line.rung): line for line in lines if line.kind == "point"}
    assert len(measured) > 14

    def recorded(job: Job) -> Outcome:
        line = measured[job.trial, job.rung]
        return Outcome(Figures.invented(line.psnr_db, line.rate), macs=1.0, seconds=line.cost.train_s)

    space = read_space(space_file)
    (label,) = (entry.label for entry in space.datasets)
    events = simulate(Search(space, [label], canonicalise), recorded, 1)
    assert [_decision(event.line) for event in events] == [_decision(line) for line in lines if line.kind == "point"]


def _decision(line: Point) -> str:
    return json.dumps([line.trial, line.config.params, line.seed, line.rung, line.steps], sort_keys=True)
