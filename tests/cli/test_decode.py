import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli_files import write_image
from PIL import Image

from searchinr.codecs import work
from searchinr.codecs.registry import decode


@pytest.fixture
def inr(searchinr: Callable, photo: Path, config: Path) -> Path:
    """An .inr file of an image of 20 x 30 pixels, alone in its folder."""
    folder = photo.parent / "files"
    folder.mkdir()
    assert searchinr("encode", photo, "--config", config, "-o", folder / "photo.inr").code == 0
    return folder / "photo.inr"


@pytest.fixture
def audio_inr(searchinr: Callable, clip: Path, config: Path) -> Path:
    assert searchinr("encode", clip, "--config", config).code == 0
    return clip.with_suffix(".inr")


@pytest.fixture
def left_alone(inr: Path, refused: Callable) -> Callable[..., str]:
    """A refused command after which the .inr file is there as before, and nothing else."""
    data = inr.read_bytes()

    def run(*arguments: object) -> str:
        line: str = refused(*arguments)
        assert [path for path in inr.parent.rglob("*") if path.is_file()] == [inr]
        assert inr.read_bytes() == data
        return line

    return run


def test_the_image_is_what_the_file_holds(searchinr: Callable, inr: Path) -> None:
    result = searchinr("decode", inr)
    assert result.code == 0
    assert result.out.startswith(f"{inr.with_suffix('.decoded.png')}: image, 20 x 30, ")
    decoded = np.asarray(Image.open(inr.with_suffix(".decoded.png")))
    assert np.array_equal(decoded, decode(inr.read_bytes()).samples)


@pytest.mark.parametrize(("scale", "size"), [(2, (60, 40)), (0.5, (15, 10)), (0.001, (1, 1))])
def test_images_at_another_resolution(searchinr: Callable, inr: Path, scale: float, size: tuple[int, int]) -> None:
    out = inr.with_name("scaled.png")
    figures = json.loads(searchinr("decode", inr, "-o", out, "--scale", scale, "--json").out)
    assert Image.open(out).size == size
    assert (figures["grid"], figures["channels"]) == ([size[1], size[0]], 3)


@pytest.mark.parametrize(("scale", "samples", "sampling_rate"), [(1, 1000, 8000), (2, 2000, 16000), (0.5, 500, 4000)])
def test_the_sampling_rate_follows(
    searchinr: Callable, audio_inr: Path, scale: float, samples: int, sampling_rate: int
) -> None:
    out = audio_inr.with_name("scaled.flac")
    figures = json.loads(searchinr("decode", audio_inr, "-o", out, "--scale", scale, "--json").out)
    assert figures["sampling_rate"] == sampling_rate
    values, rate = soundfile.read(out)
    assert (len(values), rate) == (samples, sampling_rate)


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("a.wav", "allowed are .png"),
        ("a", "allowed are .png"),
        ("missing/a.png", "there is no folder"),
        ("x" * 300 + ".png", "too long"),
        ("../folder.png", "a folder found"),
    ],
)
def test_places_that_cannot_be_written(left_alone: Callable, inr: Path, out: str, said: str) -> None:
    (inr.parent.parent / "folder.png").mkdir(exist_ok=True)
    assert said in left_alone("decode", inr, "-o", inr.parent / out)


def test_a_format_that_cannot_hold_the_signal(
    searchinr: Callable, refused: Callable, tmp_path: Path, config: Path
) -> None:
    image = write_image(tmp_path / "rgba.png", 4)
    searchinr("encode", image, "--config", config)
    before = sorted(tmp_path.iterdir())
    assert "4 channels" in refused("decode", tmp_path / "rgba.inr", "-o", tmp_path / "rgba.jpg")
    assert sorted(tmp_path.iterdir()) == before


def test_a_side_that_is_too_long_for_the_format_is_noticed_before_decoding(
    searchinr: Callable, refused: Callable, tmp_path: Path, config: Path
) -> None:
    Image.new("RGB", (60, 2)).save(tmp_path / "flat.png")
    assert searchinr("encode", tmp_path / "flat.png", "--config", config).code == 0
    line = refused("decode", tmp_path / "flat.inr", "-o", tmp_path / "flat.webp", "--scale", 300)
    assert "a side of 18000 found; allowed in WEBP are 16383" in line


def test_what_claims_too_much_is_decoded_if_one_says_so(
    searchinr: Callable, refused: Callable, inr: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "MAX_POINTS", 500)  # the file has 600
    assert "600 points" in refused("decode", inr)
    assert not inr.with_suffix(".png").exists()
    assert searchinr("decode", inr, "--no-limit").code == 0


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf", "1e9", "1000"])
def test_scales_that_make_no_sense(left_alone: Callable, inr: Path, scale: str) -> None:
    line = left_alone("decode", inr, "--scale", scale)
    assert line.startswith("--scale: ")
    assert "allowed" in line


def test_a_scale_that_is_no_number(left_alone: Callable, inr: Path) -> None:
    assert "--scale" in left_alone("decode", inr, "--scale", "big")


@pytest.mark.parametrize("command", ["decode", "inspect"])
def test_damaged_files(refused: Callable, inr: Path, command: str) -> None:
    data = inr.read_bytes()
    damaged = inr.parent.parent / "damaged.inr"
    flipped = [bytes([*data[:i], data[i] ^ 16, *data[i + 1 :]]) for i in range(0, len(data), 7)]
    truncated = [data[:n] for n in range(0, len(data), 7)]
    for content in [*flipped, *truncated, data + b"\0", b"not one at all"]:
        damaged.write_bytes(content)
        assert refused(command, damaged).startswith(f"{damaged}: ")
    assert not damaged.with_suffix(".decoded.png").exists()


@pytest.mark.parametrize("command", ["decode", "inspect"])
def test_missing_files_and_folders(refused: Callable, tmp_path: Path, command: str) -> None:
    assert "no such file" in refused(command, tmp_path / "none.inr")
    assert "folder" in refused(command, tmp_path)
    assert "device" in refused(command, "/dev/zero")


@pytest.mark.parametrize("which", ["inr", "audio_inr"])
def test_the_parts_of_a_file_add_up(searchinr: Callable, request: pytest.FixtureRequest, which: str) -> None:
    path = request.getfixturevalue(which)
    found = json.loads(searchinr("inspect", path, "--json").out)
    assert found["bytes"] == path.stat().st_size
    assert sum(found["bits"].values()) == pytest.approx(8 * found["bytes"], abs=0.1 * len(found["bits"]))
    assert (found["codec"], found["backbone"], found["width"], found["depth"]) == ("mlp", "siren", 8, 2)


def test_inspect_is_a_table(searchinr: Callable, inr: Path) -> None:
    rows = dict(line.split(maxsplit=1) for line in searchinr("inspect", inr).out.splitlines())
    assert rows["rate"] == f"{8 * inr.stat().st_size / 600:.3f}"
    assert rows["bits"] == str(8 * inr.stat().st_size)
    assert rows["header"].endswith("%")
    models = json.loads(searchinr("inspect", inr, "--json").out)["models"]
    assert {part: rows[part].split()[-1] for part in models} == models
