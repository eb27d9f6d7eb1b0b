import pytest

from searchinr.engine.report.bd_rates import bd_rates
from searchinr.engine.report.front import collect_front
from searchinr.engine.report.published import NOT_PUBLISHED, published
from searchinr.search.objectives import Objectives
from searchinr.signals.dataset_registry import REGISTRY
from searchinr.space import DatasetEntry

PUBLISHED = ("kodak", "cifar10", "librispeech")


def entry(name: str) -> DatasetEntry:
    """A dataset as the literature takes it."""
    return DatasetEntry(name=name, crop=(48000,) if name == "librispeech" else None)


@pytest.mark.parametrize("name", PUBLISHED)
def test_curves_rise_and_say_where_they_are_from(name: str) -> None:
    found = published(entry(name))
    assert found.signals
    assert len({curve.name for curve in found.curves}) == len(found.curves) >= 4
    for curve in found.curves:
        rates, psnrs = [p.rate for p in curve.points], [p.psnr_db for p in curve.points]
        assert rates == sorted(set(rates))
        assert psnrs == sorted(psnrs)
        assert 15 < psnrs[0] < psnrs[-1] < 65
        assert curve.source
        assert curve.counts


def test_only_datasets_that_there_are() -> None:
    assert set(PUBLISHED) <= set(REGISTRY)
    known = {*PUBLISHED, "cifar10-test"}
    assert {name for name in REGISTRY if published(entry(name)).curves} == known


@pytest.mark.parametrize(
    "other",
    [
        DatasetEntry(name="kodak", crop=(256, 256)),
        DatasetEntry(name="kodak", downscale=(96, 144)),
        DatasetEntry(name="kodak", limit=4),
        DatasetEntry(name="librispeech"),
        DatasetEntry(name="librispeech", crop=(32000,)),
        DatasetEntry(name="photos"),
        DatasetEntry(path="kodak"),
    ],
)
def test_other_signals_have_no_published_curves(other: DatasetEntry) -> None:
    assert published(other) is NOT_PUBLISHED


def test_a_part_of_what_is_other_signals_anyway_may_be_shown() -> None:
    assert published(DatasetEntry(name="cifar10", limit=8)).curves
    assert not published(DatasetEntry(name="cifar10")).same_signals


def test_bd_rate_is_only_against_what_is_measured_on_the_same_signals(
    make_point: object, objectives: Objectives
) -> None:
    kodak = published(DatasetEntry(name="kodak"))
    (vtm,) = (curve for curve in kodak.curves if curve.name == "VTM")
    twice = [
        make_point(str(i), 100, 2 * p.rate, p.psnr_db)
        for i, p in enumerate(vtm.points)  # type: ignore[operator]
    ]
    report = collect_front(twice, "photos", objectives, published=kodak)
    (row,) = (row for row in bd_rates(report) if row.codec == "VTM")
    assert row.result is not None
    assert row.result.percent == pytest.approx(100)
    assert "CompressAI" in row.basis
    other = collect_front(twice, "photos", objectives, published=published(DatasetEntry(name="cifar10")))
    assert bd_rates(other) == []
