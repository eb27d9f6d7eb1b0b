"""The record of a run in MLflow: experiments, runs, metrics and artifacts, none of them twice.

There is one experiment for each dataset and modality. It has one parent run for each search (with the front and its
hypervolume), and one child run for each trial (with its operating points by step) and for each asset. Runs that exist
already are found by their tags.
"""

import hashlib
import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image

from searchinr.engine.report.anytime import Moment
from searchinr.engine.report.confirmation import Confirmed
from searchinr.engine.report.names import describe, describe_asset
from searchinr.engine.store.run_folder import safe_name
from searchinr.engine.tracking.moved import bring_artifacts_along
from searchinr.search.lines import (
    AssetBuilt,
    AssetFailed,
    AssetWork,
    Confirmation,
    FitFailed,
    Line,
    Point,
    TrialStarted,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

_RUN, _TRIAL, _DATASET, _REASON = "searchinr.run", "searchinr.trial", "searchinr.dataset", "searchinr.reason"
_ASSET = "searchinr.asset"
_CACHED = "searchinr.cached"
_PARENT, _NOTE = "mlflow.parentRunId", "mlflow.note.content"
MODEL_TRAINING = "workflowType=machine_learning"
"""Part of the addresses of MLflow's pages, without which they would show MLflow's tools for language models."""

_BATCH = 100  # MLflow's limit of the number of parameters in one request
_TEMPORARY = {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_ALREADY_EXISTS"}
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # the caller retries by itself and must notice soon that a server is gone, so MLflow itself hardly retries
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


@dataclass
class _Child:
    """The MLflow run of a trial or an asset, as far as it is known here."""

    run_id: str
    status: Status = "RUNNING"
    reason: str | None = None
    has_params: bool = False
    last_ms: int | None = None
    logged: set[int] | None = field(default_factory=set)  # steps that MLflow has; None until it was asked
    confirmations: Counter[int] | None = field(default_factory=Counter)  # by steps; None until it was asked


@dataclass
class _Parent:
    """The MLflow run of the search on a dataset."""

    run_id: str
    experiment_id: str
    children: dict[str, _Child]  # by trial or asset
    logged: set[int]  # numbers of points after which MLflow has the hypervolume


def fronts_at(uri: str, name: str) -> dict[str, str]:
    """Dataset -> where MLflow's pages show the front of the latest search of this name, after the pages' address."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments, f"tags.`{_RUN}` != '' AND attributes.run_name = '{name}'")
    return {
        run.data.tags[_DATASET]: _front_page(run.info.experiment_id, run.info.run_id)
        for run in reversed(found)  # `found` has the latest first, so that one is kept
    }


def _front_page(experiment_id: str, run_id: str) -> str:
    return f"#/experiments/{experiment_id}/runs/{run_id}/artifacts/front.html?{MODEL_TRAINING}"


@dataclass(frozen=True)
class Tracked:
    """The description of a run for MLflow, which does not depend on its results.

    Attributes:
        name: The run's name, which is the name of its parent runs (one for each dataset).
        key: The run's id, by which a run that is continued is recognised, wherever its folder and the store are now.
        modalities: Dataset label -> modality.
        params: Parameters of the parent runs, which describe the search.
        max_steps: The last rung: a trial that is measured there is finished.
    """

    name: str
    key: str
    modalities: Mapping[str, str]
    params: Mapping[str, object]
    max_steps: int


class MlflowRecord:
    """One run's entries in one MLflow store. Calling a method again with the same arguments has no effect."""

    def __init__(self, uri: str, artifacts: Path | None, run: Tracked, tell: Callable[[str], None]) -> None:
        """Does not connect to MLflow yet; if `artifacts` is None, the server chooses the folder for artifacts.

        `tell` is called with a line about what somebody else has done to the record.
        """
        self._uri, self._artifacts, self._run, self._tell = uri, artifacts, run, tell
        self._key = hashlib.sha256(run.key.encode()).hexdigest()[:16]  # for filter strings: it needs no escapes
        self._connection: MlflowClient | None = None
        self._parents: dict[str, _Parent] = {}

    def log_trial(self, line: TrialStarted) -> None:
        """A trial was started."""
        self._child_with_params(line)

    def log_point(self, line: Point) -> None:
        """A trial was measured at a rung."""
        child = self._child_with_params(line)
        if child.logged is None:
            child.logged = {metric.step for metric in self._client.get_metric_history(child.run_id, "psnr_db")}
        if line.steps not in child.logged:
            self._log_metrics(child.run_id, _metrics(line), line, line.steps)
            if child.status != "RUNNING":  # it was resumed
                self._client.update_run(child.run_id, status="RUNNING")
                child.status = "RUNNING"
            child.logged.add(line.steps)
        child.last_ms = _ms(line)
        if line.steps >= self._run.max_steps:
            self._end_trial(child, "FINISHED", None, _ms(line))

    def log_asset(self, line: AssetBuilt | AssetFailed) -> None:
        """An asset was built, or could not be built."""
        child = self._child(line)
        if child.status in ("FINISHED", "FAILED"):
            return
        self._child_with_params(line)
        if isinstance(line, AssetBuilt):
            values = {"macs": line.cost.macs, "train_s": line.cost.train_s, "bytes": line.bytes}
            self._log_metrics(child.run_id, values, line, 0)
            if line.cached:  # the metrics are those of the run that built the asset
                self._client.set_tag(child.run_id, _CACHED, "true")
            self._end_trial(child, "FINISHED", None, _ms(line))
        else:
            self._end_trial(child, "FAILED", line.reason, _ms(line))

    def log_failure(self, line: FitFailed) -> None:
        """A trial failed."""
        self._end_trial(self._child(line), "FAILED", line.reason, _ms(line))

    def log_confirmation(self, line: Confirmation | FitFailed, confirmed: Confirmed) -> None:
        """A point of the front was fitted again, or this has failed: logs what is known now. The trial's state stays.

        The step of the metrics is the point's training length, so that several confirmations of a point are ordered by
        time.
        """
        child = self._child(line)
        if child.confirmations is None:
            history = self._client.get_metric_history(child.run_id, "confirmed_seeds")
            child.confirmations = Counter(metric.step for metric in history)
        if confirmed.seeds + confirmed.failed <= child.confirmations[line.steps]:
            return
        values = {f"confirmed_{key.replace('.', '_')}": value for key, value in confirmed.flat().items()}
        self._log_metrics(child.run_id, values, line, line.steps)
        child.confirmations[line.steps] += 1

    def log_moment(self, line: Point, moment: Moment) -> None:
        """Logs the state of the front after an operating point, `line`; the step is the number of operating points."""
        parent = self._parent(line.dataset)
        if moment.points in parent.logged:
            return
        values = {
            "hypervolume": moment.hypervolume,
            "front_points": moment.front_points,
            "training_macs": moment.macs,
        }
        self._log_metrics(parent.run_id, values, line, moment.points)
        parent.logged.add(moment.points)

    def log_report(self, dataset: str, files: Sequence[Path], summary: str) -> None:
        """Attaches the files of a report to the parent run, as `front.html`, `front.png`, ..., and describes it.

        The names of the files end with the label of the dataset. The summary, a sentence about the front, stands above
        the link to `front.html` and the figure in MLflow.
        """
        parent = self._parent(dataset)
        with tempfile.TemporaryDirectory(prefix="searchinr-mlflow-") as copies:
            for file in files:
                # names lose the label, since the experiment tells which dataset it is
                name = file.stem.removesuffix(f"-{safe_name(dataset)}") + file.suffix
                shutil.copyfile(file, Path(copies) / name)
            with Image.open(Path(copies) / "front.png") as figure:  # it is too wide for MLflow's page in full size
                figure.reduce(2).save(Path(copies) / "front-preview.png")
            self._client.log_artifacts(parent.run_id, copies)
        page = _front_page(parent.experiment_id, parent.run_id)
        preview = f"get-artifact?path=front-preview.png&run_uuid={parent.run_id}"  # MLflow's address of an artifact
        self._client.set_tag(parent.run_id, _NOTE, f"[**The front**]({page}): {summary}\n\n![The front]({preview})")

    def end(self, *, interrupted: bool) -> None:
        """The search is over: ends the parent runs and the trials that never reached the last rung."""
        # MLflow shows killed runs as failures, and it is no failure if the scheduler does not continue a trial
        status: Status = "KILLED" if interrupted else "FINISHED"
        reason = "the run was interrupted" if interrupted else "not promoted to a longer training"
        for parent in self._parents.values():
            for child in parent.children.values():
                if child.status in ("RUNNING", "KILLED"):
                    self._end_trial(child, status, reason, child.last_ms)
            self._client.set_terminated(parent.run_id, status)

    @property
    def _client(self) -> "MlflowClient":
        if self._connection is None:
            from mlflow import MlflowClient

            if self._artifacts is not None:
                bring_artifacts_along(self._uri, self._artifacts)
            self._connection = MlflowClient(tracking_uri=self._uri)
        return self._connection

    def _parent(self, dataset: str) -> _Parent:
        if dataset not in self._parents:
            self._parents[dataset] = self._find_or_create_parent(dataset)
        return self._parents[dataset]

    def _find_or_create_parent(self, dataset: str) -> _Parent:
        name = f"{dataset} ({self._run.modalities[dataset]})"
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            location = None if self._artifacts is None else self._artifacts.resolve().as_uri()
            experiment_id = self._client.create_experiment(
                name,
                artifact_location=location,
                tags={
                    "mlflow.experimentKind": "custom_model_development",  # otherwise its pages open on language models
                    _NOTE: "Each search is a run, whose description leads to its front; its child runs are the trials.",
                },
            )
        else:
            experiment_id = experiment.experiment_id
            if experiment.lifecycle_stage == "deleted":
                self._client.restore_experiment(experiment_id)
                self._tell(f"MLflow's experiment {name} was deleted; it is restored, since this run is recorded in it")
        found = self._search(experiment_id, _RUN, self._key)
        if not found:
            tags = {
                _RUN: self._key,
                _DATASET: dataset,
                "searchinr.modality": self._run.modalities[dataset],
                "mlflow.source.name": "searchinr",
            }
            run = self._client.create_run(experiment_id, tags=tags, run_name=self._run.name)
            self._log_params(run.info.run_id, self._run.params)
            return _Parent(run.info.run_id, experiment_id, {}, set())
        run_id = found[0].info.run_id
        if not found[0].data.params:  # we were killed between creating it and logging its parameters
            self._log_params(run_id, self._run.params)
        self._client.update_run(run_id, status="RUNNING")
        children = {
            run.data.tags.get(_TRIAL) or run.data.tags[_ASSET]: _Child(
                run.info.run_id,
                run.info.status,
                run.data.tags.get(_REASON),
                has_params=bool(run.data.params),
                last_ms=run.info.end_time,
                logged=None,
                confirmations=None,
            )
            for run in self._search(experiment_id, _PARENT, run_id)
            if _TRIAL in run.data.tags or _ASSET in run.data.tags
        }
        logged = {metric.step for metric in self._client.get_metric_history(run_id, "hypervolume")}
        return _Parent(run_id, experiment_id, children, logged)

    def _search(self, experiment_id: str, tag: str, value: str) -> list[Any]:
        condition = f"tags.`{tag}` = '{value}'"
        page = self._client.search_runs([experiment_id], condition, max_results=1000)
        runs = list(page)
        while page.token:
            page = self._client.search_runs([experiment_id], condition, max_results=1000, page_token=page.token)
            runs += page
        return runs

    def _child(self, line: Line) -> _Child:
        parent = self._parent(line.dataset)
        if isinstance(line, AssetWork):
            tag, name, title = _ASSET, line.asset, describe_asset(line)
        else:  # the first letters of what commands know a trial by
            tag, name, title = _TRIAL, line.trial, f"{describe(line.config)} · {line.trial[:6]}"
        if name not in parent.children:
            run = self._client.create_run(
                parent.experiment_id,
                start_time=_ms(line),
                run_name=title,
                tags={
                    _PARENT: parent.run_id,
                    tag: name,
                    _DATASET: line.dataset,
                    "mlflow.source.name": "searchinr",
                },
            )
            parent.children[name] = _Child(run.info.run_id)
        return parent.children[name]

    def _child_with_params(self, line: Line) -> _Child:
        child = self._child(line)
        if not child.has_params:
            self._log_params(child.run_id, {"codec": line.config.codec, "seed": line.seed, **line.config.params})
            child.has_params = True
        return child

    def _end_trial(self, child: _Child, status: Status, reason: str | None, end_ms: int | None) -> None:
        if (child.status, child.reason) == (status, reason):
            return
        if reason is not None:
            self._client.set_tag(child.run_id, _REASON, reason)
        elif child.reason is not None:
            self._client.delete_tag(child.run_id, _REASON)
        self._client.set_terminated(child.run_id, status, end_ms)
        child.status, child.reason = status, reason

    def _log_metrics(self, run_id: str, values: Mapping[str, float | None], line: Line, step: int) -> None:
        """Logs the figures that there are, at the time of a line."""
        from mlflow.entities import Metric

        metrics = [Metric(name, float(value), _ms(line), step) for name, value in values.items() if value is not None]
        self._client.log_batch(run_id, metrics=metrics)

    def _log_params(self, run_id: str, params: Mapping[str, object]) -> None:
        from mlflow.entities import Param

        entries = [Param(name, str(value)) for name, value in params.items()]
        for start in range(0, len(entries), _BATCH):
            self._client.log_batch(run_id, params=entries[start : start + _BATCH])


def import_quietly() -> None:
    """Imports MLflow, which takes a second, without its telemetry and its logging."""
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    import mlflow  # noqa: F401

    for library in ("mlflow", "alembic", "sqlalchemy", "urllib3.connectionpool"):
        logging.getLogger(library).setLevel(logging.CRITICAL)


def is_temporary(error: Exception) -> bool:
    """Whether a later retry may help, because a server or disk is out of reach and the request was not refused."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import OperationalError

    if isinstance(error, MlflowException):
        return error.error_code in _TEMPORARY
    return isinstance(error, OSError | OperationalError)


def _metrics(point: Point) -> dict[str, float | None]:
    """The figures of an operating point that MLflow shows as curves."""
    figures = ("psnr_db", "psnr_of_mean_mse_db", "rate", "decode_macs_per_sample", "encode_s", "decode_s")
    values = {key: getattr(point, key) for key in figures} | dict(point.metrics)
    return values | {"train_s": point.cost.train_s, "macs": point.cost.macs, "bytes": point.mean_bytes}


def _ms(line: Line) -> int:
    """A line's time in MLflow's unit, milliseconds, so that a rebuilt record has the times of the run."""
    return round(1000 * line.time)
