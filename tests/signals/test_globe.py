"""A modality of another package goes through the whole house: nothing but its own file knows of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from globe import Globe, made, write_globe

import searchinr
from searchinr.codecs.bitstream import container
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting.layouts import field_shape, targets_by_layout
from searchinr.codecs.fitting.objective import SingleNetwork, Step
from searchinr.codecs.registry import CODECS, decode
from searchinr.errors import InvalidFileError
from searchinr.search.configs import Config
from searchinr.signals.metrics import psnr
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal
from searchinr.trial import Measurement, asset_spec, build_asset, run_trial

SPACE = """\
name: globes
datasets: [{path: data}]
objectives: {overlap: max, rate: min}
reference_point: {overlap: 0.05, rate: 1000}
constraints: {worst: "<= 1000"}
fidelity: {min_steps: 10, max_steps: 20, reduction: 2}
search: {trials: 3, sampler: random, scheduler: mo-asha, seed: 0}
codecs:
  mlp: {width: {choice: [6, 8, 10]}, depth: 2, siren.omega_first: 4.0}
  shacira: {table_size_log2: {choice: [6, 7]}, levels: 3, min_resolution: 2}
"""
PROGRAM = """\
import contextlib, io, json, sys
from searchinr.cli.app import execute
results = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = execute(arguments)
    results.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(results))
"""
CPU = torch.device("cpu")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Globe]:
    """The modality, in this process."""
    monkeypatch.setitem(MODALITIES, "globe", Globe())
    yield MODALITIES["globe"]  # type: ignore[misc]


def test_all_commands_work_with_it(tmp_path: Path, new_run_folder: Callable[[Path], Path]) -> None:
    here = Path(__file__).parent
    info = tmp_path / "site" / "globe_inr-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: globe-inr\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[searchinr.modalities]\nglobe = globe:Globe\n")
    (tmp_path / "data").mkdir()
    for seed in range(2):
        write_globe(made(f"globe{seed}", seed), tmp_path / "data" / f"globe{seed}.globe")
    (tmp_path / "space.yaml").write_text(SPACE)
    (tmp_path / "turn.json").write_text("0.25")
    new_run_folder(tmp_path / "run")
    commands = [
        ["run", "space.yaml", "--debug", "--out", "run"],
        ["front", "run", "--json"],
        ["front", "run"],
        ["verify", "run"],
        ["report", "run"],
        ["encode", "data/globe0.globe", "-o", "a.inr", "--json"],
        ["inspect", "a.inr", "--original", "data/globe0.globe", "--json"],
        ["decode", "a.inr", "-o", "b.globe", "--json"],
        ["decode", "a.inr", "-o", "c.globe", "--poses", "turn.json", "--scale", "2", "--json"],
    ]
    package = Path(searchinr.__file__).parent.parent
    path = os.pathsep.join([str(package), str(tmp_path / "site"), str(here)])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    for command, (code, out, err) in zip(commands, results, strict=True):
        assert code == 0, (command, out, err)
    (front,) = json.loads(results[1][1])["datasets"]
    for point in front["points"]:
        assert 0 <= point["overlap"] <= 1 and point["worst"] > 0 and point["fitted_psnr_db"] > 0
    assert front["directions"]["overlap"] == "max" and front["directions"]["worst"] == "min"
    assert "overlap" in results[2][1] and "less is better" in results[2][1] and "fitted PSNR dB" in results[2][1]
    page = (tmp_path / "run" / "report" / "report.html").read_text()
    assert "Maps of what is held out." in page and "float16, deflated" in page and "<td>2026</td>" in page
    encoded, inspected, decoded, turned = (json.loads(out) for _, out, _ in results[5:])
    assert encoded["psnr_db"] == pytest.approx(inspected["psnr_db"]) and encoded["overlap"] == inspected["overlap"]
    assert inspected["depths"] == 3 and inspected["value_range"] and inspected["grid"] == decoded["grid"] == [8, 12]
    assert turned["grid"] == [16, 24]
    with np.load(tmp_path / "b.globe") as plain, np.load(tmp_path / "c.globe") as finer:
        assert plain["fitted"].dtype == np.float32 and finer["fitted"].shape == (16, 24, 1)


CASES: dict[str, dict[str, Any]] = {
    "mlp": {"width": 8, "depth": 2, "siren.omega_first": 4.0},
    "once_for_all": {"siren.omega_first": 4.0, "depths": "1 2", "widths": "4 6"},
    "shacira": {"table_size_log2": 6, "levels": 3, "min_resolution": 2},
    "combiner": {
        "beta": 0.3,
        "prior_steps": 40,
        "depth": 2,
        "width": 4,
        "features": 2,
        "refinement_steps": 1,
        "candidates": 1,
    },
}


@pytest.mark.parametrize("codec", CASES)
def test_what_is_held_out_is_what_is_measured(codec: str, installed: Globe) -> None:
    signals = [made(f"globe{seed}", seed) for seed in range(2)]
    config = Config(codec, CASES[codec])
    spec = asset_spec(config)
    asset = None
    if spec is not None:
        *_, built = build_asset(codec, spec, [made(f"other{seed}", 9 + seed) for seed in range(2)], seed=0, device=CPU)
        asset = built.asset
    *_, last = run_trial(config, signals, [40], seed=0, device=CPU, asset=asset)
    assert isinstance(last, Measurement)
    for signal, row in zip(signals, last.figures.signals, strict=True):
        file = last.files[signal.name]
        assert container.unpack(file).layout == replace(signal.layout, poses=())
        assert signal.held_out is not None
        for part, prefix in ((signal.held_out, ""), (signal, "fitted_")):
            decoded = decode(file, asset=asset, layout=part.layout)
            assert decoded.samples.dtype == np.float32
            figures = installed.quality(part, decoded.samples)
            assert {key: row.figure(prefix + key) for key in figures} == figures
        assert row.metrics["fitted_psnr_db"] > installed.psnr_db(signal, np.full_like(signal.samples, 200.0))


def test_the_loss_is_weighted_and_goes_through_the_observation(installed: Globe) -> None:
    signal = made("globe", 0, held=False)
    (targets,) = targets_by_layout([signal], CPU)
    assert targets.gains.places.tolist() == [0]
    shape = field_shape(signal.layout, 2, 6)
    assert (shape.d_in, shape.d_out, shape.cells, shape.extent) == (3, 2, (12, 12, 12), (1.0, 1.0, 1.0))
    field = FIELDS["siren"](shape, FIELDS["siren"].Params())
    start = field.init(torch.Generator().manual_seed(0))
    weights = {name: weight.unsqueeze(0).requires_grad_() for name, weight in start.items()}
    objective = SingleNetwork(
        field.forward, macs_per_point=field.macs_per_point(), elements_per_point=6, observation=targets.observation
    )
    everyone = torch.tensor([0])
    with torch.no_grad():
        found = objective.losses(weights, targets.points, everyone, loss="mse")
    assert found.macs == 3 * field.macs_per_point() * signal.layout.points
    rays = installed.observation(signal.layout)
    points = torch.from_numpy(installed.coordinates(signal.layout))
    queries = rays.queries(points)
    assert queries.shape == (3 * len(points), 3)
    seen = rays.values(points, queries, field.forward({k: w.detach() for k, w in weights.items()}, queries))
    samples = torch.from_numpy((signal.samples.reshape(-1, 1) - 200) / 80 - 1)
    areas = torch.from_numpy(installed.weights_at(signal, np.arange(signal.layout.points)))
    assert areas.mean().item() == pytest.approx(1, abs=1e-6) and areas.std() > 0.1
    expected = (areas * (seen[0] - samples)[:, 0] ** 2).mean()
    assert found.error.item() == pytest.approx(expected.item(), rel=1e-4)
    objective.backward(weights, targets.points, Step("mse", np.random.default_rng(0)))
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in weights.values())


def test_the_header_holds_what_decoding_needs(installed: Globe) -> None:
    layout = made("globe", 0).layout
    data = container.pack(0, layout, b"body")
    assert container.unpack(data).layout == replace(layout, poses=())
    for low, high in ((1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))):
        with pytest.raises(InvalidFileError, match="two numbers are allowed"):
            container.unpack(container.pack(0, replace(layout, real_range=(low, high)), b"body"))


def test_real_samples_are_clipped_and_not_rounded(installed: Globe) -> None:
    layout = made("globe", 0).layout
    values = installed.to_samples(layout, np.array([-1e9, 280.1234567, 1e9]))
    assert values.dtype == np.float32 and values.tolist() == [200.0, np.float32(280.1234567), 360.0]
    with pytest.raises(ValueError, match="NaN"):
        installed.to_samples(layout, np.array([np.nan]))


def test_the_psnr_counts_areas(installed: Globe) -> None:
    signal = made("globe", 0)
    at_pole, at_equator = signal.samples.copy(), signal.samples.copy()
    at_pole[0, 0] += 5
    at_equator[4, 0] += 5
    assert installed.psnr_db(signal, at_pole) > installed.psnr_db(signal, at_equator) + 3
    assert psnr(signal.samples, at_pole, (200, 360)) == pytest.approx(psnr(signal.samples, at_equator, (200, 360)))
    assert 150 < installed.psnr_db(signal, signal.samples) < 200


def test_parts_of_a_signal_differ_in_their_grids_only() -> None:
    signal = made("globe", 0)
    held = signal.held_out
    assert held is not None and signal.measured is held and signal.judged_at == held.layout
    other = Signal("x", held.samples, replace(held.layout, extras=(4, 2026)))
    with pytest.raises(ValueError, match="only grids may differ"):
        Signal("globe", signal.samples, signal.layout, other)


def test_codecs_say_at_once_what_they_cannot_do(installed: Globe, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = made("globe", 0).layout
    assert all(codec.refusal(layout) is None for codec in CODECS.values())
    monkeypatch.setattr(Globe, "extent", lambda self, layout: (1.0,) * 4)
    refusing = {name for name, codec in CODECS.items() if codec.refusal(layout)}
    assert refusing == {"shacira"}
