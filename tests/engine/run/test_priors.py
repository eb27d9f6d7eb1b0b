"""A search whose files need priors: these are built from training signals, kept beside the front, and found again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from searchinr.cli.app import execute
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.engine.coding.files import decode_file, encode_file, inspect_file, read_inr
from searchinr.engine.planning.plan_search import plan_search
from searchinr.engine.report.front import front_json, summary
from searchinr.engine.results.asset_list import list_assets
from searchinr.engine.results.opened import OpenedRun, open_run
from searchinr.engine.results.verify import verify
from searchinr.engine.run.driver import Driver
from searchinr.engine.store.asset_cache import entries
from searchinr.engine.store.asset_files import asset_name, find_asset, read_asset
from searchinr.engine.store.ledger import Ledger, read_ledger
from searchinr.engine.store.place import LocalPlace
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.stored_run import StoredRun
from searchinr.engine.store.training import training_name, training_signals
from searchinr.engine.terminal.log import log_to
from searchinr.engine.workers import worker
from searchinr.engine.workers.in_process import run_in_process
from searchinr.engine.workers.jobs import AnyJob, AssetJob
from searchinr.errors import InvalidFileError, MissingAssetError, UserError
from searchinr.search.search import Search
from searchinr.signals.datasets import load_dataset

SPACE = """
name: priors
datasets: [{name: photos, downscale: [12, 18], limit: 2, train: {name: photos, downscale: [12, 18], skip: 2}}]
reference_point: {psnr_db: 2, rate: 64}
fidelity: {min_steps: 10, max_steps: 20, reduction: 2}
search: {trials: 3, sampler: grid, scheduler: fifo, seed: 3}
codecs:
  combiner:
    beta: {choice: [4.0e-3, 1.0e-3]}
    lr: {choice: [0.05, 0.1]}
    width: 6
    depth: 1
    features: 2
    max_frequency: 4.0
    prior_steps: 100
    refinement_steps: 0
    candidates: 2
"""


def run(folder: RunFolder, cache: Path | None = None) -> list[str]:
    """Runs what is left of the search, in this process; what assets were built from."""
    space = read_space(folder.space)
    datasets = {entry.label: load_dataset(entry) for entry in space.datasets}
    training = training_signals(space, datasets, None)
    signals = {label: dataset.signals for label, dataset in {**datasets, **training}.items()}
    built_from = []

    def noting(job: AnyJob, *others: Any) -> None:  # noqa: ANN401  as `run_job` has them
        if isinstance(job, AssetJob):
            built_from.append(job.built_from)
        worker.run_job(job, *others)

    with log_to(folder.log), Ledger(folder.ledger) as ledger:
        search = Search(space, list(datasets), canonicalise)
        driver = Driver(folder, space, datasets, training, ledger, search, lambda state: None, cache=cache)
        with driver.following():
            run_in_process(driver, noting, space.resources, folder.path, signals)
    return built_from


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, new_run_folder: Callable[[Path], Path]) -> RunFolder:
    """A finished run. Look, do not touch: see `copy`."""
    folder = RunFolder(new_run_folder(tmp_path_factory.mktemp("priors") / "run"))
    folder.create()
    folder.space.write_text(SPACE)
    (label,) = {entry.label for entry in read_space(folder.space).datasets}
    assert run(folder, folder.path.with_name("cache")) == [training_name(label)] * 2
    return folder


@pytest.fixture
def another(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """The folder of a run of one trial that has not begun, whose front will be confirmed."""
    folder = RunFolder(tmp_path / "another")
    folder.create()
    folder.space.write_text(SPACE.replace("trials: 3", "trials: 1") + "confirm: {seeds: 3}\n")
    shutil.copy(finished.mlflow_db, folder.mlflow_db)  # whose tables take seconds to make
    return folder


def test_confirming_the_front_builds_no_further_prior(another: RunFolder) -> None:
    assert len(run(another)) == 1
    lines = read_ledger(another.ledger)
    (asset,) = (line for line in lines if line.kind == "asset")
    confirmations = [line for line in lines if line.kind == "confirmation"]
    assert {line.seed for line in confirmations} == {4, 5, 6}
    assert {line.decodes_with for line in confirmations} == {f"prior@{asset.sha256[:12]}"}
    (point, *_) = points(another)
    assert len({point.psnr_db, *(line.psnr_db for line in confirmations)}) > 1, "the fits' own seeds do differ"


def test_a_run_with_another_seed_takes_the_prior_from_the_cache(finished: RunFolder, another: RunFolder) -> None:
    another.space.write_text(another.space.read_text().replace("seed: 3}", "seed: 8}"))
    cache = finished.path.with_name("cache")
    assert run(another, cache) == []
    (taken,) = (line for line in read_ledger(another.ledger) if line.kind == "asset")
    (built,) = (line for line in read_ledger(finished.ledger) if line.kind == "asset" and line.sha256 == taken.sha256)
    assert taken.cached and not built.cached
    for key in ("asset", "seed", "bytes", "cost"):
        assert getattr(taken, key) == getattr(built, key), "as if it had been built here"
    assert problems(open_run(another.path)) == []
    (label,) = open_run(another.path).labels
    assert open_run(another.path).front(label).anytime[0].macs > built.cost.macs, "its work counts"
    used = {entry.path.name[: len(taken.asset)]: entry.runs for entry in entries(cache)}
    assert used[taken.asset] == (str(finished.path), str(another.path))
    assert len(used) == 2
    assert [row["cached"] for row in list_assets(open_run(another.path))] == [True]


def test_commands_list_and_prune_the_cache(
    finished: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = Path(shutil.copytree(finished.path.with_name("cache"), tmp_path / "cache"))
    assert execute(["asset", "cache", "--assets", str(cache), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["folder"] == str(cache)
    assert {row["file"] for row in listed["assets"]} == {str(path) for path in cache.glob("*.safetensors")}
    assert all(str(finished.path) in row["runs"] and row["cost"]["macs"] > 0 for row in listed["assets"])
    assert execute(["asset", "cache", "--assets", str(cache)]) == 0
    text = capsys.readouterr().out
    assert f"built today, used today by {finished.path}" in text and f"{cache}: 2 assets, " in text
    assert execute(["asset", "prune", "--assets", str(cache)]) == 2
    assert "give --older-than DAYS, --max-size MB, or both" in capsys.readouterr().err
    assert execute(["asset", "prune", "--assets", str(cache), "--older-than", "30", "--max-size", "100"]) == 0
    assert capsys.readouterr().out == f"{cache}: 0 assets removed, 0 bytes\n"
    size = listed["assets"][1]["bytes"]
    assert execute(["asset", "prune", "--assets", str(cache), "--max-size", str(size / 1e6)]) == 0
    assert [str(path) for path in cache.glob("*.safetensors")] == [listed["assets"][1]["file"]]
    assert execute(["asset", "prune", "--assets", str(cache), "--older-than", "0"]) == 0
    assert list(cache.iterdir()) == []


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(shutil.copytree(finished.path, tmp_path / "copy"))


def points(folder: RunFolder) -> list[dict[str, Any]]:
    return [line for line in read_ledger(folder.ledger) if line.kind == "point"]


def problems(run: OpenedRun) -> list[str]:
    return [problem for verdict in verify(run, None) for problem in verdict.problems]


def test_every_point_says_what_its_files_need_and_the_front_has_it(finished: RunFolder) -> None:
    labels = {f"prior@{line.sha256[:12]}" for line in read_ledger(finished.ledger) if line.kind == "asset"}
    assert len(labels) == 2
    assert {point.decodes_with for point in points(finished)} == labels
    assert {point.init for point in points(finished)} == labels
    assert {path.name for path in finished.kept_assets.iterdir()} == {asset_name(label) for label in labels}
    assert problems(open_run(finished.path)) == []


def test_its_size_stands_beside_the_front(finished: RunFolder) -> None:
    opened = open_run(finished.path)
    (label,) = opened.labels
    front = opened.front(label)
    needed = {point.decodes_with for point in front.front}
    assert set(front.assets) == needed
    for name, size in front.assets.items():
        assert size == (finished.kept_assets / asset_name(name)).stat().st_size < 4096
        assert f"{name} ({size:,} bytes)" in summary(front)
    assert front_json(front)["assets"] == dict(front.assets)


def test_without_the_prior_one_line_names_it(copy: RunFolder) -> None:
    file = next(copy.front.glob("*/*/*.inr"))
    needed = read_inr(file).body[:3].hex()
    shutil.rmtree(copy.kept_assets)
    found = problems(open_run(copy.path))
    assert len(found) == len(list(copy.front.glob("*/*/*.inr")))
    assert all("cannot be decoded without the prior" in problem for problem in found)
    with pytest.raises(MissingAssetError, match=rf"{file}: .* the prior {needed}.*asset export RUN {needed}.*--asset"):
        decode_file(file, file.with_suffix(".png"), 1.0, quiet=True)
    assert inspect_file(file, quiet=True)["asset"] == f"prior {needed}"
    assert "macs_per_point" not in inspect_file(file, quiet=True)


def test_a_file_is_decoded_with_a_prior_beside_it_or_named(finished: RunFolder, tmp_path: Path) -> None:
    source = next(finished.front.glob("*/*/*.inr"))
    decode_file(source, tmp_path / "expected.png", 1.0, quiet=True)
    file = Path(shutil.copy(source, tmp_path / "alone.inr"))
    needed = read_inr(file).body[:3].hex()
    (prior,) = finished.kept_assets.glob(f"*-{needed}*")
    other = next(path for path in finished.kept_assets.iterdir() if path != prior)
    for given in (prior, finished.kept_assets):
        decode_file(file, tmp_path / "found.png", 1.0, asset_file=given, force=True, quiet=True)
        assert (tmp_path / "found.png").read_bytes() == (tmp_path / "expected.png").read_bytes()
    with pytest.raises(MissingAssetError):
        decode_file(file, tmp_path / "found.png", 1.0, asset_file=other, force=True, quiet=True)
    shutil.copy(prior, tmp_path)
    decode_file(file, tmp_path / "found.png", 1.0, force=True, quiet=True)
    assert inspect_file(file, quiet=True)["macs_per_point"] > 0


def test_damaged_priors_are_refused(finished: RunFolder, tmp_path: Path) -> None:
    file = next(finished.front.glob("*/*/*.inr"))
    prior = next(finished.kept_assets.iterdir())
    for number, data in enumerate((prior.read_bytes()[:-1], b"", b"x" * 100)):
        (tmp_path / f"{number}.safetensors").write_bytes(data)
        with pytest.raises(InvalidFileError):
            find_asset(read_inr(file), None, tmp_path / f"{number}.safetensors")
    with pytest.raises(UserError, match="no such file"):
        find_asset(read_inr(file), None, tmp_path / "none.safetensors")


def test_a_prior_that_was_lost_before_it_was_kept_is_built_again(copy: RunFolder) -> None:
    rows = copy.ledger.read_bytes().splitlines(keepends=True)
    first = next(i for i, line in enumerate(read_ledger(copy.ledger)) if line.kind == "asset")
    copy.ledger.write_bytes(b"".join(rows[:first]))
    for path in copy.assets.iterdir():
        path.unlink()
    shutil.rmtree(copy.front)
    copy.create()
    assert len(run(copy)) == 2
    assert problems(open_run(copy.path)) == []


def test_an_exported_config_brings_its_prior_and_so_does_what_it_encodes(finished: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "exported"
    out.mkdir()
    assert execute(["export", str(finished.path), "--max-rate", "64", "-o", str(out / "best.yaml")]) == 0
    (prior,) = out.glob("*.safetensors")
    photo, inr = tmp_path / "photo.png", tmp_path / "photo.inr"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(100, 140, (12, 18, 3)).astype(np.uint8)).save(photo)
    found = encode_file(photo, out / "best.yaml", inr, quiet=True)
    assert found["asset"] == str(tmp_path / prior.name)
    shutil.rmtree(out)
    decode_file(inr, tmp_path / "decoded.png", 1.0, quiet=True)
    decoded = np.asarray(Image.open(tmp_path / "decoded.png")).astype(float)
    error = ((decoded - np.asarray(Image.open(photo))) ** 2).mean()
    assert 10 * np.log10(255**2 / error) == pytest.approx(found["psnr_db"], abs=0.01)


def test_encoding_needs_a_prior(finished: RunFolder, tmp_path: Path) -> None:
    photo, config = tmp_path / "photo.png", tmp_path / "own.yaml"
    Image.fromarray(np.full((12, 18, 3), 100, np.uint8)).save(photo)
    config.write_text("codec: combiner\nsteps: 5\n")
    with pytest.raises(UserError, match=r"codec combiner needs a prior.*--asset FILE"):
        encode_file(photo, config, None, quiet=True)
    prior = next(finished.kept_assets.iterdir())
    found = encode_file(photo, config, None, prior, quiet=True)
    assert found["params"]["width"] == 6, "that of the prior"
    config.write_text("codec: combiner\nsteps: 5\nparams: {init: neighbour}\n")
    found = encode_file(photo, config, None, prior, force=True, quiet=True)
    assert found["params"]["init"] == "scratch", "that of the prior as well"
    config.write_text("codec: mlp\nsteps: 5\n")
    with pytest.raises(UserError, match="codec mlp needs none"):
        encode_file(photo, config, None, prior, force=True, quiet=True)


def test_commands_list_show_and_export(finished: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["asset", "list", str(finished.path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert sum(row["points"] for row in rows) == len(points(finished))
    for row in rows:
        (kept,) = finished.kept_assets.glob(f"*-{row['sha256'][:12]}*")
        assert row["bytes"] == kept.stat().st_size
        out = tmp_path / f"{row['sha256']}.safetensors"
        assert execute(["asset", "export", str(finished.path), row["sha256"][:6], "-o", str(out)]) == 0
        assert out.read_bytes() == kept.read_bytes()
        capsys.readouterr()
        assert execute(["asset", "show", str(out), "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["sha256"], shown["codec"], shown["params"]) == (row["sha256"], "combiner", row["params"])
        assert execute(["asset", "show", str(finished.path), row["sha256"]]) == 0
        assert row["sha256"] in capsys.readouterr().out
    assert execute(["asset", "list", str(finished.path)]) == 0
    assert rows[0]["label"] in capsys.readouterr().out
    assert execute(["asset", "export", str(finished.path), "xyz"]) == 2
    assert "no asset that decoding needs has such a hash" in capsys.readouterr().err


def test_priors_are_kept_on_a_storage_and_fetched(finished: RunFolder, tmp_path: Path) -> None:
    prior = next(finished.kept_assets.iterdir())
    folder = RunFolder(tmp_path / "run", LocalPlace(tmp_path / "storage"))
    folder.create()
    folder.keep_asset(prior.name, prior.read_bytes())
    folder.drop_others([])
    fetched = tmp_path / "fetched"
    (tmp_path / "storage" / "space.yaml").write_text(SPACE)
    StoredRun(LocalPlace(tmp_path / "storage")).fetch(fetched)
    for place in (tmp_path / "run", tmp_path / "storage", fetched):
        assert read_asset(place / "front" / "assets" / prior.name).codec == "combiner"


def test_a_dataset_without_training_signals_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(SPACE.replace(", train: {name: photos, downscale: [12, 18], skip: 2}", ""))
    with pytest.raises(UserError, match=r"space\.yaml:3: datasets\[0\]: train: missing.*prior is built.*combiner"):
        read_space(path)


@pytest.mark.parametrize("more", ["", "    init: neighbour\n    neighbour.steps: 20\n"])
def test_a_plan_learns_the_priors_of_its_probes_and_leaves_them_for_the_run(tmp_path: Path, more: str) -> None:
    path, cache = tmp_path / "space.yaml", tmp_path / "cache"
    path.write_text(SPACE + more)
    for _ in range(2):
        plan, _ = plan_search(path, None, out=tmp_path / "run", probes=1, data_dir=None, assets_dir=cache)
        assert plan.rows
        kept = entries(cache)
        assert len({entry.about["params"] for entry in kept}) == len(kept) > 0, "the second plan builds none"
        assert all(entry.runs == (str(tmp_path / "run"),) for entry in kept)
