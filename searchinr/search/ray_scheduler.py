"""`mo-asha` as a scheduler for other people's Ray Tune scripts.

searchinr itself does not use this adapter. Its driver hands out one job per rung and asks the same decision classes
directly, so that a pause, a crash and a move to another node are handled alike (`docs/decisions/0001-own-searcher.md`).
"""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from searchinr.errors import UserError
from searchinr.search.mo_asha import MoAsha, MoAshaStopping
from searchinr.search.scheduler import Scheduler

_LOG = logging.getLogger(__name__)


class MoAshaScheduler(TrialScheduler):
    """Multi-objective ASHA as a Ray Tune scheduler.

    Objectives are given by name, each with its direction; those in `log` are compared on a logarithmic axis. Rungs are
    at ``grace_period * reduction_factor**i`` of `time_attr`, and at ``max_t``, where every trial ends. Of the trials
    measured at a rung, one in `reduction_factor` goes on: by non-dominated rank, and inside a front by spread. See
    `searchinr.search.mo_asha` for the rules and their sources; all decisions are made there.

    The promotion type (the default) pauses every trial at a rung and later resumes the best ones from their
    checkpoints. The script must report a checkpoint with every result, and start from `tune.get_checkpoint()`. Paused
    trials that no result can promote any more are ended. With `reuse_actors=True` a pause is cheap, and a free worker
    is given to a promoted trial before a new one. Tune's limit on concurrent trials counts paused trials as well: if it
    blocks the search, the trial that has been paused longest is ended. The stopping type (`stopping=True`) decides at
    once and needs none of this.

    A trial whose objective is NaN (or not positive, on a logarithmic axis) is stopped with an error in the log, and its
    result is not used. The results of a trial that fails for good are removed. It is an error if a result lacks an
    objective.

    Example:
        Maximise PSNR and minimise the rate, up to 27 epochs::

            import json, tempfile
            from pathlib import Path
            from ray import tune
            from searchinr.search.ray_scheduler import MoAshaScheduler

            def train(config):
                start = tune.get_checkpoint()
                epoch = json.loads((Path(start.path) / "epoch.json").read_text()) if start else 0
                while True:
                    epoch += 1
                    rate = config["width"] ** 2 / 1000
                    result = {"psnr_db": 20 + 6 * rate**0.5 - 5 / epoch, "rate": rate}
                    with tempfile.TemporaryDirectory() as folder:
                        (Path(folder) / "epoch.json").write_text(json.dumps(epoch))
                        tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))

            scheduler = MoAshaScheduler({"psnr_db": "max", "rate": "min"}, log=["rate"], max_t=27)
            tune.Tuner(
                train,
                param_space={"width": tune.randint(8, 64)},
                tune_config=tune.TuneConfig(num_samples=18, scheduler=scheduler, reuse_actors=True),
            ).fit()
    """

    _supports_buffered_results = False

    def __init__(
        self,
        objectives: Mapping[str, Literal["max", "min"]],
        *,
        max_t: float,
        grace_period: float = 1,
        reduction_factor: int = 3,
        log: Sequence[str] = (),
        time_attr: str = "training_iteration",
        stopping: bool = False,
    ) -> None:
        """Makes a scheduler for one experiment.

        Args:
            objectives: Name of the objective in the result -> ``"max"`` or ``"min"``.
            max_t: The last rung, in units of `time_attr`.
            grace_period: The first rung, in the same units.
            reduction_factor: Factor between one rung and the next; one trial in this many goes on.
            log: Objectives in which ratios matter, such as rates and seconds.
            time_attr: Name of the entry of the result that measures progress; it must never fall.
            stopping: Whether to decide about every trial at once instead of pausing it.

        Raises:
            UserError: There is no objective, a direction or a name in `log` is unknown, or the rungs are not in order.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        if not objectives:
            raise UserError("MoAshaScheduler: no objectives; name one or more, e.g. {'psnr_db': 'max', 'rate': 'min'}")
        for name, direction in objectives.items():
            if direction not in ("max", "min"):
                raise UserError(
                    f"MoAshaScheduler: objective {name!r} has direction {direction!r}; allowed: 'max', 'min'"
                )
        for name in log:
            if name not in objectives:
                raise UserError(f"MoAshaScheduler: log has {name!r}; objectives are {', '.join(objectives)}")
        if not 0 < grace_period <= max_t or reduction_factor < 2:
            raise UserError(
                f"MoAshaScheduler: found grace_period {grace_period}, max_t {max_t}, reduction_factor "
                f"{reduction_factor}; allowed 0 < grace_period <= max_t and reduction_factor >= 2"
            )
        self._objectives, self._log, self._time_attr = dict(objectives), frozenset(log), time_attr
        self._rungs = _rungs(grace_period, max_t, reduction_factor)
        self._pauses = not stopping
        kind = MoAshaStopping if stopping else MoAsha
        self._decisions: Scheduler = kind(len(self._rungs), reduction_factor)
        self._goals: dict[str, int] = {}  # the rung to which a trial may train; without an entry, it is the first
        self._resuming: Trial | None = None  # a promoted trial that waits for a worker

    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        """A new trial: nothing is known of it yet. See `TrialScheduler`."""

    def on_trial_result(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> str:
        """Continues, pauses or stops a trial when it has reached a rung. See `TrialScheduler`.

        Raises:
            UserError: The result lacks an objective or `time_attr`.
        """
        name = trial.trial_id
        time = self._reported(self._time_attr, result)
        rung = sum(time >= milestone for milestone in self._rungs) - 1
        if rung < self._goals.get(name, 0):
            return str(self.CONTINUE)
        try:
            vector = np.array([self._place(objective, result) for objective in self._objectives])  # (k,)
        except ValueError as error:
            _LOG.error("trial %s is stopped at %s %g: %s", name, self._time_attr, time, error)
            self._decisions.drop(name)
            return str(self.STOP)
        self._decisions.report(name, rung, vector)
        if rung == len(self._rungs) - 1:
            return str(self.STOP)
        if self._decisions.next_promotion() == (name, rung + 1):
            self._promote(name, rung + 1)
            return str(self.CONTINUE)
        return str(self.PAUSE if self._pauses else self.STOP)

    def on_trial_complete(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> None:
        """A trial has ended by itself or was stopped: its results stay. See `TrialScheduler`."""

    def on_trial_remove(self, tune_controller: TuneController, trial: Trial) -> None:
        """A trial that was paused or pending is ended: its results stay. See `TrialScheduler`."""

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """A trial has failed: unless Tune tries it again, its results are removed. See `TrialScheduler`."""
        if not trial.should_recover():  # type: ignore[no-untyped-call]
            self._decisions.drop(trial.trial_id)

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """A promoted trial first, then a new one. See `TrialScheduler`.

        Raises:
            UserError: The trial that is to be resumed has reported no checkpoint.
        """
        trials: list[Trial] = tune_controller.get_trials()  # type: ignore[no-untyped-call]
        if self._resuming is None or self._resuming.status != Trial.PENDING:
            self._resuming = self._next_to_resume(trials)
        if self._resuming is not None:
            return self._resuming
        pending = next((trial for trial in trials if trial.status == Trial.PENDING), None)
        if pending is None and not any(trial.status == Trial.RUNNING for trial in trials):
            self._end_paused(tune_controller, trials)
        return pending

    def debug_string(self) -> str:
        """The line that Tune prints about the scheduler."""
        goals = list(self._goals.values())
        counts = ", ".join(
            f"{goals.count(rung)} to {milestone:g}" for rung, milestone in enumerate(self._rungs) if rung
        )
        return f"Using MoAshaScheduler: trials sent on by {self._time_attr}: {counts}"

    def _next_to_resume(self, trials: Sequence[Trial]) -> Trial | None:
        """Promotes the next trial and returns it; None if no trial deserves it yet."""
        while (promotion := self._decisions.next_promotion()) is not None:
            name, rung = promotion
            trial = next(trial for trial in trials if trial.trial_id == name)
            if trial.status == Trial.RUNNING:  # it is still storing its checkpoint and will be paused in a moment
                return None
            if trial.status in (Trial.TERMINATED, Trial.ERROR):  # it has ended by itself or was ended to make room
                self._decisions.drop(name)
                continue
            if trial.status == Trial.PAUSED and trial.checkpoint is None:
                raise UserError(
                    f"trial {name} was paused at {self._time_attr} {self._rungs[rung - 1]:g} without a checkpoint and "
                    "cannot be resumed; report one with every result, tune.report(metrics, checkpoint=...), or use "
                    "stopping=True"
                )
            self._promote(name, rung)
            return trial
        return None

    def _promote(self, name: str, rung: int) -> None:
        self._goals[name] = rung
        self._decisions.promote(name, rung)

    def _end_paused(self, tune_controller: TuneController, trials: Sequence[Trial]) -> None:
        """Ends paused trials when nothing runs and nothing can be started; the experiment would never end otherwise.

        If the searcher has more to offer, its limit on concurrent trials blocks it: then one trial is ended for room.
        """
        paused = [trial for trial in trials if trial.status == Trial.PAUSED]
        paused.sort(key=lambda trial: float(trial.run_metadata.last_result_time))
        for trial in paused if tune_controller.search_alg.is_finished() else paused[:1]:
            tune_controller.stop_trial(trial)  # type: ignore[no-untyped-call]

    def _place(self, objective: str, result: Mapping[str, Any]) -> float:
        """An objective's value on its axis, oriented so that less is better."""
        value = self._reported(objective, result)
        if objective in self._log:
            if not value > 0:
                raise ValueError(f"{objective} is {value}, but its axis is logarithmic")
            value = math.log2(value)
        if not math.isfinite(value):
            raise ValueError(f"{objective} is {value}")
        return value if self._objectives[objective] == "min" else -value

    def _reported(self, name: str, result: Mapping[str, Any]) -> float:
        if name not in result:
            raise UserError(
                f"the result of trial {result.get('trial_id', '?')} has no {name!r}, which MoAshaScheduler needs; "
                f"report {', '.join([*self._objectives, self._time_attr])} with every result"
            )
        return float(result[name])


def _rungs(grace_period: float, max_t: float, reduction_factor: int) -> NDArray[np.float64]:
    """All rungs but the last, `(rungs,)`: `grace_period` times the powers of the factor, as long as below `max_t`."""
    rungs, rung = [], grace_period
    while rung < max_t:
        rungs.append(rung)
        rung *= reduction_factor
    return np.array([*rungs, max_t], dtype=float)
