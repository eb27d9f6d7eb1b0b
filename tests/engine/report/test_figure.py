import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor

from searchinr.engine.report import style
from searchinr.engine.report.baselines import BaselinePoint, Baselines
from searchinr.engine.report.figure import front_png
from searchinr.engine.report.front import collect_front
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives


def pixels(png: bytes) -> NDArray[np.uint8]:
    """`(height, width, 3)`."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def count(picture: NDArray[np.uint8], colour: str) -> int:
    return int((picture == ImageColor.getrgb(colour)).all(axis=-1).sum())


def test_the_figure_shows_every_family_of_the_front(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    picture = pixels(front_png(report))
    assert picture.shape == (960, 1400, 3)
    looks = style.family_styles(report)
    # siren has two markers on the front and one in the legend, mfn one and one
    assert count(picture, looks["siren"].colour) > 1.2 * count(picture, looks["mfn"].colour) > 100


def test_baselines_are_drawn(ledger: list[Line], objectives: Objectives) -> None:
    curve = tuple(
        BaselinePoint("JPEG (x)", q, {"rate": rate, "psnr_db": 24 + 3 * rate}) for q, rate in enumerate((0.3, 0.8, 1.5))
    )
    grey = style.BASELINE_LINES[0][0]
    with_jpeg = pixels(front_png(collect_front(ledger, "photos", objectives, Baselines(curve))))
    without = pixels(front_png(collect_front(ledger, "photos", objectives)))
    assert count(with_jpeg, grey) > count(without, grey) + 200


def test_the_same_report_gives_the_same_file(ledger: list[Line], objectives: Objectives) -> None:
    report = collect_front(ledger, "photos", objectives)
    assert front_png(report) == front_png(report)


@pytest.mark.parametrize("label", ["other", "$a_1", "A$$AP", "photos {x} [b]", "写真"])
def test_one_point_and_any_label_can_be_drawn(ledger: list[Line], objectives: Objectives, label: str) -> None:
    lines = [replace(line, dataset=label) for line in ledger if line.dataset == "other"]
    assert pixels(front_png(collect_front(lines, label, objectives))).min() < 100


def test_confirmations_are_drawn(confirmed_ledger: list[Line], ledger: list[Line], objectives: Objectives) -> None:
    confirmed = pixels(front_png(collect_front(confirmed_ledger, "photos", objectives)))
    without = pixels(front_png(collect_front(ledger, "photos", objectives)))
    assert count(confirmed, "#222222") > count(without, "#222222") + 20
