import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor

from searchinr.engine.report import style
from searchinr.engine.report.front import collect_front
from searchinr.engine.report.more_figures import hypervolume_png
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives


def curve_height(png: bytes) -> NDArray[np.int64]:
    """In each column that the curve passes, the row of its highest pixel."""
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    assert picture.shape == (960, 1400, 3)
    curve = (picture == ImageColor.getrgb(style.COLOURS[0])).all(axis=-1)
    return np.argmax(curve, axis=0)[curve.any(axis=0)]


def test_the_curve_rises_with_the_work(make_point: Callable[..., Line], objectives: Objectives) -> None:
    psnrs = (22.0, 25.0, 24.0, 27.0, 28.0)
    points = [make_point(str(i), 100, 1.0, psnr) for i, psnr in enumerate(psnrs)]
    rows = curve_height(hypervolume_png(collect_front(points, "photos", objectives)))
    assert rows[0] > rows[len(rows) // 2] > rows[-1]


@pytest.mark.parametrize("psnr_db", [25.0, 15.0])
def test_one_point_can_be_drawn_even_without_any_hypervolume(
    make_point: Callable[..., Line], objectives: Objectives, psnr_db: float
) -> None:
    report = collect_front([make_point("a", 100, 1.0, psnr_db)], "photos", objectives)
    assert len(curve_height(hypervolume_png(report))) > 5
    assert hypervolume_png(report) == hypervolume_png(report)
