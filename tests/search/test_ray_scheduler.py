"""The scheduler in real Ray Tune experiments, on a Ray of its own."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import searchinr.engine.workers.tune  # noqa: F401  # sets what Ray reads on import: a token, no telemetry
from searchinr.errors import UserError
from searchinr.search.mo_asha import MoAsha, MoAshaStopping
from searchinr.search.ray_scheduler import MoAshaScheduler

import ray  # isort: skip
from ray import tune  # isort: skip
from ray.tune.experiment import Trial  # isort: skip

OBJECTIVES = {"psnr_db": "max", "rate": "min"}
MILESTONES = {1: 0, 3: 1, 9: 2}
TRIALS = 12


class Recorded(MoAshaScheduler):
    """Keeps what it was told and what it decided, in order. Tune copies schedulers, so the record is a shared one."""

    record: list[tuple[str, str, Any]] = []  # noqa: RUF012

    def on_trial_result(self, tune_controller: object, trial: Trial, result: dict[str, Any]) -> str:
        decision = super().on_trial_result(tune_controller, trial, result)
        self.record.append(("result", trial.trial_id, (dict(result), decision)))
        return decision

    def choose_trial_to_run(self, tune_controller: object) -> Trial | None:
        trial = super().choose_trial_to_run(tune_controller)
        if trial is not None and trial.status == Trial.PAUSED:
            self.record.append(("resume", trial.trial_id, None))
        return trial


def make_fit() -> Callable[[dict[str, Any]], None]:
    """Epochs that never end by themselves, each of which leaves a trace; resumed from the checkpoint.

    Made here, so that it travels to the workers by value: they cannot import this file.
    """

    def fit(config: dict[str, Any]) -> None:
        start = tune.get_checkpoint()
        epoch = json.loads((Path(start.path) / "epoch.json").read_text()) if start else 0
        while True:
            epoch += 1
            with (Path(config["traces"]) / f"{config['width']}").open("a") as trace:
                trace.write(f"{epoch} ")
            rate = config["width"] / 100
            result = {"psnr_db": 20 + 6 * np.log2(1 + rate) + config["width"] % 5 - 5 / epoch, "rate": rate}
            if config.get("diverges") == config["width"]:
                result["psnr_db"] = float("nan")
            if config.get("checkpoints") is False:
                tune.report(result)
                continue
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "epoch.json").write_text(json.dumps(epoch))
                tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))

    return fit


slow = pytest.mark.slow  # seconds each, but together half a minute


@pytest.fixture(scope="module")
def own_ray() -> Iterator[None]:
    os.environ.pop("RAY_ADDRESS", None)
    ray.init(
        address="local", _node_ip_address="127.0.0.1", num_cpus=2, include_dashboard=False, log_to_driver=False,
        object_store_memory=128 * 2**20,
    )  # fmt: skip
    yield
    ray.shutdown()


@pytest.fixture
def experiment(own_ray: None, tmp_path: Path) -> Callable[..., tune.ResultGrid]:
    def run(scheduler: MoAshaScheduler, config: dict[str, Any] | None = None, **settings: object) -> tune.ResultGrid:
        (tmp_path / "traces").mkdir()
        widths = [40 + 7 * i % 48 for i in range(TRIALS)]
        return tune.Tuner(
            tune.with_resources(make_fit(), {"cpu": 1}),
            param_space={"width": tune.grid_search(widths), "traces": str(tmp_path / "traces"), **(config or {})},
            tune_config=tune.TuneConfig(scheduler=scheduler, reuse_actors=True, **settings),
            run_config=tune.RunConfig(name="test", storage_path=str(tmp_path / "tune"), verbose=0),
        ).fit()

    return run


def epochs(tmp_path: Path) -> list[list[int]]:
    """What each trial trained, in order."""
    return [[int(epoch) for epoch in trace.read_text().split()] for trace in (tmp_path / "traces").iterdir()]


def vector(result: dict[str, Any]) -> np.ndarray:
    return np.array([-result["psnr_db"], np.log2(result["rate"])])


@slow
@pytest.mark.parametrize("stopping", [False, True])
def test_an_experiment_ends_and_decides_as_the_pure_class_does(
    stopping: bool, experiment: Callable[..., tune.ResultGrid], tmp_path: Path
) -> None:
    Recorded.record = []
    results = experiment(Recorded(OBJECTIVES, log=["rate"], max_t=9, stopping=stopping))
    assert not results.errors
    assert len(results) == TRIALS
    # Nothing was trained twice: who was paused went on from its checkpoint.
    trained = epochs(tmp_path)
    assert all(trace == list(range(1, len(trace) + 1)) for trace in trained)
    assert {len(trace) for trace in trained} <= set(MILESTONES)

    pure = (MoAshaStopping if stopping else MoAsha)(3, 3)
    resumed = 0
    for event, trial, details in Recorded.record:
        if event == "resume":
            following = pure.next_promotion()
            assert following is not None
            assert following[0] == trial
            pure.promote(*following)
            resumed += 1
            continue
        result, decision = details
        rung = MILESTONES.get(result["training_iteration"])
        if rung is None:
            assert decision == "CONTINUE"
            continue
        pure.report(trial, rung, vector(result))
        if goes_on := pure.next_promotion() == (trial, rung + 1):
            pure.promote(trial, rung + 1)
        assert decision == ("CONTINUE" if goes_on else "STOP" if stopping or rung == 2 else "PAUSE")
    assert pure.next_promotion() is None
    if stopping:
        assert resumed == 0
    else:
        assert resumed > 0
        assert sorted(len(trace) for trace in trained) == [1] * 8 + [3] * 3 + [9]


@slow
def test_a_limit_on_concurrent_trials_does_not_hang_the_experiment(
    experiment: Callable[..., tune.ResultGrid], tmp_path: Path
) -> None:
    results = experiment(MoAshaScheduler(OBJECTIVES, max_t=3), max_concurrent_trials=2)
    assert not results.errors
    assert len(results) == len(epochs(tmp_path)) == TRIALS


@slow
def test_a_trial_that_diverges_is_stopped(experiment: Callable[..., tune.ResultGrid], tmp_path: Path) -> None:
    results = experiment(MoAshaScheduler(OBJECTIVES, max_t=3), {"diverges": 47})
    assert len(results) == TRIALS
    assert (tmp_path / "traces" / "47").read_text().split() == ["1"]


@slow
def test_a_pause_needs_a_checkpoint(experiment: Callable[..., tune.ResultGrid]) -> None:
    with pytest.raises(Exception, match="was paused at training_iteration 1 without a checkpoint"):
        experiment(MoAshaScheduler(OBJECTIVES, max_t=3), {"checkpoints": False})


@slow
def test_the_stopping_type_needs_no_checkpoint(experiment: Callable[..., tune.ResultGrid], tmp_path: Path) -> None:
    assert not experiment(MoAshaScheduler(OBJECTIVES, max_t=3, stopping=True), {"checkpoints": False}).errors
    assert all(len(trace) in (1, 3) for trace in epochs(tmp_path))


@slow
def test_an_objective_that_is_not_reported_is_an_error(experiment: Callable[..., tune.ResultGrid]) -> None:
    with pytest.raises(Exception, match=r"has no 'ssim', .*; report psnr_db, ssim, training_iteration"):
        experiment(MoAshaScheduler({"psnr_db": "max", "ssim": "max"}, max_t=3))


@pytest.mark.parametrize("stopping", [False, True])
def test_it_follows_the_pure_class_through_directions_and_axes(stopping: bool) -> None:
    """Without a cluster: trials and controller are what the scheduler sees of them."""
    rng = np.random.default_rng(0)
    pure = (MoAshaStopping if stopping else MoAsha)(3, 3)
    scheduler = MoAshaScheduler(OBJECTIVES, log=["rate"], max_t=9, stopping=stopping)
    trials = [
        SimpleNamespace(
            trial_id=f"t{index}",
            status=Trial.PENDING,
            checkpoint="stored",
            run_metadata=SimpleNamespace(last_result_time=index),
        )
        for index in range(30)
    ]
    controller = SimpleNamespace(
        get_trials=lambda: trials,
        search_alg=SimpleNamespace(is_finished=lambda: True),
        stop_trial=lambda trial: setattr(trial, "status", Trial.TERMINATED),
    )
    waiting = list(trials)
    times: dict[str, int] = {}
    while waiting:
        trial = waiting.pop(0)
        trial.status = Trial.RUNNING
        decision = "CONTINUE"
        while decision == "CONTINUE":
            times[trial.trial_id] = times.get(trial.trial_id, 0) + 1
            result = {
                "psnr_db": 30 + rng.normal(),
                "rate": 2.0 ** rng.normal(),
                "training_iteration": times[trial.trial_id],
            }
            decision = scheduler.on_trial_result(controller, trial, result)
            rung = MILESTONES.get(times[trial.trial_id])
            if rung is not None:
                pure.report(trial.trial_id, rung, vector(result))
                goes_on = pure.next_promotion() == (trial.trial_id, rung + 1)
                assert (decision == "CONTINUE") == goes_on
                if goes_on:
                    pure.promote(trial.trial_id, rung + 1)
        trial.status = Trial.PAUSED if decision == "PAUSE" else Trial.TERMINATED
        chosen = scheduler.choose_trial_to_run(controller)
        following = pure.next_promotion()
        assert (chosen is not None and chosen.status == Trial.PAUSED) == (following is not None)
        if following is not None:
            assert following[0] == chosen.trial_id
            pure.promote(*following)
            chosen.status = Trial.PENDING
            assert scheduler.choose_trial_to_run(controller) is chosen  # asked again, the same
            waiting.insert(0, chosen)
    assert sorted(set(times.values())) == [1, 3, 9]
    assert {trial.status for trial in trials} == {Trial.TERMINATED}  # what was left over has been ended


@pytest.mark.parametrize(
    ("objectives", "settings", "message"),
    [
        ({}, {}, "no objectives"),
        ({"rate": "down"}, {}, "'rate' has direction 'down'; allowed: 'max', 'min'"),
        ({"rate": "min"}, {"log": ["bytes"]}, "log has 'bytes'; objectives are rate"),
        ({"rate": "min"}, {"grace_period": 10}, "grace_period 10, max_t 9"),
        ({"rate": "min"}, {"reduction_factor": 1}, "reduction_factor 1; allowed"),
    ],
)
def test_wrong_settings_are_refused(objectives: Mapping[str, Any], settings: Mapping[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MoAshaScheduler(objectives, **{"max_t": 9, **settings})
