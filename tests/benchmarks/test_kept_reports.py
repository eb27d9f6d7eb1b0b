"""The committed reports come out of the committed figures again, and the spaces of reproductions are valid."""

import json
import runpy
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks.reproduce.study import read_study, spaces, variables
from benchmarks.search import compare
from benchmarks.search.report import write_report
from benchmarks.search.table import CurveTable
from searchinr.engine.catalog import read_space

ROOT = Path(__file__).parents[2]
COMMANDS = {
    **{name: (name,) for name in ("fit", "overhead", "growth", "large", "mutations")},
    **{name: (f"reproduce.{name}",) for name in ("gordon", "ani", "supernet", "combiner", "shacira")},
    **{f"{name}-search": ("reproduce.searches", name) for name in ("ani", "shacira")},
}


@pytest.mark.parametrize("report", COMMANDS)
def test_a_report_is_what_its_kept_figures_say(
    report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, *arguments = COMMANDS[report]
    kept, written = ROOT / "reports" / f"{report}.json", tmp_path / f"{report}.json"
    monkeypatch.setattr(sys, "argv", [module, *arguments, "--kept", str(kept), "--json", str(written)])
    runpy.run_module(f"benchmarks.{module}", run_name="__main__")
    assert capsys.readouterr().out == (ROOT / "reports" / f"{report}.md").read_text(encoding="utf-8")
    assert json.loads(written.read_text()) == json.loads(kept.read_text())


@pytest.mark.slow
def test_the_comparison_of_searches_is_what_its_kept_figures_say(tmp_path: Path) -> None:
    kept = ROOT / "reports" / "search"
    runs = json.loads((kept / "runs.json").read_text())
    write_report(runs, compare.CONTENDERS, compare.GRID, CurveTable(), tmp_path)
    assert (tmp_path / "search.md").read_text() == (kept / "search.md").read_text()


@pytest.mark.parametrize("name", ["gordon", "ani", "supernet", "combiner", "shacira"])
def test_the_spaces_of_a_study_are_valid(name: str, tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    for size in read_study(name)["sizes"]:
        for each in spaces(name, size, variables(name, size, {"train": "photographs/*.png"})):
            file.write_text(yaml.safe_dump(dict(each.tree)), encoding="utf-8")
            read_space(file)
