"""Two runs side by side, against figures by hand."""

import io
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from searchinr.engine.report.comparison import comparison_json, comparison_table
from searchinr.engine.report.more_figures import comparison_png
from searchinr.engine.report.page import comparison_html
from searchinr.engine.results.compare import compare
from searchinr.engine.results.opened import OpenedRun
from searchinr.engine.store.run_folder import RunFolder
from searchinr.errors import UserError
from searchinr.search.figures import SignalTable
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives
from searchinr.space import Space

Make = Callable[..., OpenedRun]
CURVE = ((0.25, 24.0), (0.5, 27.0), (1.0, 30.0), (2.0, 33.0))


@pytest.fixture
def make_run(
    tmp_path: Path, toy_space: Space, objectives: Objectives, make_point: Callable[..., Line]
) -> Callable[..., OpenedRun]:
    """A run with a front of `CURVE`, its rates by a factor."""

    def make(name: str, factor: float = 1.0, key: str = "aaaa-bbbb", **changes: object) -> OpenedRun:
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        folder.space.write_text(f"# toy\n# identity: 0123-{key}\n")
        lines = [make_point(str(i), 100, factor * rate, psnr, **changes) for i, (rate, psnr) in enumerate(CURVE)]
        return OpenedRun(folder, toy_space, lines, objectives)

    return make


def test_bd_rate_and_hypervolumes_by_hand(make_run: Make) -> None:
    (found,) = compare(make_run("one"), make_run("two", 0.5), None)
    assert found.bd_rate is not None
    assert found.bd_rate.percent == pytest.approx(-50)
    first, second = found.sides
    by_hand = sum(gain * (2 - math.log2(rate)) for gain, rate in ((4, 0.25), (3, 0.5), (3, 1.0), (3, 2.0)))
    assert first.hypervolume == pytest.approx(by_hand)
    assert second.hypervolume == pytest.approx(by_hand + 13)  # an octave more under all of its 13 dB


def test_the_reference_point_is_the_first_runs(make_run: Make) -> None:
    one, two = make_run("one"), make_run("two")
    strict = replace(two, objectives=Objectives({"psnr_db": "max", "rate": "min"}, {"psnr_db": 29, "rate": 1.5}))
    (found,) = compare(one, strict, None)
    assert found.first.hypervolume == found.second.hypervolume
    assert found.reference_point == {"psnr_db": 20, "rate": 4}


def test_a_front_is_that_within_the_runs_own_constraints(make_run: Make, small_decoders: Objectives) -> None:
    two = make_run("two")
    two.lines[:2] = [replace(line, decode_macs_per_sample=1000.0) for line in two.lines[:2]]
    (found,) = compare(make_run("one"), replace(two, objectives=small_decoders), None)
    assert (len(found.first.front.front), len(found.second.front.front)) == (4, 2)
    assert found.second.hypervolume < found.first.hypervolume


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"modality": "audio"}, "modality of photos audio found, image in"),
        ({"rate_unit": "kbit/s"}, "rate unit of photos kbit/s found, bpp in"),
        ({"key": "cccc-bbbb"}, "content of photos cccc found, aaaa in"),
        ({"dataset": "other"}, "has fronts of other, .* of photos; choose one"),
    ],
)
def test_what_is_not_comparable_is_refused(make_run: Make, changes: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        compare(make_run("one"), make_run("two", **changes), None)


def test_other_signals_and_other_objectives_are_refused(make_run: Make) -> None:
    one, two, three = make_run("one"), make_run("two"), make_run("three")
    two.lines[:] = [replace(line, signals=SignalTable.of([line.signals[0]])) for line in two.lines]
    with pytest.raises(UserError, match=r"signals of photos astronaut \.\.\. found, astronaut, coffee"):
        compare(one, two, None)
    by_ssim = Objectives({"ssim": "max", "rate": "min"}, {"ssim": 0.1, "rate": 4})
    with pytest.raises(UserError, match="has the objectives ssim, rate"):
        compare(one, replace(three, objectives=by_ssim), None)
    with pytest.raises(UserError, match="no dataset 'kodak'"):
        compare(one, three, "kodak")


def test_it_is_shown_in_every_form(make_run: Make) -> None:
    (found,) = compare(make_run("one"), make_run("two", 0.5), "photos")
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(comparison_table(found))
    table = console.export_text()
    assert "-50.0 % from 24.0 to 33.0 dB (PCHIP" in table
    assert f"{found.second.hypervolume:.4g}" in table
    assert "reference point (20 dB, 4 bpp)" in table
    data = comparison_json(found)
    assert data["bd_rate"]["percent"] == pytest.approx(-50)
    assert data["runs"][1]["front"][0] == {"trial": "0", "steps": 100, "rate": 0.125, "psnr_db": 24.0}
    assert comparison_png(found).startswith(b"\x89PNG")
    assert "needs 50.0 % fewer bits than" in comparison_html([found])


def test_without_psnr_in_common_there_is_no_bd_rate(make_run: Make) -> None:
    two = make_run("two")
    two.lines[:] = [replace(line, psnr_db=line.psnr_db + 20) for line in two.lines]
    (found,) = compare(make_run("one"), two, None)
    assert found.bd_rate is None
    assert "too little PSNR in common" in found.verdict()
    assert comparison_json(found)["bd_rate"] is None
    assert "too little PSNR in common" in comparison_html([found])
