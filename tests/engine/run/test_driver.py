"""The driver without Ray: jobs run in this process, one after another, and may die."""

from collections.abc import Callable
from pathlib import Path

import pytest

from searchinr.codecs.contract import Asset
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.engine.run.driver import Driver
from searchinr.engine.store.ledger import Ledger, read_ledger
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.tensors import read_tensors
from searchinr.engine.terminal.log import log_to
from searchinr.engine.workers import worker
from searchinr.engine.workers.jobs import AssetJob
from searchinr.errors import OutOfMemoryError
from searchinr.search.configs import Config
from searchinr.search.lines import Line
from searchinr.search.search import Job, Search
from searchinr.signals.datasets import load_dataset
from searchinr.space import Resources

Task = Job | AssetJob

SPACE = """
name: tiny
datasets: [{name: photos, downscale: [16, 24], limit: 2}]
reference_point: {psnr_db: 5, rate: 64}
fidelity: {min_steps: 5, max_steps: 10, reduction: 2}
search: {trials: 4, sampler: grid, scheduler: fifo, seed: 3}
confirm: {seeds: 1}
codecs:
  mlp:
    init: {choice: [supernet, scratch]}
    width: {choice: [6, 8]}
    depth: 2
    supernet.steps: 10
"""


@pytest.fixture
def folder(tmp_path: Path, new_run_folder: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A folder for a run, whose front is not drawn: that would take longer than the run, and is not looked at."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(Driver, "_draw_front", lambda *arguments: None)
    folder = RunFolder(new_run_folder(tmp_path / "run"))
    folder.create()
    folder.space.write_text(SPACE)
    return folder


def run(folder: RunFolder, workers: int = 2, dies: Callable[[Task], bool] = lambda job: False) -> list[Task]:
    """Runs what is left of the search; a job's worker dies, or is asked to stop where `dies` has made `.stop`.

    Jobs start as workers are free and end in the order of their start. Returns all that were handed out.
    """
    space = read_space(folder.space)
    datasets = {entry.label: load_dataset(entry) for entry in space.datasets}
    started: list[Task] = []
    running: list[Task] = []
    with log_to(folder.log), Ledger(folder.ledger) as ledger:
        search = Search(space, list(datasets), canonicalise)
        driver = Driver(folder, space, datasets, {}, ledger, search, lambda state: None)
        with driver.following():
            while not driver.finished():
                while len(running) < workers and (job := driver.next_job(workers)) is not None:
                    running.append(job)
                    started.append(job)
                job = running.pop(0)
                if dies(job):
                    driver.job_ended(job, RuntimeError("killed"))
                    continue
                if folder.stop.exists():
                    driver.stop()
                signals = {label: dataset.signals for label, dataset in datasets.items()}
                worker.run_job(job, Resources(cpu=1), folder.path, signals, driver.asset(job))
                driver.job_ended(job, None)
    return started


def lines(folder: RunFolder, *kinds: str) -> list[Line]:
    return [line for line in read_ledger(folder.ledger) if line.kind in kinds]


def test_a_supernet_is_built_once_for_the_search_and_once_for_each_further_seed(folder: RunFolder) -> None:
    started = run(folder)
    assets = lines(folder, "asset")
    assert [(line.seed, line.confirms) for line in assets] == [(3, False), (4, True)]
    assert sum(isinstance(job, AssetJob) for job in started) == 2
    labels = {line.seed: f"supernet@{line.sha256[:12]}" for line in assets}
    fits = lines(folder, "point", "confirmation")
    assert {line.init for line in fits} == {"scratch", *labels.values()}
    for line in fits:
        assert line.init == ("scratch" if line.config.params["init"] == "scratch" else labels[line.seed])
    recorded = read_ledger(folder.ledger)
    first = next(i for i, line in enumerate(recorded) if line.config.params.get("init") == "supernet")
    assert recorded.index(assets[0]) < first  # none that needs it has started before
    assert run(folder) == []
    assert read_ledger(folder.ledger) == recorded


def test_a_building_that_is_stopped_leaves_no_trace_of_those_that_wait_and_begins_again(folder: RunFolder) -> None:
    def stop(job: Task) -> bool:
        if isinstance(job, AssetJob):
            folder.stop.touch()
        return False

    run(folder, dies=stop)
    assert lines(folder, "asset", "asset_failed") == []
    assert all(line.config.params["init"] == "scratch" for line in lines(folder, "trial"))
    folder.tidy()
    run(folder)
    trials = lines(folder, "trial")
    assert sorted(line.number for line in trials) == [0, 1, 2, 3]
    assert len({line.trial for line in lines(folder, "point")}) == 4
    assert len(lines(folder, "asset")) == 2


def test_a_building_whose_worker_dies_is_tried_again(folder: RunFolder) -> None:
    deaths = []

    def dies_twice(job: Task) -> bool:
        if isinstance(job, AssetJob) and not job.confirms and len(deaths) < 2:
            deaths.append(job)
            return True
        return False

    run(folder, dies=dies_twice)
    assert len(deaths) == 2
    assert lines(folder, "failed", "asset_failed") == []
    assert len(lines(folder, "asset")) == 2


def test_a_building_that_kills_its_workers_fails_what_needs_it_once(folder: RunFolder) -> None:
    started = run(folder, dies=lambda job: isinstance(job, AssetJob))
    (asset,) = lines(folder, "asset_failed")
    assert asset.reason == "its worker died 3 times: killed, crashed, or out of memory"
    failed = lines(folder, "failed")
    assert [line.config.params["init"] for line in failed] == ["supernet", "supernet"]
    for line in failed:
        assert line.reason == f"its supernet could not be built: {asset.reason}"
    assert len({line.trial for line in lines(folder, "point")}) == 2
    assert sum(isinstance(job, AssetJob) for job in started) == 3
    assert run(folder) == []


def test_a_job_whose_result_came_while_it_was_parked_does_not_start(folder: RunFolder) -> None:
    fits: list[Job] = []

    def crash_in_the_first_fit(job: Task) -> bool:
        if isinstance(job, Job):
            fits.append(job)
            raise RuntimeError("the driver is killed")
        return False

    with pytest.raises(RuntimeError, match="killed"):
        run(folder, 1, crash_in_the_first_fit)
    (interrupted,) = fits
    assert interrupted.config.params["init"] == "supernet"
    (path,) = folder.assets.iterdir()
    path.rename(folder.path / "elsewhere")
    folder.tidy()

    def deliver(job: Task) -> bool:
        """What a worker of the run before does, which nobody has told that its driver is gone."""
        if isinstance(job, AssetJob) and not job.confirms:
            tensors = read_tensors(folder.path / "elsewhere")
            assert tensors is not None
            signals = {job.dataset: load_dataset(read_space(folder.space).datasets[0]).signals}
            worker.run_job(interrupted, Resources(cpu=1), folder.path, signals, Asset.of(job.spec, tensors))
        return False

    started = run(folder, 1, deliver)
    assert interrupted not in started
    points = [(line.trial, line.rung) for line in lines(folder, "point")]
    assert (interrupted.trial, 0) in points and len(points) == len(set(points)) == 8


@pytest.mark.parametrize("workers", [1, 3])
def test_a_lost_file_is_built_again_and_not_recorded_twice(folder: RunFolder, workers: int) -> None:
    def stop_after_the_first_point(job: Task) -> bool:
        if lines(folder, "point") and not folder.stop.exists():
            folder.stop.touch()
        return False

    run(folder, workers, stop_after_the_first_point)
    recorded = lines(folder, "asset")
    assert len(recorded) == 1 and len(lines(folder, "point")) < 8
    for path in folder.assets.iterdir():
        path.unlink()
    folder.tidy()
    started = run(folder, workers)
    assert [job.seed for job in started if isinstance(job, AssetJob)] == [3, 4]
    again = lines(folder, "asset")
    assert again[0] == recorded[0]
    assert [line.seed for line in again] == [3, 4]
    assert {line.init for line in lines(folder, "point")} == {"scratch", f"supernet@{again[0].sha256[:12]}"}


def test_a_trial_that_runs_out_of_memory_is_tried_once_more_alone(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_trials = SPACE.partition("confirm:")[0].replace("trials: 4", "trials: 2")
    folder.space.write_text(two_trials + "codecs: {mlp: {width: {choice: [6, 8]}, depth: 2}}\n")
    hungry: list[object] = []
    fit = worker.run_trial

    def starving(config: Config, *arguments: object, **more: object) -> object:
        if config.params["width"] == 8 or hungry.pop(0):  # one never fits, the other only alone
            raise OutOfMemoryError("out of memory")
        return fit(config, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "run_trial", starving)
    hungry += [True, False, False]
    started = [job for job in run(folder, workers=1) if isinstance(job, Job)]
    assert [(job.rung, job.alone) for job in started if job.config.params["width"] == 6] == [
        (0, False), (0, True), (1, False),
    ]  # fmt: skip
    assert [(job.rung, job.alone) for job in started if job.config.params["width"] == 8] == [(0, False), (0, True)]
    assert len(lines(folder, "out_of_memory")) == 2
    (failed,) = lines(folder, "failed")
    assert (failed.config.params["width"], failed.reason) == (8, "out of memory, though it ran alone")
    assert run(folder) == []


def test_a_worker_that_ray_has_killed_for_its_memory_is_tried_alone(folder: RunFolder) -> None:
    space = read_space(folder.space)
    datasets = {entry.label: load_dataset(entry) for entry in space.datasets}

    def next_fit(driver: Driver) -> Job:
        while not isinstance(job := driver.next_job(4), Job):
            assert job is not None
        return job

    def opened() -> tuple[Ledger, Driver]:
        ledger = Ledger(folder.ledger)
        return ledger, Driver(
            folder, space, datasets, {}, ledger, Search(space, list(datasets), canonicalise), lambda state: None
        )

    ledger, driver = opened()
    with log_to(folder.log), ledger, driver.following():
        job = next_fit(driver)
        driver.job_ended(job, OutOfMemoryError("out of memory: its machine had none left"))
    ledger, driver = opened()  # as after a crash: the ledger alone knows
    with log_to(folder.log), ledger, driver.following():
        again = next_fit(driver)
        assert (again.trial, again.alone) == (job.trial, True)
        driver.job_ended(again, OutOfMemoryError("out of memory: its machine had none left"))
    (failed,) = lines(folder, "failed")
    assert failed.reason == "out of memory: its machine had none left, though it ran alone"


def test_a_drawing_that_fails_does_not_end_the_search(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("no figure of this kind")

    monkeypatch.setattr(Driver, "_draw_front", fails)
    run(folder)
    assert len({line.trial for line in lines(folder, "point")}) == 4
    assert "cannot be drawn" in folder.log.read_text()
