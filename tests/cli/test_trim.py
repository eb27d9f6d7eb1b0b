import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from searchinr.codecs.bitstream import container
from searchinr.codecs.registry import CODECS

CONFIG = """
codec: once_for_all
params: {depths: "1 2 3", widths: "4 8"}
steps: 30
"""


@pytest.fixture
def inr(searchinr: Callable, photo: Path) -> Path:
    """An .inr file of six networks, alone in its folder."""
    config = photo.with_name("nested.yaml")
    config.write_text(CONFIG)
    folder = photo.parent / "files"
    folder.mkdir()
    assert searchinr("encode", photo, "--config", config, "-o", folder / "photo.inr").code == 0
    return folder / "photo.inr"


def pixels(searchinr: Callable, *arguments: object) -> np.ndarray:
    out = Path(str(arguments[0])).with_suffix(".png")
    assert searchinr("decode", *arguments, "-o", out).code == 0
    decoded = np.asarray(Image.open(out))
    out.unlink()
    return decoded


def test_trimmed_files_decode_to_what_the_whole_file_has(searchinr: Callable, inr: Path) -> None:
    small = inr.with_name("small.inr")
    seen = []
    for depth in (1, 2, 3):
        for width in (4, 8):
            size = ("--depth", depth, "--width", width)
            result = searchinr("trim", inr, *size, "-o", small, "--force")
            assert result.out.startswith(f"{small}: depth {depth}, width {width}, {small.stat().st_size} bytes, ")
            alone = pixels(searchinr, small)
            assert np.array_equal(alone, pixels(searchinr, inr, *size))
            seen.append(alone.tobytes())
    assert len(set(seen)) == 6
    assert small.read_bytes() == inr.read_bytes()


def test_a_size_left_out_is_the_largest(searchinr: Callable, inr: Path) -> None:
    small = inr.with_name("small.inr")
    figures = json.loads(searchinr("trim", inr, "--depth", 2, "-o", small, "--force", "--json").out)
    assert figures["level"] == {"depth": 2, "width": 8}
    assert figures["bytes"] == small.stat().st_size
    assert figures["rate"] == pytest.approx(8 * small.stat().st_size / 600)
    figures = json.loads(searchinr("trim", inr, "--width", 4, "-o", small, "--force", "--json").out)
    assert figures["level"] == {"depth": 3, "width": 4}
    assert np.array_equal(pixels(searchinr, inr, "--width", 4), pixels(searchinr, small))


def test_the_largest_network_within_some_bytes(searchinr: Callable, refused: Callable, inr: Path) -> None:
    small = inr.with_name("small.inr")
    levels = json.loads(searchinr("inspect", inr, "--json").out)["levels"]
    assert [(row["depth"], row["width"]) for row in levels] == [(1, 4), (2, 4), (1, 8), (3, 4), (2, 8), (3, 8)]
    for place, row in enumerate(levels):
        searchinr("trim", inr, "--max-bytes", row["bytes"], "-o", small, "--force")
        larger = [later for later in levels[place:] if later["bytes"] <= row["bytes"]]
        assert small.stat().st_size == larger[-1]["bytes"]
    figures = json.loads(
        searchinr("trim", inr, "--depth", 1, "--max-bytes", 10**6, "-o", small, "--force", "--json").out
    )
    assert figures["level"] == {"depth": 1, "width": 8}
    small.unlink()
    least = min(row["bytes"] for row in levels)
    line = refused("trim", inr, "--max-bytes", least - 1, "-o", small)
    assert line == f"{inr}: --max-bytes {least - 1}: allowed are {least} or more (depth 1, width 4)"
    assert not small.exists()


def test_inspect_lists_every_rate(searchinr: Callable, inr: Path) -> None:
    found = json.loads(searchinr("inspect", inr, "--json").out)
    file = container.unpack(inr.read_bytes())
    assert [row["bytes"] for row in found["levels"]] == [size for _, size in CODECS["once_for_all"].levels(file)]
    assert found["levels"][-1] == {"depth": 3, "width": 8, "bytes": found["bytes"], "rate": found["rate"]}
    lines = searchinr("inspect", inr).out.splitlines()
    [head] = [number for number, line in enumerate(lines) if line.startswith("levels")]
    assert lines[head].split() == ["levels", "depth", "width", "bytes", "rate"]
    table = [line.split() for line in lines[head + 1 :]]
    assert table == [
        [str(row["depth"]), str(row["width"]), str(row["bytes"]), f"{row['rate']:.3f}"] for row in found["levels"]
    ]


def test_a_cut_file_is_still_a_file(searchinr: Callable, refused: Callable, inr: Path) -> None:
    cut, small = inr.with_name("cut.inr"), inr.with_name("small.inr")
    cut.write_bytes(inr.read_bytes()[:-1])
    found = json.loads(searchinr("inspect", cut, "--json").out)
    assert (found["depth"], found["width"]) == (2, 8)
    assert sum(found["bits"].values()) == 8 * found["bytes"] == 8 * cut.stat().st_size
    assert len(found["levels"]) == 5
    assert np.array_equal(pixels(searchinr, cut), pixels(searchinr, inr, "--depth", 2))
    assert "largest is depth 2, width 8" in refused("decode", cut, "--depth", 3, "--width", 8)
    searchinr("trim", cut, "--depth", 3, "-o", small, "--force")
    assert json.loads(searchinr("inspect", small, "--json").out)["width"] == 4
    cut.write_bytes(inr.read_bytes()[:40])
    assert "truncated" in refused("decode", cut)


def test_what_makes_no_sense_is_refused(searchinr: Callable, refused: Callable, inr: Path) -> None:
    small = inr.with_name("small.inr")
    assert "give --depth, --width, --level, --max-bytes" in refused("trim", inr, "-o", small)
    assert "--out" in refused("trim", inr, "--depth", 2)
    line = refused("trim", inr, "--depth", 4, "-o", small)
    assert line == f"{inr}: depth 4 found; this file has depth 1, 2, 3 and width 4, 8"
    assert "allowed is .inr" in refused("trim", inr, "--depth", 2, "-o", inr.with_name("small.png"))
    assert "is there already" in refused("trim", inr, "--depth", 2, "-o", inr)
    assert "no folder" in refused("trim", inr, "--depth", 2, "-o", inr.parent / "missing" / "small.inr")
    assert [path.name for path in inr.parent.iterdir()] == ["photo.inr"]


def test_files_of_one_rate(searchinr: Callable, refused: Callable, photo: Path, config: Path) -> None:
    searchinr("encode", photo, "--config", config)
    plain = photo.with_suffix(".inr")
    assert "levels" not in json.loads(searchinr("inspect", plain, "--json").out)
    for command in ("trim", "decode"):
        line = refused(command, plain, "--depth", 2, "-o", photo.with_name("o.inr" if command == "trim" else "o.png"))
        assert line.startswith(f"{plain}: the file holds one rate only")


def test_levels_of_a_grid(searchinr: Callable, refused: Callable, photo: Path) -> None:
    config, grid, small = (photo.with_name(name) for name in ("grid.yaml", "grid.inr", "small.inr"))
    config.write_text("codec: shacira\nparams: {levels: 3, table_size_log2: 6, min_resolution: 4}\nsteps: 5\n")
    assert searchinr("encode", photo, "--config", config, "-o", grid).code == 0
    found = json.loads(searchinr("inspect", grid, "--json").out)
    assert [row["level"] for row in found["levels"]] == [1, 2, 3]
    assert found["levels"][-1]["bytes"] == grid.stat().st_size
    for row in found["levels"]:
        assert searchinr("trim", grid, "--level", row["level"], "-o", small, "--force").code == 0
        assert small.stat().st_size == row["bytes"]
        assert np.array_equal(pixels(searchinr, small), pixels(searchinr, grid, "--level", row["level"]))
    line = refused("trim", grid, "--level", 4, "-o", small, "--force")
    assert line == f"{grid}: level 4 found; this file has level 1, 2, 3"


def test_inspect_measures_every_rate_against_the_original(searchinr: Callable, refused: Callable, inr: Path) -> None:
    photo = inr.parents[1] / "photo.png"
    found = json.loads(searchinr("inspect", inr, "--original", photo, "--json").out)
    original = np.asarray(Image.open(photo)).astype(float)
    for row in found["levels"]:
        decoded = pixels(searchinr, inr, "--depth", row["depth"], "--width", row["width"])
        expected = 10 * np.log10(255**2 / ((original - decoded) ** 2).mean())
        assert row["psnr_db"] == pytest.approx(expected)
    assert {key: found[key] for key in ("psnr_db", "ssim")} == {
        key: found["levels"][-1][key] for key in ("psnr_db", "ssim")
    }
    head = next(line for line in searchinr("inspect", inr, "--original", photo).out.splitlines() if "psnr_db  " in line)
    assert head.split()[0] == "psnr_db"
    other = inr.with_name("other.png")
    Image.new("RGB", (30, 21)).save(other)
    line = refused("inspect", inr, "--original", other)
    assert line.startswith(f"{other}: 21 x 30, 3 channels of 8 bits found; the encoded signal has 20 x 30, ")


@pytest.mark.parametrize("command", ["decode", "inspect"])
def test_damaged_files(refused: Callable, inr: Path, command: str) -> None:
    data = inr.read_bytes()
    damaged = inr.with_name("damaged.inr")
    flipped = [bytes([*data[:i], data[i] ^ 16, *data[i + 1 :]]) for i in range(0, len(data), 7)]
    for content in [*flipped, data + b"\0"]:
        damaged.write_bytes(content)
        assert refused(command, damaged).startswith(f"{damaged}: ")
    assert not damaged.with_suffix(".png").exists()
