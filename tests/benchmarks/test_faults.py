"""What the benchmark of kills says of a run's folder: jobs under way, work that was done again, MLflow."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import mlflow
import pytest
from ledger_lines import asset_line, changed, confirmation_line, point_line, trial_line

from benchmarks.fault_record import compare
from benchmarks.fault_run import Recorded, lost, repeated, under_way
from searchinr.engine.store.ledger import Ledger
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.tracking.record import Tracked
from searchinr.engine.tracking.tracker import Tracker, local_store
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives

SPACE = """\
name: toy
datasets: [photos]
reference_point: {psnr_db: 20, rate: 4}
fidelity: {min_steps: 100, max_steps: 900, reduction: 3}
search: {trials: 2}
codecs: {mlp: {}}
"""
POINT, ASSET = point_line("aaa", 100, 1.0, 26.0), asset_line()
LINES = [trial_line("aaa"), ASSET, POINT, trial_line("bbb", number=1), point_line("bbb", 100, 2.0, 28.0)]
LINES += [changed(point_line("aaa", 300, 1.0, 27.0), resumed_at=100), confirmation_line(POINT, 1, 25.5, 1.0)]


def logged(*texts: str, on_record: int = 0) -> str:
    """What a driver has logged."""
    texts = (f"searchinr 1.0: toy, {on_record} ledger lines on record", *texts)
    return "".join(f"2026-12-01T13:00:00Z searchinr INFO {text}\n" for text in texts)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    def make(lines: Sequence[Line], log: str = "") -> Path:
        (tmp_path / "space.yaml").write_text(SPACE)
        (tmp_path / "log.txt").write_text(log or logged())
        with Ledger(tmp_path / "ledger.jsonl") as ledger:
            for line in lines:
                ledger.append(line)
        return tmp_path

    return make


def test_jobs_under_way_are_those_of_the_newest_driver() -> None:
    asset, fit, confirmation = ASSET.asset, "trial aaa at 100 steps", "trial aaa at 100 steps with seed 7"
    started = [f"building {asset}: supernet siren for photos", f"{fit} started", f"{confirmation} started"]
    before = logged(*started)
    assert under_way("") is None and under_way(before + logged()) is None
    assert under_way(before) == [asset, fit, confirmation]
    assert under_way(logged(*started, f"{fit}: 1.000 bpp, 26.00 dB")) == [asset, confirmation]
    assert under_way(logged(*started, f"{asset} is built: 4096 bytes, 2.5 s")) == [fit, confirmation]
    assert under_way(logged(*started, f"{asset} is left to be built again (ActorDiedError)")) == [fit, confirmation]
    ended = [f"{fit} failed: NaN at step 7", f"{confirmation} is put back (no result)", f"{asset} failed: NaN"]
    assert under_way(logged(*started, *ended)) == []


def test_a_run_that_goes_on_where_it_was_has_done_nothing_again(make_run: Callable[..., Path]) -> None:
    texts = [f"building {ASSET.asset}: supernet siren for photos", "trial aaa at 100 steps started"]
    put_back = [
        f"{ASSET.asset} is left to be built again (no result)",
        "trial aaa at 100 steps is put back (no result)",
    ]
    ended = [f"{ASSET.asset} is built: 4096 bytes, 2.5 s", "trial aaa at 100 steps: 1.000 bpp, 26.00 dB"]
    folder = make_run(LINES, logged(*texts, *put_back) + logged(*texts, *ended))
    under_way_then = Recorded([], [], {f"{ASSET.asset}-0.partial.safetensors": 0, "aaa-1.partial.safetensors": 100})
    assert repeated(folder, under_way_then) == []
    assert lost(Recorded(LINES[:2], [POINT]), folder) == []


@pytest.mark.parametrize(
    ("lines", "log", "moment", "said"),
    [
        ([ASSET, changed(ASSET, sha256="0" * 64)], "", Recorded([], []), f"{ASSET.asset} is on record 2 times"),
        (
            [ASSET],
            logged(f"building {ASSET.asset}: supernet siren for photos", on_record=1),
            Recorded([], []),
            f"{ASSET.asset} was started again",
        ),
        (
            [],
            logged("trial aaa at 300 steps: 1.000 bpp, 26.00 dB", "trial aaa at 300 steps started"),
            Recorded([], []),
            "trial aaa at 300 steps was started again",
        ),
        (
            [changed(ASSET, resumed_at=10)],
            "",
            Recorded([], [], {f"{ASSET.asset}-0.partial.safetensors": 200}),
            f"{ASSET.asset} went on from step 10, though its checkpoint was at 200",
        ),
        (
            [changed(point_line("aaa", 300, 1.0, 27.0), resumed_at=100)],
            "",
            Recorded([POINT], [], {"aaa-1.partial.safetensors": 220}),
            "trial aaa at 300 steps went on from step 100, though its checkpoint was at 220",
        ),
        ([point_line("aaa", 300, 1.0, 27.0)], "", Recorded([], []), "trial aaa at 300 steps went on from step 0"),
    ],
)
def test_what_was_done_again_is_said(
    make_run: Callable[..., Path], lines: Sequence[Line], log: str, moment: Recorded, said: str
) -> None:
    assert repeated(make_run(lines, log), moment) == [said]


def test_an_asset_that_was_delivered_and_is_not_on_record_is_lost(make_run: Callable[..., Path]) -> None:
    folder = make_run([LINES[0]])
    assert lost(Recorded([LINES[0]], [ASSET]), folder) == [f"the delivery of {ASSET.asset} is not on record"]


def test_every_difference_between_mlflow_and_the_ledger_is_found(
    make_run: Callable[..., Path], empty_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(make_run(LINES))
    shutil.copyfile(empty_store, folder.mlflow_db)
    objectives = Objectives({"psnr_db": "max", "rate": "min"}, {"psnr_db": 20, "rate": 4})
    about = Tracked("toy", "a run", {"photos": "image"}, {"trials": 2}, max_steps=900)
    tracker = Tracker(folder, about, objectives=objectives, tracking_uri=local_store(folder), warn=print)
    tracker.rebuild(LINES)
    assert tracker.close()
    same = compare(folder.path)
    assert same["differences"] == []
    assert same["entries"] > 50
    client = mlflow.MlflowClient(local_store(folder))
    (experiment,) = (each for each in client.search_experiments() if each.name == "photos (image)")
    runs = client.search_runs([experiment.experiment_id])
    by_name = {run.data.tags.get("searchinr.trial") or run.data.tags.get("searchinr.asset"): run for run in runs}
    client.delete_run(by_name["bbb"].info.run_id)
    client.log_metric(by_name["aaa"].info.run_id, "psnr_db", 26.5, timestamp=1, step=100)
    client.set_terminated(by_name[ASSET.asset].info.run_id, "KILLED")
    stray = client.create_run(experiment.experiment_id).info.run_id
    found = compare(folder.path)["differences"]
    lacking = [each for each in found if each.startswith("MLflow lacks ")]
    assert sum("'bbb'" in each for each in lacking) > 10
    assert [each for each in lacking if "'bbb'" not in each] == [f"MLflow lacks ('{ASSET.asset}', 'FINISHED', None)"]
    assert sorted(each for each in found if each not in lacking) == sorted(
        f"MLflow has {each}, or has it twice"
        for each in [("aaa", "psnr_db", 100, 26.5, 1), (ASSET.asset, "KILLED", None), (stray, "RUNNING", None)]
    )
    assert capsys.readouterr().out == ""
