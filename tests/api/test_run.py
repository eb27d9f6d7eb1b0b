"""A run as Python sees it agrees with what the commands say of it."""

import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import searchinr
from searchinr.cli.app import execute
from searchinr.engine.store.run_folder import RunFolder

SPACE: dict[str, Any] = {
    "name": "mini",
    "reference_point": {"psnr_db": 8, "rate": 64},
    "fidelity": {"min_steps": 10, "max_steps": 30, "reduction": 3},
    "search": {"sampler": "random", "trials": 3},
    "confirm": {"seeds": 2},
    "codecs": {"mlp": {"depth": 2, "width": {"choice": [4, 8, 12, 16]}}},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> searchinr.Run:
    """A real search over two small pictures."""
    folder = tmp_path_factory.mktemp("run")
    for name in ("a", "b"):
        Image.fromarray((np.arange(96).reshape(8, 12) * 2 + (name == "b")).astype(np.uint8)).save(
            folder / f"{name}.png"
        )
    space = {**SPACE, "datasets": [{"path": folder / "*.png"}]}
    return searchinr.search(space, out=folder / "mini", debug=True)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def printed(*arguments: object) -> Any:  # noqa: ANN401
        capsys.readouterr()
        assert execute(list(map(str, arguments))) == 0
        return json.loads(capsys.readouterr().out)

    return printed


def test_the_front_is_that_of_the_command(run: searchinr.Run, command: Callable[..., Any]) -> None:
    frame = run.front()
    [told] = command("front", run.path, "--json")["datasets"]
    assert len(frame) == len(told["points"]) > 0
    for (_, row), point in zip(frame.iterrows(), told["points"], strict=True):
        for key in ("trial", "steps", "rung", "codec", "rate", "psnr_db", "ssim", "mean_bytes"):
            assert row[key] == point[key]
        assert row["params.width"] == point["params"]["width"]
        assert row["confirmed.seeds"] == point["confirmed"]["seeds"] == 2
        assert row["confirmed.psnr_db.mean"] == point["confirmed"]["psnr_db"]["mean"]
    assert run.front(run.datasets[0]).equals(frame)


def test_points_are_all_that_is_on_record(run: searchinr.Run) -> None:
    points, front = run.points(), run.front()
    lines = [json.loads(line) for line in RunFolder(run.path).ledger.read_text().splitlines()]
    measured = [line for line in lines if line["kind"] == "point"]
    assert list(points["rate"]) == [line["rate"] for line in measured]
    assert list(points["cost.macs"]) == [line["cost"]["macs"] for line in measured]
    assert set(points[points["on_front"]]["rate"]) == set(front["rate"])
    assert points["feasible"].all()
    signals = run.points(per_signal=True)
    assert len(signals) == 2 * len(points)
    means = signals.groupby(["trial", "rung"], sort=False)["psnr_db"].mean()
    assert np.allclose(means, points["psnr_db"])
    assert set(signals["name"]) == {"a", "b"}


def test_a_run_without_a_point_has_empty_frames(run: searchinr.Run, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    RunFolder(begun).space.write_bytes(RunFolder(run.path).space.read_bytes())
    RunFolder(begun).ledger.touch()
    opened = searchinr.open_run(begun)
    assert opened.points().empty and {"rate", "psnr_db", "on_front"} <= set(opened.points().columns)
    assert opened.points(per_signal=True).empty and opened.failures == {}
    with pytest.raises(searchinr.UserError, match="no operating point yet"):
        opened.front()


def test_the_best_config_encodes_to_the_file_of_the_front(run: searchinr.Run, tmp_path: Path) -> None:
    front = run.front()
    best = run.best(max_rate=front["rate"].max())
    assert best["provenance"]["psnr_db"] == front["psnr_db"].max()
    assert run.best(min_psnr=front["psnr_db"].min())["provenance"]["rate"] == front["rate"].min()
    row = front.iloc[-1]
    assert run.best(trial=row["trial"], steps=int(row["steps"])) == best
    [written] = run.export(tmp_path / "best.yaml", max_rate=front["rate"].max())
    assert yaml.safe_load(written.read_text()) == best
    picture = run.path.parent / "a.png"
    assert searchinr.encode(picture, best) == searchinr.encode(picture, written)
    each = run.export(tmp_path / "each", max_rate=64, per_signal=True)
    assert [path.name for path in each] == ["a.yaml", "b.yaml"]


def test_the_same_search_again_adds_nothing(run: searchinr.Run) -> None:
    space = {**SPACE, "datasets": [{"path": run.path.parent / "*.png"}]}
    again = searchinr.search(space, out=run.path, debug=True)
    assert again.points().equals(run.points()) and again.failures == {}
    assert repr(again) == f"Run({str(run.path)!r})"
    assert searchinr.open_run(run.path).front().equals(run.front())


def test_errors_speak_of_arguments(run: searchinr.Run, tmp_path: Path) -> None:
    for call, message in (
        (lambda: run.best(max_rate=1e-6), "`max_rate` 1e-06: no point is that low; the lowest rate found is "),
        (lambda: run.best(), "export: give exactly one of `max_rate`, `quality`, `min_psnr` and `trial`"),
        (lambda: run.front("b"), f"{run.path}: no dataset 'b'; it has "),
        (lambda: searchinr.open_run(tmp_path), f"{tmp_path}: "),
        (lambda: searchinr.search({**SPACE, "datasets": []}), "space: datasets: "),
        (lambda: searchinr.search({**SPACE, "codecs": {"mpl": {}}, "datasets": ["photos"]}), "space: codecs.mpl: "),
        (lambda: searchinr.search(SPACE, trials=0), "`trials`: 0 found; allowed is 1 or more"),
        (
            lambda: searchinr.search(SPACE, workers=2, debug=True),
            "`workers`: 2 found with `debug`, which fits one trial",
        ),
        (lambda: searchinr.search(tmp_path / "no.yaml"), f"{tmp_path / 'no.yaml'}: no such file"),
    ):
        with pytest.raises(searchinr.UserError) as error:
            call()
        assert str(error.value).startswith(message)


def test_an_interrupted_search_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from searchinr.engine.run import start

    Image.fromarray(np.zeros((8, 12), np.uint8)).save(tmp_path / "a.png")
    choose = start.Driver.next_job
    asked: list[int] = []

    def interrupt(driver: start.Driver, workers: int) -> object:
        asked.append(workers)
        if len(asked) == 2:
            signal.raise_signal(signal.SIGINT)
        return choose(driver, workers)

    monkeypatch.setattr(start.Driver, "next_job", interrupt)
    with pytest.raises(searchinr.SearchInterrupted, match="interrupted; the same search again continues") as stopped:
        searchinr.search({**SPACE, "datasets": [{"path": tmp_path / "a.png"}]}, out=tmp_path / "run", debug=True)
    assert stopped.value.folder == tmp_path / "run"
    assert len(searchinr.open_run(tmp_path / "run").points()) == 1
    assert not issubclass(searchinr.SearchInterrupted, Exception), "nothing that catches errors may swallow it"


def test_a_search_runs_in_any_thread(tmp_path: Path) -> None:
    """Only the main thread can take signals, which the caller of a search need not be."""
    Image.fromarray(np.zeros((8, 12), np.uint8)).save(tmp_path / "a.png")
    space = {**SPACE, "datasets": [{"path": tmp_path / "a.png"}], "search": {"sampler": "random", "trials": 1}}
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(searchinr.search, space, out=tmp_path / "run", debug=True).result()
    assert len(run.front()) >= 1
