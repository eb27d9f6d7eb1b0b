"""A search by a metric that a modality defines: whatever shows its front shows that metric, its unit and direction."""

import json
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
import yaml
from globe import Globe, made, write_globe

from searchinr.cli.app import execute
from searchinr.signals.registry import MODALITIES

SPACE = """\
name: globes
datasets: [{path: data}]
objectives: {worst: min, rate: min}
reference_point: {worst: 200, rate: 1000}
fidelity: {min_steps: 10, max_steps: 20, reduction: 2}
search: {trials: 3, sampler: random, scheduler: fifo, seed: 0}
confirm: {seeds: 1}
codecs:
  mlp: {width: {choice: [4, 6, 8, 10]}, depth: 2, siren.omega_first: 4.0}
"""
HEADING = "worst error K (less is better)"
NOTE = "mlflow.note.content"


def test_everything_follows_the_metric(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    new_run_folder: Callable[[Path], Path],
) -> None:
    monkeypatch.setitem(MODALITIES, "globe", Globe())
    monkeypatch.chdir(tmp_path)

    def said(*command: str) -> str:
        capsys.readouterr()
        assert execute(list(command)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    Path("data").mkdir()
    for seed in range(2):
        write_globe(made(f"globe{seed}", seed), Path("data") / f"globe{seed}.globe")
    Path("space.yaml").write_text(SPACE)
    for seed in ("0", "1"):
        new_run_folder(Path(f"run{seed}"))
        shown = said("run", "space.yaml", "--debug", "--out", f"run{seed}", "--seed", seed)
        assert shown.index("worst error") < shown.index("PSNR")  # heads of columns may be wrapped

    front = json.loads(said("front", "run0", "--json"))["datasets"][0]["points"]
    errors = [point["worst"] for point in front]
    assert errors == sorted(errors, reverse=True)  # less as the rate rises
    assert all(point["confirmed"]["worst"]["mean"] > 0 for point in front)
    table = said("front", "run0")
    assert (
        table.index(HEADING) < table.index("PSNR dB")
        and f"worst error {front[0]['confirmed']['worst']['mean']:.2f} K" in table
    )

    said("report", "run0")
    report = Path("run0/report")
    page = (report / "report.html").read_text()
    assert "The Pareto front of worst error against rate." in page and "Worst error of the decoded samples" in page
    assert '"text":"worst error (K), less is better"' in page and "the reference point (worst error 200 K" in page
    assert (report / "front-data.tsv").read_text().startswith("rate\tworst\tpsnr_db\toverlap\t")
    assert "float16, deflated" in (report / "bd-rate-data.tsv").read_text()

    assert HEADING in said("compare", "run0", "run1")
    (compared,) = json.loads(said("compare", "run0", "run1", "-o", "both.html", "--json"))
    assert [point["worst"] for point in compared["runs"][0]["front"]] == errors
    assert compared["reference_point"] == {"worst": 200, "rate": 1000} and HEADING in Path("both.html").read_text()

    written = said("export", "run0", "--quality", str(errors[-1]), "-o", "best.yaml")
    assert f"worst error {errors[-1]:.2f} K" in written
    assert yaml.safe_load(Path("best.yaml").read_text())["provenance"]["worst"] == errors[-1]
    assert execute(["export", "run0", "--quality", "0"]) == 2
    assert f"the lowest worst error found is {errors[-1]:.2f} K" in capsys.readouterr().err

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/run0/mlflow.db")
    (experiment,) = (each for each in client.search_experiments() if each.name == "data (globe)")
    runs = client.search_runs([experiment.experiment_id])
    (note,) = (run.data.tags[NOTE] for run in runs if NOTE in run.data.tags)
    assert f"worst error {errors[0]:.1f} to {errors[-1]:.1f} K" in note
    assert any("confirmed_worst_mean" in run.data.metrics for run in runs)
