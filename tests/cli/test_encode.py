import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli_files import write_image
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from searchinr.codecs.bitstream import container
from searchinr.codecs.fitting.training import BatchFit
from searchinr.codecs.registry import decode
from searchinr.errors import TrialError
from searchinr.signals.metrics import psnr


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_figures_are_those_of_the_file(searchinr: Callable, tmp_path: Path, config: Path, channels: int) -> None:
    image = write_image(tmp_path / "a.png", channels)
    result = searchinr("encode", image, "--config", config, "--json")
    figures = json.loads(result.out)
    data = (tmp_path / "a.inr").read_bytes()
    assert result.code == 0
    assert figures["out"] == str(tmp_path / "a.inr")
    assert figures["bytes"] == len(data)
    assert figures["sha256"] == hashlib.sha256(data).hexdigest()
    assert figures["rate"] == 8 * len(data) / (20 * 30)
    original = np.asarray(Image.open(image)).reshape(20, 30, channels)
    assert figures["psnr_db"] == pytest.approx(psnr(original, decode(data).samples, (0, 255)))
    assert (figures["codec"], figures["steps"], figures["seed"]) == ("mlp", 30, 0)
    assert (figures["params"]["width"], figures["params"]["backbone"]) == (8, "siren")


def test_the_last_line_says_rate_psnr_bytes_and_seconds(searchinr: Callable, photo: Path, config: Path) -> None:
    out = photo.with_name("b.inr")
    result = searchinr("encode", photo, "--config", config, "-o", out)
    size = out.stat().st_size
    assert re.fullmatch(
        rf"{re.escape(str(out))}: {8 * size / 600:.3f} bpp, \d+\.\d\d dB, {size} bytes, \d+\.\d s\n", result.out
    )
    assert result.err == ""  # progress is for terminals


def test_a_terminal_sees_how_far_it_is(
    searchinr: Callable, photo: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes any stream for a terminal then
    shown = searchinr("encode", photo, "--config", config).err
    assert "fitting" in shown and "measuring" in shown and "0:00:0" in shown
    shown = searchinr("decode", photo.with_suffix(".inr"), "-o", photo.with_name("decoded.png")).err
    assert "decoding" in shown and "100%" in shown


def test_more_values_than_a_file_may_hold(
    refused: Callable, photo: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "MAX_VALUES", 1000)
    line = refused("encode", photo, "--config", config)
    assert line == f"{photo}: 1800 values found; allowed are 1000; crop it first"


def test_what_is_not_kept_is_said(searchinr: Callable, photo: Path, clip: Path, config: Path) -> None:
    assert json.loads(searchinr("encode", photo, "--config", config, "--json").out)["not_kept"] == []
    image, exif, texts = Image.open(photo), Image.Exif(), PngInfo()
    exif[ExifTags.Base.Orientation] = 1  # which is applied
    texts.add_text("Title", "a photo")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = photo.with_name("plain.png")
    image.save(plain, exif=exif)
    assert "not kept" not in searchinr("encode", plain, "--config", config).out
    exif[ExifTags.Base.Artist] = "somebody"
    for suffix, said in (
        ("png", "ICC profile, resolution of 300 x 300 dpi, EXIF, comments"),
        ("tif", "ICC profile, resolution of 300 x 300 dpi"),
        ("jpg", "ICC profile, resolution of 300 x 300 dpi, EXIF"),
    ):
        rich = photo.with_name(f"rich.{suffix}")
        image.save(rich, dpi=(300, 300), icc_profile=profile, exif=exif, pnginfo=texts)
        said = f"not kept of {rich}, since .inr files hold samples alone: {said}\n"
        assert searchinr("encode", rich, "--config", config, "--force").out.endswith(said)
    with soundfile.SoundFile(clip.with_name("tagged.wav"), "w", 8000, 1) as file:
        file.title = "a tone"
        file.write(np.zeros(100))
    told = searchinr("encode", clip.with_name("tagged.wav"), "--config", config).out
    assert told.endswith("samples alone: tags (title)\n")
    whole = clip.read_bytes() + b"bext" + bytes([4, 0, 0, 0]) + b"film" + b"cue " + bytes([4, 0, 0, 0]) + bytes(4)
    marked = clip.with_name("marked.wav")
    marked.write_bytes(b"RIFF" + (len(whole) - 8).to_bytes(4, "little") + whole[8:])
    assert searchinr("encode", marked, "--config", config).out.endswith("samples alone: parts (bext, cue)\n")
    drawn = clip.with_name("drawn.flac")
    soundfile.write(drawn, np.zeros(100), 8000)
    whole = drawn.read_bytes()
    drawn.write_bytes(whole[:42] + b"\x06\0\0\x20" + bytes(32) + whole[42:])  # behind the first block
    assert searchinr("encode", drawn, "--config", config).out.endswith("parts (pictures)\n")


def test_audio_in_kbit_per_second(searchinr: Callable, clip: Path, config: Path) -> None:
    figures = json.loads(searchinr("encode", clip, "--config", config, "--json").out)
    assert figures["rate_unit"] == "kbit/s"
    assert figures["rate"] == pytest.approx(8 * figures["bytes"] / (1000 / 8000) / 1000)


def test_the_same_config_gives_the_same_bytes(searchinr: Callable, photo: Path, config: Path) -> None:
    files = [photo.with_name("1.inr"), photo.with_name("2.inr")]
    for file in files:
        assert searchinr("encode", photo, "--config", config, "-o", file).code == 0
    assert files[0].read_bytes() == files[1].read_bytes()


def test_without_a_config_the_network_suits_the_signal(searchinr: Callable, photo: Path, clip: Path) -> None:
    image, audio = (json.loads(searchinr("encode", file, "--json").out) for file in (photo, clip))
    assert image["psnr_db"] > 30
    assert image["params"]["backbone"] == "siren"
    assert audio["psnr_db"] > 40  # a plain tone
    assert audio["params"]["backbone"] == "fourier"


def test_a_config_with_defaults_only(searchinr: Callable, photo: Path) -> None:
    config = photo.with_name("only.yaml")
    config.write_text("codec: mlp\nsteps: 5\n")
    figures = json.loads(searchinr("encode", photo, "--config", config, "--json").out)
    assert figures["params"]["depth"] == 3


def test_a_config_that_starts_from_a_supernet_builds_it_first(searchinr: Callable, photo: Path) -> None:
    config = photo.with_name("supernet.yaml")
    config.write_text(
        'params: {init: supernet, supernet.steps: 60, supernet.depths: "1 2", width: 8, depth: 2}\nsteps: 2\n'
    )
    files = [photo.with_name("1.inr"), photo.with_name("2.inr")]
    first, second = (
        json.loads(searchinr("encode", photo, "--config", config, "-o", file, "--json").out) for file in files
    )
    assert first["params"]["supernet.widths"] == "8"
    assert files[0].read_bytes() == files[1].read_bytes()
    config.write_text("params: {width: 8, depth: 2}\nsteps: 2\n")
    from_scratch = json.loads(searchinr("encode", photo, "--config", config, "--json").out)
    assert second["psnr_db"] > from_scratch["psnr_db"] + 3
    assert searchinr("decode", files[0]).code == 0  # needs no supernet


def test_a_supernet_without_the_size_that_is_asked_for(refused: Callable, photo: Path) -> None:
    config = photo.with_name("wrong.yaml")
    config.write_text('params:\n  init: supernet\n  supernet.depths: "2 4"\n')
    line = refused("encode", photo, "--config", config)
    assert line == (f"{config}:1: params: depth: found 3; allowed with init: supernet is one of supernet.depths (2 4)")


@pytest.mark.parametrize("name", ["with space.png", "ünï.png", "[bold]x.png", "-dash.png", "two\nlines.png"])
def test_odd_file_names(
    searchinr: Callable, photo: Path, config: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(photo.parent)
    photo.rename(name)
    result = searchinr("encode", "--config", config, "--", name)
    assert result.code == 0
    assert result.out.count("\n") == 1
    assert Path(name).with_suffix(".inr").is_file()


def test_bytes_in_a_name_that_are_no_text(searchinr: Callable, photo: Path, config: Path) -> None:
    odd = photo.rename(photo.with_name(os.fsdecode(b"\xff.png")))
    assert searchinr("encode", odd, "--config", config).code == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"", "not a PNG"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 50, "damaged"),
        (b"just text", "not a PNG"),
    ],
)
def test_unusable_images(refused: Callable, tmp_path: Path, content: bytes | None, said: str) -> None:
    image = tmp_path / "a.png"
    if content is not None:
        image.write_bytes(content)
    line = refused("encode", image)
    assert line.startswith(f"{image}: ")
    assert said in line
    assert not (tmp_path / "a.inr").exists()


def test_truncated_image(refused: Callable, photo: Path) -> None:
    photo.write_bytes(photo.read_bytes()[:-80])
    assert "truncated" in refused("encode", photo)


def test_what_is_no_file(refused: Callable, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "folder" in refused("encode", tmp_path)
    assert "pipe" in refused("encode", tmp_path / "pipe.png")
    assert "device" in refused("encode", "/dev/zero")


def test_unknown_suffix(refused: Callable, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    assert ".png" in refused("encode", tmp_path / "a.txt")


def test_a_line_break_in_a_name_does_not_make_two_lines(refused: Callable) -> None:
    assert refused("encode", "no\nsuch.png").startswith(r"no\nsuch.png: no such file")


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("a.png", "allowed is .inr"),
        ("missing/a.inr", "there is no folder"),
        ("folder.inr", "a folder found"),
        ("hand.yaml/a.inr", "cannot be written"),
        ("x" * 300 + ".inr", "too long"),
    ],
)
def test_places_that_cannot_be_written(refused: Callable, photo: Path, config: Path, out: str, said: str) -> None:
    (photo.parent / "folder.inr").mkdir()
    before = sorted(photo.parent.rglob("*"))
    assert said in refused("encode", photo, "--config", config, "-o", photo.parent / out)
    assert sorted(photo.parent.rglob("*")) == before


def test_wrong_configs_name_file_and_line(searchinr: Callable, photo: Path) -> None:
    config = photo.with_name("wrong.yaml")
    config.write_text("codec: mlp\nparams:\n  widht: 3\n  depth: two\n  width: 5000\nsteps: 0\nfoo: 1\n")
    result = searchinr("encode", photo, "--config", config)
    assert result.code == 2
    lines = result.err.splitlines()
    for line, (number, key) in zip(
        lines, [(3, "params.widht"), (4, "params.depth"), (5, "params.width"), (6, "steps"), (7, "foo")], strict=True
    ):
        assert line.startswith(f"searchinr: {config}:{number}: {key}: ")
    assert "did you mean 'width'" in lines[0]
    assert not photo.with_suffix(".inr").exists()


def test_unknown_codec_and_missing_config(refused: Callable, photo: Path) -> None:
    config = photo.with_name("wrong.yaml")
    config.write_text("codec: jpeg\n")
    assert refused("encode", photo, "--config", config).startswith(f"{config}:1: codec: found 'jpeg'; allowed ")
    assert "no such file" in refused("encode", photo, "--config", photo.with_name("none.yaml"))
    assert "cannot be read" in refused("encode", photo, "--config", photo.parent)


def test_a_fit_that_diverges_says_what_to_change(
    refused: Callable, photo: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(_: BatchFit) -> None:
        raise TrialError("diverged: the loss is NaN at step 20")

    monkeypatch.setattr(BatchFit, "check_finite", diverged)
    line = refused("encode", photo, "--config", config)
    assert line.startswith(f"{photo}: diverged: the loss is NaN at step 20; try a lower `lr`")
    assert not photo.with_suffix(".inr").exists()


@pytest.mark.parametrize(
    ("file", "points"), [("image/kodak/kodim04.png", 768 * 512), ("audio/librispeech/1688-142285-0004.flac", None)]
)
def test_real_files(searchinr: Callable, tmp_path: Path, file: str, points: int | None) -> None:
    source = Path(os.environ.get("SEARCHINR_DATA", "no data folder")) / file
    if not source.is_file():
        pytest.skip("SEARCHINR_DATA names no data folder with this file")
    config, out = tmp_path / "short.yaml", tmp_path / "out.inr"
    config.write_text("params: {width: 8, batch_fraction: 0.01}\nsteps: 20\n")
    figures = json.loads(searchinr("encode", source, "--config", config, "-o", out, "--json").out)
    if points is None:
        kilobits = 8 * out.stat().st_size / 1000
        assert figures["rate"] == pytest.approx(kilobits / soundfile.info(source).duration)
    else:
        assert figures["rate"] == 8 * out.stat().st_size / points
    assert searchinr("decode", out).code == 0
