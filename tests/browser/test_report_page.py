"""The report as people see it: light and dark, on a desk and on a phone, without a network."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chromium import Page
from commands import SEARCHINR, environment
from long_ledger import DATASET, long_ledger, long_space

from searchinr.engine.catalog import canonicalise
from searchinr.engine.report.front import collect_front
from searchinr.engine.report.page import DatasetReport, report_html
from searchinr.search.configs import ConfigSpace
from searchinr.search.importance import importance
from searchinr.search.objectives import Objectives

pytestmark = pytest.mark.browser

DESK, PHONE = (1280, 900), (390, 844)
FIGURES = ["front", "hypervolume", "importance", "signals"]


@pytest.fixture(scope="module")
def report(search: Callable[..., Path]) -> Path:
    run = search()
    command = [*SEARCHINR, "report", run.name]
    done = subprocess.run(command, cwd=run.parent, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return run / "report" / "report.html"


@pytest.fixture(scope="module")
def long_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 500 trials."""
    space, lines = long_space(500), long_ledger(500)
    front = collect_front(lines, DATASET, Objectives.of(space))
    found = importance(front.points, ConfigSpace(space.codecs, canonicalise), Objectives.of(space))
    path = tmp_path_factory.mktemp("long") / "report.html"
    path.write_text(report_html("runs/long", "long", [DatasetReport(front, found)]), encoding="utf-8")
    return path


def look_at(page: Page, path: Path, size: tuple[int, int], *, dark: bool) -> None:
    """Opens a page without a network; it asks for nothing, complains of nothing and has drawn its figures."""
    page.offline()
    page.look(*size, dark=dark, phone=size == PHONE)
    page.open(path.resolve().as_uri())
    for name in FIGURES:
        page.wait_for(f"document.querySelector('#dataset-0-{name} .main-svg')")
    assert page.errors == []
    assert page.requests == [path.resolve().as_uri()]


def luminance(page: Page, element: str, which: str) -> float:
    """Relative luminance of a colour, as WCAG 2.2 defines it."""
    colour: str = page.run(f"getComputedStyle(document.querySelector('{element}')).{which}")
    channels = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(page: Page, element: str, which: str = "color") -> float:
    """Contrast of an element to the page."""
    one, other = luminance(page, element, which), luminance(page, "body", "backgroundColor")
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_it_fits_and_can_be_read(
    page: Page, keep: Callable[..., None], report: Path, size: tuple[int, int], dark: bool
) -> None:
    look_at(page, report, size, dark=dark)
    keep(f"report-{'desk' if size == DESK else 'phone'}-{'dark' if dark else 'light'}", whole=True)
    assert page.run("document.documentElement.scrollWidth") <= size[0]
    assert (luminance(page, "body", "backgroundColor") < 0.1) == dark
    assert contrast(page, "body") > 7
    assert contrast(page, ".note") > 4.5
    assert contrast(page, "button") > 4.5
    assert contrast(page, "#dataset-0-front .xtick text", "fill") > 7  # plotly's own text follows the page
    # every picture is there, from inside the page
    pictures: list[Any] = page.run("[...document.images].map(i => [i.src.slice(0, 5), i.naturalWidth, i.alt])")
    assert len(pictures) == 3 * 4
    assert all(start == "data:" and width > 0 and alt for start, width, alt in pictures)


def test_the_colours_follow_the_user(page: Page, report: Path) -> None:
    look_at(page, report, DESK, dark=False)
    text = "#dataset-0-front .xtick text"
    by_day = luminance(page, text, "fill")
    page.look(*DESK, dark=True)
    page.wait_for(f"getComputedStyle(document.querySelector('{text}')).fill == getComputedStyle(document.body).color")
    assert luminance(page, text, "fill") > 0.5 > by_day
    assert page.errors == []


def test_the_command_of_a_point_is_copied(page: Page, report: Path) -> None:
    look_at(page, report, DESK, dark=False)
    page.run("navigator.clipboard.writeText = async text => { window.copied = text }")
    page.run("document.querySelector('button[data-copy]').click()")
    page.wait_for("document.querySelector('button[data-copy]').textContent == 'Copied'")
    command = str(page.run("window.copied"))
    assert command.startswith("searchinr export tiny --trial ")
    arguments = command.replace("best.yaml", str(report.parent / "best.yaml")).split()[1:]
    folder = report.parents[2]
    done = subprocess.run([*SEARCHINR, *arguments], cwd=folder, env=environment(), capture_output=True)
    assert done.returncode == 0, done.stderr
    # where the page may not use the clipboard, the command is selected
    page.run("navigator.clipboard.writeText = async text => { throw new Error('no') }")
    page.run("document.querySelectorAll('button[data-copy]')[1].click()")
    page.wait_for("getSelection().toString().startsWith('searchinr export tiny --trial ')")
    assert page.errors == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_500_trials_stay_usable(
    page: Page, keep: Callable[..., None], long_report: Path, size: tuple[int, int]
) -> None:
    look_at(page, long_report, size, dark=False)
    keep(f"report-500-{'desk' if size == DESK else 'phone'}", whole=True)
    assert page.run("document.documentElement.scrollWidth") <= size[0]
    points = "document.getElementById('dataset-0-front').data.filter(t => t.mode == 'markers').map(t => t.x.length)"
    assert sum(page.run(points)) == 500 + 167 + 56
    assert long_report.stat().st_size < 8_000_000
