"""A small ledger, as a run would have written it."""

from collections.abc import Callable

import pytest
from ledger_lines import (
    asset_line,
    confirmation_line,
    failed_confirmation_line,
    failed_line,
    point_line,
    trial_line,
)

from searchinr.search.lines import Line, Point, TrialStarted
from searchinr.search.objectives import Objectives
from searchinr.space import Bound, DatasetEntry, SearchSettings, Space


@pytest.fixture
def make_trial() -> Callable[..., TrialStarted]:
    return trial_line


@pytest.fixture
def make_point() -> Callable[..., Point]:
    return point_line


@pytest.fixture
def make_asset() -> Callable[..., Line]:
    return asset_line


@pytest.fixture
def confirm() -> Callable[..., Line]:
    return confirmation_line


@pytest.fixture
def fail_confirmation() -> Callable[..., Line]:
    return failed_confirmation_line


@pytest.fixture
def toy_space() -> Space:
    """A space of two datasets, as the small ledger's run would have had it."""
    return Space(
        name="toy",
        datasets=(DatasetEntry(name="photos"), DatasetEntry(path="other")),
        reference_point={"psnr_db": 20.0, "rate": 4.0},
        search=SearchSettings(trials=3),
        codecs={"mlp": {}},
    )


@pytest.fixture
def objectives() -> Objectives:
    return Objectives({"psnr_db": "max", "rate": "min"}, {"psnr_db": 20, "rate": 4})


@pytest.fixture
def small_decoders() -> Objectives:
    """Only points that decode with at most 2000 multiply-accumulates for each sample."""
    return Objectives(
        {"psnr_db": "max", "rate": "min"},
        {"psnr_db": 20, "rate": 4},
        {"decode_macs_per_sample": Bound("<=", 2000.0)},
    )


@pytest.fixture
def ledger() -> list[Line]:
    """Three trials of one dataset: one to the last rung, one paused, one failed; and a trial of another dataset."""
    mfn = {"backbone": "mfn", "depth": 2, "width": 16, "quantizer": "fp16", "mfn.filter": "gabor"}
    return [
        trial_line("aaa"),
        trial_line("bbb", number=1, params=mfn),
        point_line("aaa", 100, 1.0, 26.0),
        point_line("bbb", 100, 0.5, 24.0, params=mfn),
        trial_line("ccc", number=2),
        failed_line("ccc"),
        point_line("aaa", 300, 1.01, 27.5),
        trial_line("zzz", dataset="other", number=0),
        point_line("zzz", 100, 2.0, 20.5, dataset="other"),
        point_line("aaa", 900, 1.02, 27.0),  # dominated by its own shorter training
    ]


@pytest.fixture
def confirmed_ledger(ledger: list[Line]) -> list[Line]:
    """The same, and further seeds: three for bbb's point, one of them in vain, and one for aaa's at 300 steps."""
    bbb, aaa = (next(x for x in ledger if x.kind == "point" and x.psnr_db == psnr) for psnr in (24.0, 27.5))
    return [
        *ledger,
        confirmation_line(bbb, 1, 23.5, 0.5),
        failed_confirmation_line(bbb, 2),
        confirmation_line(bbb, 3, 23.7, 0.52),
        confirmation_line(aaa, 1, 27.0, 1.03),
    ]
