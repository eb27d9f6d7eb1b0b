from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from searchinr.engine.results.opened import OpenedRun
from searchinr.engine.store.run_folder import RunFolder
from searchinr.errors import UserError
from searchinr.search.lines import Line
from searchinr.search.objectives import Objectives
from searchinr.space import Space

Open = Callable[[list[Line]], OpenedRun]


@pytest.fixture
def opened(toy_space: Space, small_decoders: Objectives) -> Open:
    return lambda lines: OpenedRun(RunFolder(Path("runs/toy")), toy_space, lines, small_decoders)


def test_datasets_without_a_front_are_left_out_unless_they_are_named(opened: Open, ledger: list[Line]) -> None:
    ledger[3] = replace(ledger[3], decode_macs_per_sample=500.0)
    run = opened(ledger)
    assert run.chosen(None) == ["photos"]
    assert run.chosen("photos") == ["photos"]
    with pytest.raises(UserError, match=r"none of 1 operating points meets the constraints.*trial zzz at 100 steps"):
        run.chosen("other")


def test_no_point_and_no_feasible_point_are_told_apart(opened: Open, ledger: list[Line]) -> None:
    with pytest.raises(UserError, match="no operating point yet"):
        opened(ledger[:2]).chosen(None)
    with pytest.raises(UserError, match="none of 5 operating points meets the constraints"):
        opened(ledger).chosen(None)
