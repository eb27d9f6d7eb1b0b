import math
from pathlib import Path

import pytest

from searchinr.engine.catalog import canonicalise
from searchinr.engine.coding.config_file import EncodeConfig, default_config, dump_config, read_config
from searchinr.errors import UserError
from searchinr.signals.signal import Layout


def test_a_dumped_config_reads_back(tmp_path: Path) -> None:
    config = EncodeConfig(
        params={"backbone": "fourier", "fourier.sigma": 3.0, "width": 17},
        steps=123,
        seed=4,
        provenance={"run": "runs/a b", "rate": 0.1 + 0.2},
    )
    path = tmp_path / "best.yaml"
    path.write_text(dump_config(config))
    assert read_config(path) == config


@pytest.mark.parametrize(
    "layout",
    [
        Layout("image", (1, 1), 3, 8),
        Layout("image", (64, 96), 3, 8),
        Layout("image", (4000, 6000), 4, 8),
        Layout("audio", (1,), 1, 16, (8000,)),
        Layout("audio", (48_000,), 1, 16, (16_000,)),
        Layout("audio", (10_000_000,), 2, 24, (48_000,)),
    ],
)
def test_defaults_are_allowed_and_take_bounded_time(layout: Layout) -> None:
    config = default_config(layout)
    params = canonicalise(config.codec, config.params)
    assert params["batch_fraction"] * layout.points <= 20_000
    assert 8 <= params["width"] <= 64
    assert params == canonicalise(config.codec, params)


@pytest.mark.parametrize("size", [(96, 144), (512, 768), (1024, 1024)])
def test_most_pictures_get_a_hash_grid(size: tuple[int, int]) -> None:
    config = default_config(Layout("image", size, 3, 8))
    params = canonicalise(config.codec, config.params)
    assert config.codec == "shacira"
    assert 14 < math.prod(size) / 2 ** params["table_size_log2"] < 29
    assert config.steps * math.prod(size) <= 300 * 2**20


def test_the_network_grows_with_the_signal() -> None:
    sizes = [(64, 64), (64, 96), (80, 100)]
    widths = [default_config(Layout("image", size, 3, 8)).params["width"] for size in sizes]
    assert widths == sorted(set(widths))


def test_speech_does_not_start_from_the_frequencies_of_pictures() -> None:
    params = default_config(Layout("audio", (48_000,), 1, 16, (16_000,))).params
    assert (params["backbone"], params["fourier.sigma"]) == ("fourier", 300.0)


@pytest.mark.parametrize("asset", ["../x.safetensors", "/tmp/x.safetensors", "a/../../x.safetensors"])
def test_a_config_names_no_asset_elsewhere(tmp_path: Path, asset: str) -> None:
    path = tmp_path / "best.yaml"
    path.write_text(f"codec: combiner\nasset: {asset}\n")
    with pytest.raises(UserError, match=r"best\.yaml: asset: found '.+'; allowed a file beside the config"):
        read_config(path)
    assert read_config({"codec": "combiner", "asset": asset}).asset == asset  # which Python's caller has chosen
