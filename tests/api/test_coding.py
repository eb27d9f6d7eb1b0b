from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image

import searchinr
from searchinr.cli.app import execute

CONFIG = {"params": {"width": 6, "depth": 2}, "steps": 10}


def ramp(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Values over the whole range of a type."""
    limits = np.iinfo(dtype)
    return np.linspace(limits.min, limits.max, int(np.prod(shape))).astype(dtype).reshape(shape)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((9, 14), "uint8"), ((9, 14), "uint16"), ((9, 14, 2), "uint8"), ((9, 14, 3), "uint8"), ((9, 14, 4), "uint8")],
)
def test_an_image_keeps_its_type_and_shape(shape: tuple[int, ...], dtype: str) -> None:
    decoded = searchinr.decode(searchinr.encode(ramp(shape, dtype), CONFIG))
    assert (decoded.shape, decoded.dtype) == (shape, dtype)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32"])
@pytest.mark.parametrize("shape", [(200,), (200, 2)])
def test_audio_keeps_its_type_and_shape(shape: tuple[int, ...], dtype: str) -> None:
    data = searchinr.encode(ramp(shape, dtype), CONFIG, modality="audio", sampling_rate=8000)
    decoded = searchinr.decode(data)
    assert (decoded.shape, decoded.dtype) == (shape, dtype)
    assert searchinr.inspect(data)["sampling_rate"] == 8000
    assert searchinr.decode(data, scale=0.5).shape == (100, *shape[1:])


def test_one_channel_needs_no_axis() -> None:
    plane = ramp((9, 14), "uint8")
    assert searchinr.encode(plane[..., None], CONFIG) == searchinr.encode(plane, CONFIG)


def test_the_file_and_the_array_are_those_of_the_commands(tmp_path: Path) -> None:
    picture = ramp((9, 14, 3), "uint8")
    Image.fromarray(picture).save(tmp_path / "photo.png")
    config = tmp_path / "config.yaml"
    config.write_text("params: {width: 6, depth: 2}\nsteps: 10\n")
    assert execute(["encode", str(tmp_path / "photo.png"), "--config", str(config)]) == 0
    data = (tmp_path / "photo.inr").read_bytes()
    assert searchinr.encode(picture, CONFIG) == data
    assert searchinr.encode(tmp_path / "photo.png", str(config)) == data
    for scale in (1, 2):
        out = tmp_path / f"decoded{scale}.png"
        assert execute(["decode", str(tmp_path / "photo.inr"), "-o", str(out), "--scale", str(scale)]) == 0
        written = np.asarray(Image.open(out))
        assert np.array_equal(searchinr.decode(data, scale=scale), written)
        assert np.array_equal(searchinr.decode(tmp_path / "photo.inr", scale=scale), written)


@pytest.mark.parametrize(("subtype", "dtype"), [("PCM_U8", "int8"), ("PCM_16", "int16"), ("PCM_24", "int32")])
def test_decoded_audio_is_what_the_command_writes(tmp_path: Path, subtype: str, dtype: str) -> None:
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, 0.5 * np.sin(np.arange(300) / 10), 8000, subtype=subtype)
    data = searchinr.encode(clip, CONFIG)
    (tmp_path / "clip.inr").write_bytes(data)
    assert execute(["decode", str(tmp_path / "clip.inr"), "-o", str(tmp_path / "decoded.wav")]) == 0
    bits = {"int8": 8, "int16": 16, "int32": 24}[dtype]
    written = soundfile.read(tmp_path / "decoded.wav", dtype="int32")[0] >> (32 - bits)
    decoded = searchinr.decode(data)
    assert decoded.dtype == dtype and np.array_equal(decoded, written)


def test_a_file_of_several_rates(tmp_path: Path) -> None:
    picture = ramp((9, 14), "uint8")
    config = {"codec": "once_for_all", "params": {"depths": "2 3", "widths": "4 8"}, "steps": 10}
    data = searchinr.encode(picture, config)
    found = searchinr.inspect(data, original=picture)
    assert {(level["depth"], level["width"]) for level in found["levels"]} == {(2, 4), (2, 8), (3, 4), (3, 8)}
    assert found["levels"][-1]["psnr_db"] == found["psnr_db"]
    largest = searchinr.decode(data, level={"depth": 3, "width": 8})
    assert np.array_equal(largest, searchinr.decode(data))
    assert not np.array_equal(largest, searchinr.decode(data, level={"depth": 2, "width": 4}))


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        (np.zeros((4, 4)), {}, "samples: float64 found; allowed for modality image with 1 channels: uint8 and uint16"),
        (np.zeros((4, 4, 3), "uint16"), {}, "samples: uint16 found; allowed for modality image with 3 channels: uint8"),
        ([[1, 2], [3, 4]], {}, "samples: int64 found; allowed for modality image"),
        (np.zeros(5, "uint8"), {}, "samples: shape (5,) found; allowed are (height, width) and (height, width, chan"),
        (np.zeros((0, 4), "uint8"), {}, "samples: shape (0, 4) found; allowed are (height, width) and"),
        (np.zeros((4, 4, 5), "uint8"), {}, "samples: 5 channels found, on the last axis; allowed are 1 to 4"),
        (np.zeros((4, 4), "uint8"), {"modality": "imgae"}, "modality: 'imgae' found; allowed are image, audio"),
        (np.zeros((4, 4), "uint8"), {"sampling_rate": 8000}, "sampling_rate: found for an array of modality image; it"),
        (np.zeros(9, "int16"), {"modality": "audio"}, "sampling_rate: missing; an array of modality audio"),
        (np.zeros(9, "int16"), {"modality": "audio", "sampling_rate": 0}, "samples: 0 samples per second: at least"),
        (np.zeros(9, "int16"), {"modality": "audio", "sampling_rate": -1}, "sampling_rate: -1 found; allowed is a"),
        (np.zeros(9, "int16"), {"modality": "audio", "sampling_rat": 1}, "sampling_rat: found for an array of"),
        (np.zeros(9, "uint8"), {"modality": "audio", "sampling_rate": 1}, "samples: uint8 found; allowed for modality"),
        ("no.png", {}, "no.png: no such file"),
    ],
)  # fmt: skip
def test_what_is_no_signal(samples: object, options: dict[str, Any], message: str) -> None:
    with pytest.raises(searchinr.UserError) as error:
        searchinr.encode(samples, CONFIG, **options)
    assert str(error.value).startswith(message)


def test_what_is_no_config() -> None:
    plane = ramp((9, 14), "uint8")
    for config, message in (
        ({"codec": "mpl"}, "config: codec: found 'mpl'; allowed mlp, "),
        ({"params": {"widht": 8}}, "config: params.widht: "),
        ({"steps": 0}, "config: steps: found 0; allowed a number "),
        ({1: 2}, "config: found 1 as a key; allowed text"),
        ({"codec": "combiner"}, "config: codec combiner needs a prior"),
    ):
        with pytest.raises(searchinr.UserError) as error:
            searchinr.encode(plane, config)
        assert str(error.value).startswith(message)


def test_what_is_no_file(tmp_path: Path) -> None:
    data = searchinr.encode(ramp((9, 14), "uint8"), CONFIG)
    (tmp_path / "torn.inr").write_bytes(data[:-3])
    with pytest.raises(searchinr.InvalidFileError, match=r"^the file is truncated or corrupt"):
        searchinr.decode(data[:-3])
    with pytest.raises(searchinr.InvalidFileError, match=r"torn\.inr: the file is truncated or corrupt"):
        searchinr.decode(tmp_path / "torn.inr")
    with pytest.raises(searchinr.UserError, match=r"^`scale`: 0 found; allowed is a number above 0"):
        searchinr.decode(data, scale=0)
    with pytest.raises(searchinr.UserError, match=r"^original: 9 x 13, 1 channels of 8 bits found; the encoded signal"):
        searchinr.inspect(data, original=ramp((9, 13), "uint8"))
