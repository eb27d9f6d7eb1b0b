"""No command replaces a file that it did not make, unless it is told to."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cli_files import write_image
from PIL import Image

from searchinr.engine.store.run_folder import RunFolder

OLD = b"the user's own"
SPACE = Path(__file__).parents[2] / "spaces" / "quickstart.yaml"


@pytest.fixture
def outputs(searchinr: Callable, photo: Path, config: Path, finished_run: Path) -> dict[str, list[object]]:
    """Every command that writes a file: what it is called with, and the file comes last."""
    nested = photo.with_name("nested.inr")
    settings = photo.with_name("nested.yaml")
    settings.write_text("codec: once_for_all\nparams: {depths: 1 2, widths: 4 8}\nsteps: 30\n")
    assert searchinr("encode", photo, "--config", settings, "-o", nested).code == 0
    return {
        "encode": ["encode", photo, "--config", config, "-o", photo.with_name("out.inr")],
        "decode": ["decode", nested, "-o", photo.with_name("out.png")],
        "trim": ["trim", nested, "--depth", 1, "-o", photo.with_name("out2.inr")],
        "export": ["export", finished_run, "--max-rate", 64, "-o", photo.with_name("out.yaml")],
        "compare": ["compare", finished_run, finished_run, "-o", photo.with_name("out.html")],
        "slurm": ["render", SPACE, "--target", "slurm", "-o", photo.with_name("out.sbatch")],
        "kuberay": [
            *["render", SPACE, "--target", "kuberay", "--image", "i", "--storage", "s3://b/p"],
            *["-o", photo.with_name("out3.yaml")],
        ],
    }


def test_what_is_there_stays_unless_forced(searchinr: Callable, refused: Callable, outputs: dict) -> None:
    for name, command in outputs.items():
        out = command[-1]
        out.write_bytes(OLD)
        assert refused(*command) == f"{out}: is there already; choose another name with -o, or replace it with --force"
        assert out.read_bytes() == OLD
        assert searchinr(*command, "--force").code == 0, name
        assert out.read_bytes() != OLD
        made = out.read_bytes()
        out.unlink()
        assert searchinr(*command).code == 0
        assert (out.stat().st_size > 0) == bool(made)


def test_a_suffix_of_something_else_is_refused_even_if_forced(refused: Callable, outputs: dict, photo: Path) -> None:
    picture = photo.read_bytes()
    for command in outputs.values():
        wrong = photo.with_name("clip.wav")
        assert "suffix '.wav' found; allowed" in refused(*command[:-1], wrong, "--force")
        assert not wrong.exists()
    assert "suffix '.png' found; allowed are .yaml .yml" in refused(*outputs["export"][:-1], photo, "--force")
    assert photo.read_bytes() == picture


def test_default_names_are_never_those_of_originals(searchinr: Callable, refused: Callable, photo: Path) -> None:
    config = photo.with_name("c.yaml")
    config.write_text("codec: mlp\nparams: {width: 8, depth: 2}\nsteps: 30\n")
    picture = photo.read_bytes()
    assert searchinr("encode", photo, "--config", config).code == 0
    assert searchinr("decode", photo.with_suffix(".inr")).code == 0
    assert photo.read_bytes() == picture
    decoded = photo.with_name("photo.decoded.png")
    assert Image.open(decoded).size == (30, 20)
    assert "is there already" in refused("decode", photo.with_suffix(".inr"))

    other = write_image(photo.with_name("photo.JPG"), channels=1)
    file = photo.with_suffix(".inr").read_bytes()
    assert "photo.inr: is there already" in refused("encode", other, "--config", config)
    assert photo.with_suffix(".inr").read_bytes() == file


def test_dangling_links_are_files_as_well(refused: Callable, outputs: dict) -> None:
    out = outputs["decode"][-1]
    out.symlink_to("nowhere.png")
    assert "is there already" in refused(*outputs["decode"])
    assert out.is_symlink()


def test_many_files_are_written_all_or_none(
    searchinr: Callable, refused: Callable, finished_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "configs"
    command = ["export", finished_run, "--max-rate", 64, "--per-signal", "-o", folder]
    assert searchinr(*command).code == 0
    names = sorted(path.name for path in folder.iterdir())
    for name in names[:-1]:
        (folder / name).unlink()
    (folder / names[-1]).write_bytes(OLD)
    assert f"{names[-1]}: is there already" in refused(*command)
    assert [path.read_bytes() for path in folder.iterdir()] == [OLD]
    assert searchinr(*command, "--force").code == 0
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_report_replaces_only_what_is_in_its_usual_place(
    searchinr: Callable, refused: Callable, run_copy: Path, tmp_path: Path
) -> None:
    assert searchinr("report", run_copy).code == 0
    assert searchinr("report", run_copy).code == 0
    page = tmp_path / "paper" / "report.html"
    page.parent.mkdir()
    page.write_bytes(OLD)
    assert "report.html: is there already" in refused("report", run_copy, "-o", page.parent)
    assert page.read_bytes() == OLD
    assert not list(page.parent.glob("front-*"))
    assert searchinr("report", run_copy, "-o", page.parent, "--force").code == 0
    assert page.read_bytes() != OLD


@pytest.mark.parametrize("name", ["log.txt", "ledger.jsonl", "mlflow.db", "front/src/app.js", "assets/logo.svg"])
def test_a_run_does_not_begin_among_other_files(refused: Callable, tmp_path: Path, name: str) -> None:
    mine = tmp_path / "project" / name
    mine.parent.mkdir(parents=True)
    mine.write_bytes(OLD)
    assert "which no run has made" in refused("run", SPACE, "--out", tmp_path / "project", "--debug")
    assert [path for path in (tmp_path / "project").rglob("*") if path.is_file()] == [mine]
    assert mine.read_bytes() == OLD


@pytest.mark.parametrize("name", [".lock", "log.txt", "front/photos", "report", "mlflow.db", "front/x"])
def test_links_out_of_a_run_folder_are_not_followed(
    refused: Callable, run_copy: Path, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "folder" / "mine.txt").write_bytes(OLD)
    link = run_copy / name
    if link.is_dir():
        link.rename(tmp_path / "away")
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    for command in (["status", run_copy], ["front", run_copy], ["report", run_copy], ["verify", run_copy]):
        assert "leads out of the run folder" in refused(*command)
    assert (outside / "folder" / "mine.txt").read_bytes() == OLD


def test_names_of_the_ledger_stay_inside_the_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    rooms = [folder.path / "trials", folder.path / "assets"]
    for fit in ("../../x", "/etc/x", "a/../../b"):
        for place in (folder.checkpoint(fit, 0), folder.checkpoint_under_way(fit, 0), folder.asset(fit)):
            assert Path(str(place)).resolve().parent in rooms
