import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from report_signals import decoded, picture

from searchinr.engine.report.decoded import SIGNALS, decoded_signals, three_rates
from searchinr.engine.report.front import FrontReport, collect_front
from searchinr.engine.report.page import DatasetReport, report_html
from searchinr.engine.report.sheet import decoded_png
from searchinr.engine.store.run_folder import RunFolder
from searchinr.search.configs import Config
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives
from searchinr.signals.datasets import Dataset
from searchinr.signals.exhibits import Picture
from searchinr.signals.metrics import psnr
from searchinr.signals.registry import MODALITIES
from searchinr.trial import Measurement, run_trial


@pytest.fixture
def dataset() -> Dataset:
    return Dataset("photos", "image", tuple(picture(name, seed) for seed, name in enumerate("abcdef")), "0" * 64)


@pytest.fixture
def folder(tmp_path: Path, dataset: Dataset, make_point: Callable[..., Line]) -> tuple[RunFolder, list[Line]]:
    """A run folder with the files of one real fit, as three points of a front."""
    folder = RunFolder(tmp_path)
    fit = run_trial(
        Config("mlp", {"width": 6, "depth": 2}), dataset.signals, [2, 4, 6], seed=0, device=torch.device("cpu")
    )
    lines = []
    for rung, (measured, steps) in enumerate(
        zip((m for m in fit if isinstance(m, Measurement)), (100, 300, 900), strict=True)
    ):
        line = make_point("t", steps, 1.0 + rung, 20.0 + rung, signals=measured.figures.signals)
        folder.keep_files(line, {f"{name}.inr": data for name, data in measured.files.items()})
        lines.append(line)
    return folder, lines


def test_what_is_shown_is_what_the_files_decode_to(
    folder: tuple[RunFolder, list[Line]], dataset: Dataset, objectives: Objectives
) -> None:
    run, lines = folder
    report = collect_front(lines, "photos", objectives)
    shown = decoded_signals(run, report, dataset)
    assert len(shown) == SIGNALS
    psnrs = {row.name: row.psnr_db for row in lines[1].signals}
    order = sorted(psnrs, key=lambda name: psnrs[name])
    names = [row.name for row in shown]
    assert (names[0], names[-1]) == (order[0], order[-1])
    assert names == sorted(names, key=order.index)
    for row in shown:
        assert [version.title for version in row.versions] == ["low rate", "middle rate", "high rate"]
        for version in row.versions:
            (before,), (after,) = row.original, version.exhibits
            assert isinstance(before, Picture)
            assert isinstance(after, Picture)
            assert psnr(before.pixels, after.pixels, (0, 255)) == version.figures.psnr_db


def test_missing_and_damaged_files_are_left_out(
    folder: tuple[RunFolder, list[Line]], dataset: Dataset, objectives: Objectives
) -> None:
    run, lines = folder
    report = collect_front(lines, "photos", objectives)
    for path in run.point_folder(lines[0]).iterdir():
        path.unlink()
    for path in run.point_folder(lines[1]).iterdir():
        path.write_bytes(path.read_bytes()[:-3])
    for row in decoded_signals(run, report, dataset):
        assert [version.title for version in row.versions] == ["high rate"]


@pytest.mark.parametrize(
    ("count", "titles"),
    [(1, ["only rate"]), (2, ["low rate", "high rate"]), (5, ["low rate", "middle rate", "high rate"])],
)
def test_a_front_has_at_most_three_rates(
    make_point: Callable[..., Line], objectives: Objectives, count: int, titles: list[str]
) -> None:
    points = [make_point(str(i), 100, 1.0 + i, 20.0 + i) for i in range(count)]
    shown = three_rates(collect_front(points, "photos", objectives))
    assert list(shown) == titles
    rates = [point.rate for point in shown.values()]
    assert rates == sorted(set(rates))
    assert (rates[0], rates[-1]) == (1.0, float(count))


@pytest.fixture
def front(make_point: Callable[..., Line], objectives: Objectives) -> FrontReport:
    return collect_front([make_point("a", 100, 1.0, 24.0)], "photos", objectives)


@pytest.fixture
def sounds(make_point: Callable[..., Line], objectives: Objectives) -> FrontReport:
    line = make_point("a", 100, 1.0, 24.0, modality="audio", rate_unit="kbit/s")
    return collect_front([line], "photos", objectives)


def test_pictures_are_in_the_page_and_on_the_sheet(front: FrontReport) -> None:
    page = report_html("runs/a", "a", [DatasetReport(front, decoded=decoded("parrot <b>"))])
    assert page.count("data:image/webp;base64,") == 3
    assert 'alt="parrot &lt;b&gt;, low rate"' in page
    assert "<b>parrot <b>" not in page
    with Image.open(io.BytesIO(decoded_png(front, decoded("parrot $x$")))) as sheet:
        assert sheet.width > 2 * sheet.height
        assert len(np.unique(np.asarray(sheet.convert("L")))) > 100


def test_sounds_can_be_seen_and_heard(sounds: FrontReport) -> None:
    page = report_html("runs/a", "a", [DatasetReport(sounds, decoded=decoded("speech", audio=True))])
    assert page.count("data:audio/wav;base64,") == page.count("<polygon") == page.count("data:image/webp") == 3
    with Image.open(io.BytesIO(decoded_png(sounds, decoded("speech", audio=True)))) as sheet:
        sheet.verify()


@pytest.mark.parametrize(
    ("channels", "bits", "mode"), [(1, 8, "RGB"), (2, 8, "RGBA"), (3, 8, "RGB"), (4, 8, "RGBA"), (1, 16, "RGB")]
)
def test_every_kind_of_picture_can_be_displayed(channels: int, bits: int, mode: str) -> None:
    signal = picture("a", 0, channels, bits)
    (shown,) = MODALITIES["image"].exhibits(signal)
    assert isinstance(shown, Picture)
    assert shown.pixels.shape == (12, 16, len(mode))
    assert shown.pixels[3, 5, 0] == signal.samples[3, 5, 0] >> (bits - 8)


def test_a_modality_that_cannot_be_shown_is_not(
    folder: tuple[RunFolder, list[Line]], dataset: Dataset, objectives: Objectives
) -> None:
    run, lines = folder
    report = collect_front([replace(line, modality="smell") for line in lines], "photos", objectives)
    assert decoded_signals(run, report, dataset) == ()
