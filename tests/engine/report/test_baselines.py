import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from searchinr.engine.report.baselines import Baselines, cached_baselines, measure_baselines
from searchinr.signals.datasets import Dataset
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal


def picture(name: str, channels: int, seed: int) -> Signal:
    """A smooth random picture, 24 x 40."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 5, channels))
    samples = np.kron(coarse, np.ones((8, 8, 1), int)).astype(np.uint8)
    return Signal(name, samples, Layout("image", (24, 40), channels, 8))


@pytest.fixture
def two() -> Dataset:
    return Dataset("two", "image", (picture("a", 3, 1), picture("b", 3, 2)), "0123456789abcdef" * 4)


def test_baselines_are_means_over_complete_files(two: Dataset) -> None:
    image = MODALITIES["image"]
    measured = measure_baselines(two).curves()
    assert set(measured) == {codec.name for codec in image.peers}
    for codec in image.peers:
        quality = codec.qualities[0]
        files = [codec.encode(signal, quality) for signal in two.signals]
        point = next(p for p in measured[codec.name] if p.quality == quality)
        assert point.rate == pytest.approx(8 * sum(map(len, files)) / (2 * 24 * 40))
        each = [
            image.quality(signal, codec.decode(file, signal.layout))
            for signal, file in zip(two.signals, files, strict=True)
        ]
        assert point.figures["psnr_db"] == pytest.approx((each[0]["psnr_db"] + each[1]["psnr_db"]) / 2)
        assert point.figures["ssim"] == pytest.approx((each[0]["ssim"] + each[1]["ssim"]) / 2)


def test_means_leave_out_flat_signals(two: Dataset) -> None:
    blank = replace(two.signals[0], name="blank", samples=np.full_like(two.signals[0].samples, 90))
    with_blank = replace(two, signals=(blank, *two.signals))
    assert measure_baselines(with_blank) == measure_baselines(two)
    assert with_blank.uncounted == "two: means leave out what is flat (silent, or blank): blank"
    assert two.uncounted == ""


def test_a_codec_that_cannot_take_one_signal_is_left_out_with_the_reason(two: Dataset) -> None:
    with_alpha = Dataset("alpha", "image", (*two.signals, picture("glass", 4, 3)), "f" * 64)
    measured = measure_baselines(with_alpha)
    jpeg = next(codec.name for codec in MODALITIES["image"].peers if codec.name.startswith("JPEG ("))
    assert jpeg not in measured.curves()
    assert "glass" in measured.left_out[jpeg]
    assert any(name.startswith("WebP") for name in measured.curves())


def test_the_cache_is_read_again_and_replaced_when_damaged(two: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    first = cached_baselines(two, folder)
    (file,) = folder.iterdir()
    assert two.key[:16] in file.name
    assert Baselines.from_json(json.loads(file.read_text())) == first

    stored = json.loads(file.read_text())
    stored["points"] = stored["points"][:1]
    file.write_text(json.dumps(stored))
    assert len(cached_baselines(two, folder).points) == 1  # read, not measured

    file.write_text(file.read_text()[:-20])
    assert cached_baselines(two, folder) == first
    assert Baselines.from_json(json.loads(file.read_text())) == first
