import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
from ledger_lines import changed
from mlflow.tracking._tracking_service import utils
from PIL import Image

from searchinr.engine.report.front import collect_front
from searchinr.engine.report.page import DatasetReport
from searchinr.engine.report.write import write_figures
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.tracking import tracker as tracking
from searchinr.engine.tracking.record import Tracked, fronts_at
from searchinr.engine.tracking.tracker import Tracker, local_store, tracking_address
from searchinr.errors import UserError
from searchinr.search.lines import AssetFailed, Line
from searchinr.search.objectives import Objectives

Start = Callable[..., Tracker]


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def prepared(empty_store: Path, tmp_path: Path) -> None:
    """The run folder has an empty store already."""
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")


@pytest.fixture
def start(tmp_path: Path, objectives: Objectives, warnings: list[str]) -> Iterator[Start]:
    """Starts trackers of one run in one folder."""
    trackers: list[Tracker] = []

    def start(folder: RunFolder | None = None, **changes: object) -> Tracker:
        settings: dict[str, Any] = {
            "name": "demo",
            "key": "demo in 'this' folder",
            "modalities": {"photos": "image", "other": "image"},
            "objectives": objectives,
            "params": {"mlp.width": "Choice(16, 32)", "trials": 4},
            "max_steps": 900,
            "tracking_uri": None,
            "warn": warnings.append,
        }
        settings |= changes
        run = Tracked(**{field.name: settings.pop(field.name) for field in fields(Tracked)})
        trackers.append(Tracker(folder or RunFolder(tmp_path), run, **settings))
        return trackers[-1]

    yield start
    for tracker in trackers:
        tracker.close(timeout_s=5)


class Store:
    """What MLflow holds, read through its public client."""

    def __init__(self, folder: Path) -> None:
        self.client = mlflow.MlflowClient(tracking_address(RunFolder(folder), None))

    def experiments(self) -> set[str]:
        return {experiment.name for experiment in self.client.search_experiments()} - {"Default"}

    def runs(self, experiment: str) -> tuple[Any, dict[str, Any]]:
        """The one parent run, and its children by trial."""
        found = self.client.get_experiment_by_name(experiment)
        assert found is not None
        runs = self.client.search_runs([found.experiment_id])
        parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
        assert len(parents) == 1
        children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
        assert len(children) == len(runs) - 1
        by_trial = {run.data.tags["searchinr.trial"]: run for run in children}
        assert len(by_trial) == len(children)
        return parents[0], by_trial

    def history(self, run: Any, metric: str) -> list[tuple[int, float]]:  # noqa: ANN401
        return sorted((entry.step, entry.value) for entry in self.client.get_metric_history(run.info.run_id, metric))

    def everything(self) -> list[tuple[object, ...]]:
        """All that was logged, to compare two moments."""
        rows: list[tuple[object, ...]] = []
        for experiment in self.client.search_experiments():
            for run in self.client.search_runs([experiment.experiment_id]):
                metrics = [
                    (entry.key, entry.step, entry.value, entry.timestamp)
                    for key in sorted(run.data.metrics)
                    for entry in self.client.get_metric_history(run.info.run_id, key)
                ]
                rows.append((run.info.run_id, run.info.status, run.data.params, run.data.tags, metrics))
        return rows


def test_a_run_is_recorded_as_parent_and_children_in_silence(
    start: Start,
    ledger: list[Line],
    objectives: Objectives,
    tmp_path: Path,
    warnings: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    tracker = start()
    for line in ledger:
        tracker.log(line)
    report = collect_front(ledger, "photos", objectives)
    page = tmp_path / "report" / "front-photos.html"
    files = write_figures(tmp_path / "report", DatasetReport(report))
    page.write_text("<p>the page</p>")
    tracker.log_report("photos", [page, *files], "as good as it gets")
    assert tracker.close()
    assert warnings == []
    assert capfd.readouterr() == ("", "")

    store = Store(tmp_path)
    assert store.experiments() == {"photos (image)", "other (image)"}
    parent, children = store.runs("photos (image)")
    assert parent.info.run_name == "demo"
    assert parent.info.status == "FINISHED"
    assert parent.data.params == {"mlp.width": "Choice(16, 32)", "trials": "4"}
    history = store.history(parent, "hypervolume")
    assert [step for step, _ in history] == [1, 2, 3, 4]
    assert history[-1][1] == pytest.approx(report.hypervolume)
    assert history[2][1] == history[3][1]  # the fourth point is dominated
    assert store.history(parent, "training_macs") == [(now.points, now.macs) for now in report.anytime]
    artifacts = {file.path for file in store.client.list_artifacts(parent.info.run_id)}
    fronts = {"front.png", "front-preview.png", "front.html", "front.json", "front.tsv", "bd-rate.tsv"}
    assert artifacts == fronts | {"hypervolume.png", "hypervolume.tsv", "signals.png", "signals.tsv"}
    description = parent.data.tags["mlflow.note.content"]
    place = f"#/experiments/{parent.info.experiment_id}/runs/{parent.info.run_id}/artifacts/front.html?"
    assert f"({place}" in description
    assert "as good as it gets" in description
    assert f"(get-artifact?path=front-preview.png&run_uuid={parent.info.run_id})" in description
    assert place in fronts_at(tracking_address(RunFolder(tmp_path), None), "demo")["photos"]
    assert list((tmp_path / "mlartifacts").rglob("front.png"))

    assert set(children) == {"aaa", "bbb", "ccc"}
    done, paused, failed = children["aaa"], children["bbb"], children["ccc"]
    assert done.info.run_name == "siren 3x32 8-bit · aaa"
    assert done.data.params["lr"] == "0.0025"
    assert done.data.params["codec"] == "mlp"
    assert store.history(done, "psnr_db") == [(100, 26.0), (300, 27.5), (900, 27.0)]
    assert store.history(done, "rate") == [(100, 1.0), (300, 1.01), (900, 1.02)]
    assert {"ssim", "train_s", "macs", "bytes", "encode_s", "decode_s"} <= set(done.data.metrics)
    assert (done.info.start_time, done.info.end_time) == (1_700_000_000_000, 1_700_000_900_000)
    assert [run.info.status for run in (done, paused, failed)] == ["FINISHED", "FINISHED", "FAILED"]
    assert failed.data.tags["searchinr.reason"] == "loss is NaN at step 7"
    assert "not promoted" in paused.data.tags["searchinr.reason"]
    assert "searchinr.reason" not in done.data.tags


@pytest.mark.usefixtures("prepared")
def test_confirmations_are_metrics_of_the_trial_and_leave_its_state_alone(
    start: Start, confirmed_ledger: list[Line], tmp_path: Path, warnings: list[str]
) -> None:
    lines = [replace(line, time=1_700_001_000.0 + i) for i, line in enumerate(confirmed_ledger)]
    tracker = start()
    tracker.rebuild(lines[:-2])
    assert tracker.close(interrupted=True)
    for _ in range(2):  # continued, and once more for nothing
        tracker = start()
        tracker.rebuild(lines)
        assert tracker.close()
    assert warnings == []
    store = Store(tmp_path)
    parent, children = store.runs("photos (image)")
    bbb, aaa = children["bbb"], children["aaa"]
    assert store.history(bbb, "confirmed_seeds") == [(100, 1.0), (100, 1.0), (100, 2.0)]
    assert store.history(bbb, "confirmed_failed") == [(100, 0.0), (100, 1.0), (100, 1.0)]
    assert bbb.data.metrics["confirmed_psnr_db_mean"] == pytest.approx(23.6)
    assert bbb.data.metrics["confirmed_psnr_db_std"] == pytest.approx(0.02**0.5)
    assert bbb.data.metrics["confirmed_rate_mean"] == pytest.approx(0.51)
    assert bbb.data.metrics["psnr_db"] == 24.0
    assert store.history(aaa, "confirmed_psnr_db_mean") == [(300, 27.0)]
    assert "confirmed_psnr_db_std" not in aaa.data.metrics
    assert bbb.info.status == aaa.info.status == "FINISHED"
    assert "not promoted" in bbb.data.tags["searchinr.reason"]
    assert [step for step, _ in store.history(parent, "hypervolume")] == [1, 2, 3, 4]


@pytest.mark.usefixtures("prepared")
def test_what_trials_share_is_a_child_run_whose_work_counts(
    start: Start,
    ledger: list[Line],
    make_asset: Callable[..., Line],
    objectives: Objectives,
    tmp_path: Path,
    warnings: list[str],
) -> None:
    other = make_asset(asset="supernet-000000000000")
    failed = AssetFailed(**other.shared(AssetFailed), reason="diverged")
    lines = [*ledger[:3], make_asset(), failed, *ledger[3:]]
    for _ in range(2):  # continued, and nothing is logged twice
        tracker = start()
        tracker.rebuild(lines)
        assert tracker.close()
    assert warnings == []
    client = mlflow.MlflowClient(tracking_address(RunFolder(tmp_path), None))
    experiment = client.get_experiment_by_name("photos (image)")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    built, broken = (
        next(run for run in runs if run.data.tags.get("searchinr.asset") == line.asset)
        for line in (make_asset(), failed)
    )
    assert len(runs) == 1 + 3 + 2
    assert built.info.run_name == "supernet siren for photos"
    assert built.data.params["supernet.widths"] == "16 32"
    assert built.data.metrics == {"macs": 5e8, "train_s": 2.5, "bytes": 4096}
    assert len(client.get_metric_history(built.info.run_id, "macs")) == 1
    assert (built.info.status, broken.info.status) == ("FINISHED", "FAILED")
    assert broken.data.tags["searchinr.reason"] == "diverged"
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    moments = collect_front(lines, "photos", objectives).anytime
    history = client.get_metric_history(parent.info.run_id, "training_macs")
    assert sorted((entry.step, entry.value) for entry in history) == [(now.points, now.macs) for now in moments]


@pytest.mark.usefixtures("prepared")
def test_continuing_logs_nothing_twice_and_a_lost_store_is_rebuilt(
    start: Start, ledger: list[Line], tmp_path: Path, empty_store: Path
) -> None:
    tracker = start()
    for line in ledger[:4]:
        tracker.log(line)
    assert tracker.close(interrupted=True)
    parent, children = Store(tmp_path).runs("photos (image)")
    assert parent.info.status == children["aaa"].info.status == "KILLED"
    assert children["aaa"].data.tags["searchinr.reason"] == "the run was interrupted"

    tracker = start(params={"trials": 8})  # a longer run may continue; what the parent says stays
    tracker.rebuild(ledger)
    assert tracker.close()
    store = Store(tmp_path)
    parent, children = store.runs("photos (image)")
    assert parent.info.status == children["aaa"].info.status == "FINISHED"
    assert "searchinr.reason" not in children["aaa"].data.tags
    assert store.history(children["aaa"], "psnr_db") == [(100, 26.0), (300, 27.5), (900, 27.0)]
    assert [step for step, _ in store.history(parent, "hypervolume")] == [1, 2, 3, 4]

    before = store.everything()
    tracker = start()
    tracker.rebuild(ledger)
    assert tracker.close()
    assert store.everything() == before

    (tmp_path / "new").mkdir()
    shutil.copyfile(empty_store, tmp_path / "new" / "mlflow.db")
    tracker = start(RunFolder(tmp_path / "new"))
    tracker.rebuild(ledger)
    assert tracker.close()
    _, rebuilt = Store(tmp_path / "new").runs("photos (image)")
    for trial, run in rebuilt.items():
        assert run.data.metrics == children[trial].data.metrics
        assert run.info.start_time == children[trial].info.start_time
        assert run.info.status == children[trial].info.status


@pytest.mark.usefixtures("prepared")
def test_a_broken_store_is_made_again_from_the_ledger(
    start: Start, ledger: list[Line], tmp_path: Path, warnings: list[str]
) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    tracker = start()
    tracker.rebuild(ledger)
    assert tracker.close()
    _, children = Store(tmp_path).runs("photos (image)")
    assert Store(tmp_path).history(children["aaa"], "psnr_db") == [(100, 26.0), (300, 27.5), (900, 27.0)]
    assert warnings == ["mlflow.db could not be opened; it is now mlflow.db.damaged, and made again from the ledger"]


def test_two_runs_of_one_name_share_an_experiment_and_nothing_else(
    start: Start, ledger: list[Line], tmp_path: Path, empty_store: Path
) -> None:
    shutil.copyfile(empty_store, tmp_path / "server.db")
    uri = f"sqlite:///{tmp_path / 'server.db'}"
    for key in ("one", "two"):
        tracker = start(key=key, tracking_uri=uri)
        tracker.rebuild(ledger[:3])
        assert tracker.close()
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("photos (image)")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    parents = [run.info.run_id for run in runs if "searchinr.run" in run.data.tags]
    assert len(parents) == 2
    assert sorted(run.data.tags.get("mlflow.parentRunId", "") for run in runs) == ["", "", *sorted(2 * parents)]


def test_a_run_folder_that_was_moved_has_one_record_and_its_artifacts_in_it(
    start: Start, ledger: list[Line], tmp_path: Path, empty_store: Path, warnings: list[str]
) -> None:
    (tmp_path / "a").mkdir()
    shutil.copyfile(empty_store, tmp_path / "a" / "mlflow.db")
    report = tmp_path / "front-photos.html"
    report.write_text("<p>the page</p>")
    figure = tmp_path / "front-photos.png"
    Image.new("L", (8, 8)).save(figure)
    for path, known in ((tmp_path / "a", ledger[:4]), (tmp_path / "b", ledger)):
        if path.name == "b":
            (tmp_path / "a").rename(path)
            utils._artifact_repos_cache.clear()  # as in another process: folders are moved between two commands
        tracker = start(RunFolder(path))
        tracker.rebuild(known)
        tracker.log_report("photos", [report, figure], "good")
        assert tracker.close()
    assert warnings == []
    assert not (tmp_path / "a").exists()
    parent, children = Store(tmp_path / "b").runs("photos (image)")
    assert set(children) == {"aaa", "bbb", "ccc"}
    artifacts = Path(parent.info.artifact_uri.removeprefix("file://"))
    assert artifacts.is_relative_to(tmp_path / "b" / "mlartifacts")
    assert (artifacts / "front.html").read_text() == "<p>the page</p>"


@pytest.mark.usefixtures("prepared")
def test_a_deleted_experiment_is_restored_and_said(
    start: Start, ledger: list[Line], tmp_path: Path, warnings: list[str]
) -> None:
    tracker = start()
    tracker.rebuild(ledger[:4])
    assert tracker.close()
    store = Store(tmp_path)
    found = store.client.get_experiment_by_name("photos (image)")
    assert found is not None
    store.client.delete_experiment(found.experiment_id)
    tracker = start()
    tracker.rebuild(ledger)
    assert tracker.close()
    assert warnings == [
        "MLflow's experiment photos (image) was deleted; it is restored, since this run is recorded in it"
    ]
    _, children = store.runs("photos (image)")
    assert store.history(children["aaa"], "psnr_db") == [(100, 26.0), (300, 27.5), (900, 27.0)]


def test_a_run_folder_of_any_name_has_its_store_in_it(
    start: Start, ledger: list[Line], tmp_path: Path, empty_store: Path, warnings: list[str]
) -> None:
    (tmp_path / "runs").mkdir()
    path = tmp_path / "runs" / "what?#1 %41;ü"
    path.mkdir()
    shutil.copyfile(empty_store, path / "mlflow.db")
    tracker = start(RunFolder(path))
    tracker.rebuild(ledger[:3])
    report = tmp_path / "front-photos.html"
    report.write_text("<p>the page</p>")
    figure = tmp_path / "front-photos.png"
    Image.new("L", (8, 8)).save(figure)
    tracker.log_report("photos", [report, figure], "good")
    assert tracker.close()
    assert warnings == []
    _, children = Store(path).runs("photos (image)")
    assert set(children) == {"aaa", "bbb"}
    assert list((path / "mlartifacts").rglob("front.html"))
    assert list((tmp_path / "runs").iterdir()) == [path]


@pytest.mark.parametrize("uri", ["http://mlflow:50x", "http://[::1"])
def test_a_tracking_uri_that_is_none_is_refused_before_anything_starts(
    start: Start, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(UserError, match="tracking URI"):
        start()


def test_a_server_out_of_reach_costs_one_line_and_no_secret(
    start: Start, ledger: list[Line], warnings: list[str]
) -> None:
    tracker = start(tracking_uri="http://user:secret@127.0.0.1:9/?token=hidden")  # nothing listens on port 9
    tracker.rebuild(ledger)
    assert not tracker.close()
    (warning,) = warnings
    assert warning.startswith("MLflow at http://127.0.0.1:9 cannot be reached")
    assert "secret" not in warning
    assert "hidden" not in warning


def test_what_a_server_missed_while_out_of_reach_it_gets_later(
    start: Start,
    ledger: list[Line],
    tmp_path: Path,
    empty_store: Path,
    warnings: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracking, "_RETRY_S", 0.1)
    disk = tmp_path / "disk"
    disk.write_text("in the way: no database can be opened below it")
    tracker = start(tracking_uri=f"sqlite:///{disk / 'mlflow.db'}")
    tracker.rebuild(ledger[:4])
    deadline = time.monotonic() + 60
    while not warnings and time.monotonic() < deadline:
        time.sleep(0.01)
    disk.unlink()
    disk.mkdir()
    shutil.copyfile(empty_store, disk / "mlflow.db")
    assert tracker.close()
    assert len(warnings) == 1
    client = mlflow.MlflowClient(f"sqlite:///{disk / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("photos (image)")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 3


@pytest.mark.usefixtures("prepared")
def test_an_entry_that_is_refused_does_not_hold_up_the_others(
    start: Start, ledger: list[Line], tmp_path: Path, warnings: list[str]
) -> None:
    tracker = start()
    tracker.log(ledger[0])
    bad = changed(ledger[1], params={"no such?name*": 1})  # MLflow does not allow these characters
    tracker.log(bad)
    tracker.log(ledger[2])
    assert tracker.close()
    (warning,) = warnings
    assert "does not take some entries (INVALID_PARAMETER_VALUE)" in warning
    store = Store(tmp_path)
    _, children = store.runs("photos (image)")
    assert store.history(children["aaa"], "psnr_db") == [(100, 26.0)]


def test_the_address_named_in_the_space_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path)
    assert tracking_address(folder, None) == local_store(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://there:5000")
    assert tracking_address(folder, None) == "http://there:5000"
    assert tracking_address(folder, "http://here:5000") == "http://here:5000"
