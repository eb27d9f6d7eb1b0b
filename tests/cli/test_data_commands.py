import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_files import write_image
from PIL import Image

from searchinr.space import DatasetEntry

SPACE = """\
name: my
datasets: [photos]
reference_point: {psnr_db: 20, rate: 4}
fidelity: {min_steps: 10, max_steps: 30}
search: {trials: 5}
codecs:
  mlp: {width: {choice: [8, 16]}}
"""


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SEARCHINR_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_list_says_how_to_get_what_is_not_here(searchinr: Callable) -> None:
    rows = {line.split()[0]: line for line in searchinr("data", "list").out.splitlines()}
    assert "not here" not in rows["photos"]
    assert "`searchinr data get kodak` fetches it" in rows["kodak"]
    assert "DIR/image/cifar10" in rows["cifar10"]
    assert "data get" not in rows["cifar10"]


def test_list_as_json(searchinr: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "image" / "kodak"
    folder.mkdir(parents=True)
    rows = {row["name"]: row for row in json.loads(searchinr("data", "list", "--json", "--data", tmp_path).out)}
    assert rows["kodak"]["folder"] == str(folder)
    assert rows["librispeech"]["folder"] is None
    assert (rows["librispeech"]["modality"], rows["librispeech"]["signals"]) == ("audio", 10)


def test_get_prints_the_folder(searchinr: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "image" / "cifar10"
    folder.mkdir(parents=True)
    assert searchinr("data", "get", "cifar10", "--data", tmp_path) == (0, f"{folder}\n", "")


def test_get_of_what_cannot_be_had(refused: Callable) -> None:
    assert "did you mean 'kodak'" in refused("data", "get", "kodack")
    assert "cannot be downloaded" in refused("data", "get", "cifar10")


def test_the_data_folder_must_be_there(refused: Callable, tmp_path: Path) -> None:
    assert "--data" in refused("data", "list", "--data", tmp_path / "none")


def test_check_of_a_right_space(searchinr: Callable, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(SPACE)
    result = searchinr("check", path)
    assert result.code == 0
    assert result.out == f"{path}: ok; 5 trials on photos; rungs at 10, 30 steps\n"
    assert json.loads(searchinr("check", path, "--json").out)["codecs"] == {"mlp": 1}


def test_check_tells_what_is_taken_what_is_left_out_and_what_is_flat(searchinr: Callable, tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "sub/a.png"):
        write_image(tmp_path / "pics" / name, channels=3)
    (tmp_path / "pics" / "notes.txt").write_text("x")
    Image.new("RGB", (9, 6), "red").save(tmp_path / "pics" / "red.png")
    pics, path = tmp_path / "pics", tmp_path / "my.yaml"
    path.write_text(SPACE.replace("photos", f"{{path: {pics}, label: mine}}, {{path: {pics}/*.png}}"))
    result = searchinr("check", path)
    assert result.out.splitlines()[1:] == [
        f"  mine: 4 taken, {pics}/a.png to {pics}/sub/a.png; left out: 1 of other kinds ({pics}/notes.txt)",
        f"  {DatasetEntry(path=f'{pics}/*.png').label}: 3 taken, {pics}/a.png to {pics}/red.png",
    ]
    assert "warning: mine: means leave out what is flat (silent, or blank): red\n" in result.err
    (row, _) = json.loads(searchinr("check", path, "--json").out)["data"]
    assert list(row["signals"]) == ["a", "b", "red", "a-2"]
    (pics / "c.png").symlink_to("gone.png")
    assert (
        f"warning: dataset mine: {pics}/c.png: a link to gone.png, which is not there" in searchinr("check", path).err
    )


def test_two_paths_of_one_label_are_told_apart_by_label(searchinr: Callable, refused: Callable, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(SPACE.replace("photos", "{path: a/b}, {path: a-b}"))
    assert "found 'a-b', like datasets[0]; allowed once; give one of them a `label`" in refused("check", path)
    path.write_text(SPACE.replace("photos", "{path: a/b}, {path: a-b, label: other}"))
    assert "5 trials on a-b, other;" in searchinr("check", path).out
    path.write_text(SPACE.replace("photos", "{path: a/b, label: ../x}"))
    assert "datasets[0].label: found '../x'; allowed letters, digits" in refused("check", path)
    path.write_text(SPACE.replace("photos", "{path: a/b, lable: x}"))
    assert "did you mean 'label'?" in refused("check", path)


def test_check_tells_constraints_and_confirmation(searchinr: Callable, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(SPACE + "constraints: {encode_s: <= 60, ssim: '>= 0.9'}\nconfirm: {seeds: 3}\n")
    said = searchinr("check", path).out
    assert "; on the front only encode_s <= 60, ssim >= 0.9; the front is fitted again with 3 further seeds" in said
    summary = json.loads(searchinr("check", path, "--json").out)
    assert summary["constraints"] == {"encode_s": "<= 60", "ssim": ">= 0.9"}
    assert summary["confirm_seeds"] == 3


def test_check_of_a_constraint_that_cannot_be(refused: Callable, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(SPACE + "constraints: {encode_s: fast}\n")
    assert refused("check", path).startswith(f"{path}:8: constraints.encode_s: found 'fast'; allowed '<= NUMBER' or")


def test_check_reports_every_error_by_line(searchinr: Callable, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(SPACE.replace("photos", "fotos").replace("trials: 5", "trials: many").replace("width", "widht"))
    result = searchinr("check", path)
    assert result.code == 2
    assert result.out == ""
    starts = [f"searchinr: {path}:{line}: " for line in (2, 5, 7)]
    assert [line[: len(start)] for line, start in zip(result.err.splitlines(), starts, strict=True)] == starts


def test_check_and_run_of_what_is_no_space(refused: Callable, tmp_path: Path) -> None:
    for command in ("check", "run"):
        assert "no such file" in refused(command, tmp_path / "none.yaml")
        assert "cannot be read" in refused(command, tmp_path)
    (tmp_path / "empty.yaml").write_text("")
    assert "empty.yaml" in refused("check", tmp_path / "empty.yaml")


def test_run_into_a_place_that_cannot_be_written(refused: Callable, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(SPACE)
    before = sorted(tmp_path.iterdir())
    assert "--out" in refused("run", path, "--out", path / "run")
    assert sorted(tmp_path.iterdir()) == before
