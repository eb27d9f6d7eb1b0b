"""What MLflow has of a search that is over, beside a record that is made anew from its ledger."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.command import Found
from searchinr.engine.results.opened import open_run
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.tracking.record import Tracked
from searchinr.engine.tracking.tracker import Tracker, local_store

_NAMES = ("searchinr.trial", "searchinr.asset", "searchinr.dataset")  # tags, of which the first that is there counts


def compare(folder: Path) -> Found:
    """The number of `entries` that follow from a ledger, and all `differences` between them and the run's MLflow."""
    run = open_run(folder)
    modalities = {point.dataset: point.modality for point in run.points(None)}
    about = Tracked(run.space.name, "made anew", modalities, params={}, max_steps=run.space.fidelity.rungs[-1])
    with TemporaryDirectory(prefix="faults-") as path:
        anew = RunFolder(Path(path))
        tracker = Tracker(anew, about, objectives=run.objectives, tracking_uri=local_store(anew), warn=print)
        tracker.rebuild(run.lines)
        tracker.close(timeout_s=600)
        expected, found = Counter(_entries(anew)), Counter(_entries(run.folder))
    differences = [f"MLflow lacks {entry}" for entry in (expected - found).elements()]
    differences += [f"MLflow has {entry}, or has it twice" for entry in (found - expected).elements()]
    return {"entries": expected.total(), "differences": differences}


def _entries(folder: RunFolder) -> Iterator[tuple[object, ...]]:
    """Everything in a database: the state of each trial, asset and search, its parameters, and metrics at every step.

    A search's own parameters are left out: they are no results.
    """
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=local_store(folder))
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id], max_results=50_000):
            number, data = run.info.run_id, run.data
            name = next((data.tags[key] for key in _NAMES if key in data.tags), number)
            yield name, run.info.status, data.tags.get("searchinr.reason")
            yield from ((name, *param) for param in data.params.items() if "searchinr.run" not in data.tags)
            for key in data.metrics:
                for metric in client.get_metric_history(number, key):
                    yield name, key, metric.step, metric.value, metric.timestamp
