"""Objectives and constraints are the metrics of whatever modalities there are, with their directions and axes."""

import re
from pathlib import Path

import pytest

from searchinr.engine.catalog import catalog
from searchinr.search.objectives import Objectives
from searchinr.signals.modalities.image import ImageModality
from searchinr.signals.registry import all_metrics
from searchinr.space import OF_FILES, PSNR, SSIM, STANDARD, Catalog, Metric, Space, SpaceError, dump_space, load_space

OVERLAP = Metric("iou", "IoU", "max", axis="near_one")
WORST = Metric("max_error", "largest error", "min", unit="K", axis="log")
KNOWN = {metric.name: metric for metric in (PSNR, OVERLAP, WORST)} | OF_FILES


def load(tmp_path: Path, text: str) -> Space:
    path = tmp_path / "space.yaml"
    path.write_text(f"name: a\ndatasets: [{{path: x}}]\nsearch: {{trials: 1}}\ncodecs: {{mlp: {{}}}}\n{text}")
    own = catalog()
    return load_space(path, Catalog(own.codecs, own.datasets, own.modalities, own.complete, KNOWN))


def test_a_space_names_any_metric(tmp_path: Path) -> None:
    text = "objectives: {iou: max, rate: min}\nreference_point: {iou: 0.5, rate: 8}\nconstraints: {max_error: '<= 3'}"
    space = load(tmp_path, text)
    assert space.metrics is KNOWN
    (tmp_path / "again.yaml").write_text(dump_space(space))
    own = catalog()
    known = Catalog(own.codecs, own.datasets, own.modalities, own.complete, KNOWN)
    assert load_space(tmp_path / "again.yaml", known) == space
    objectives = Objectives.of(space)
    assert objectives.reference.tolist() == [-1.0, 3.0]  # octaves of 1 - IoU, and of the rate
    assert list(objectives.constraints) == ["max_error"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("objectives: {iou: min, rate: min}\nreference_point: {iou: 0.5, rate: 8}", "found 'min'; allowed 'max'"),
        (
            "objectives: {ssim: max, rate: min}\nreference_point: {ssim: 0.5, rate: 8}",
            "unknown objective",
        ),
        ("objectives: {max_error: min, rate: min}\nreference_point: {max_error: 0, rate: 8}", "a number above 0"),
        ("reference_point: {psnr_db: 2, rate: 8}\nconstraints: {iuo: '>= 1'}", "unknown figure"),
    ],
)
def test_what_it_cannot_name_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SpaceError, match=re.escape(said)):
        load(tmp_path, text)


def test_nearer_to_one_is_as_much_better_as_the_rest_shrinks() -> None:
    def place(value: float) -> float:
        return float(Objectives({"iou": "max"}, {"iou": value}, metrics=KNOWN).reference[0])

    assert place(0.8) - place(0.9) == pytest.approx(place(0.98) - place(0.99))
    assert place(1.0) == place(2.0) == -20.0
    assert place(0.5) > place(0.6) > place(1.0)


def test_metrics_of_modalities_agree() -> None:
    assert {SSIM.name: SSIM, PSNR.name: PSNR}.items() <= all_metrics().items()
    assert all(catalog().metrics[name] == metric for name, metric in STANDARD.items())
    assert ImageModality.metrics == (PSNR, SSIM)


def test_metrics_in_words() -> None:
    assert PSNR.heading == "PSNR dB" and PSNR.label == "PSNR (dB)" and SSIM.label == "SSIM"
    assert PSNR.text(27.501) == "27.50" and SSIM.text(0.81234) == "0.8123"
    assert WORST.label == "largest error (K), less is better" and WORST.heading == "largest error K (less is better)"
    assert PSNR.in_words("20") == "20 dB" and SSIM.in_words("0.9") == "SSIM 0.9"
    assert WORST.in_words("3") == "largest error 3 K"
    assert PSNR.span(24.12, 30.9) == "24.1 – 30.9" and OVERLAP.span(0.9, 0.954, " to ") == "0.90 to 0.95"
    assert PSNR.fitted.name == "fitted_psnr_db" and not PSNR.fitted.is_objective
