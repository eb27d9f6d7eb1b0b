"""Points of a study are gathered by their places, whether the engine has fitted them or they were looked into."""

from pathlib import Path

import pytest

from benchmarks.reproduce import study
from benchmarks.reproduce.study import StudySpace, gather

TREE = {
    "name": "tiny",
    "datasets": [{"name": "photos", "downscale": [16, 24], "limit": 1}],
    "reference_point": {"psnr_db": 5, "rate": 100},
    "fidelity": {"min_steps": 4, "max_steps": 4},
    "search": {"sampler": "grid", "scheduler": "fifo", "trials": 100},
    "codecs": {"mlp": {"width": 6, "depth": {"choice": [2, 3]}, "quantizer": "kmeans", "weight_bits": 3}},
}


@pytest.mark.slow
def test_the_engine_and_a_look_inside_find_the_same_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaces = [
        StudySpace(TREE, ["engine/{depth}", "again/{name}, {steps}"], {"name": "both"}, []),
        StudySpace(TREE, ["inside/{depth}"], {}, ["books"]),
    ]
    found = gather(iter(spaces), 2, tmp_path / "runs", debug=True)
    assert list(found["engine"]) == ["2", "3"]
    for depth, points in found["engine"].items():
        assert [point["seed"] for point in points] == [0, 1]
        for mine, other in zip(points, found["inside"][depth], strict=True):
            assert mine["bytes"] == other["bytes"] == round(mine["rate"] * 16 * 24 / 8)
            assert mine["signals"] == other["signals"]
            assert 0 < other["books"] < 1
    assert len(found["again"]["both, 4"]) == 4
    monkeypatch.delattr(study, "run")  # what is there is not run again
    assert gather(iter(spaces), 2, tmp_path / "runs", debug=True) == found
