"""Supernets as what fits of codec `mlp` start from; `test_mlp.py` runs the conformance suite over such fits."""

from pathlib import Path

import pytest
import torch
from conformance import CPU, make_signal

from searchinr.codecs.contract import Asset, Setup
from searchinr.codecs.mlp import MlpCodec, MlpParams
from searchinr.codecs.registry import decode
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.errors import UserError
from searchinr.signals.metrics import psnr
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Value, build_params, dump_space

CODEC = MlpCodec()
SHARED: dict[str, Value] = {
    "init": "supernet",
    "supernet.steps": 40,
    "supernet.depths": "1 2 3",
    "supernet.widths": "8 16",
    "depth": 2,
    "width": 8,
    "batch_fraction": 1.0,
}
SIGNALS = [make_signal(str(i), Layout("image", (12, 16), 3, 8)) for i in range(2)]

HEAD = """\
name: small
datasets: [kodak]
reference_point: {psnr_db: 20, rate: 4}
search: {trials: 4}
codecs:
  mlp:
"""


def supernet(params: dict[str, Value], signals: list[Signal] = SIGNALS) -> Asset:
    spec = CODEC.asset_spec(build_params(MlpParams, params))
    assert spec is not None
    *_, last = CODEC.prepare(signals, spec, Setup(0, CPU))
    assert last.asset is not None
    return last.asset


def fitted_psnr(params: dict[str, Value], steps: int, asset: Asset | None = None) -> float:
    states = CODEC.fit(SIGNALS, build_params(MlpParams, params), [steps], Setup(0, CPU, asset))
    files = CODEC.encode(next(state for state in states if state.is_rung))
    return min(psnr(s.samples, decode(file).samples, (0, 255)) for s, file in zip(SIGNALS, files, strict=True))


@pytest.mark.parametrize("size", [{"depth": 2, "width": 8}, {"depth": 3, "width": 16}])
def test_a_slice_is_ahead_of_an_initialisation(size: dict[str, Value]) -> None:
    params = {**SHARED, **size}
    after_two = fitted_psnr(params, 2, supernet(params))
    assert after_two > fitted_psnr({**params, "init": "scratch"}, 2) + 3


def test_fits_of_all_sizes_and_precisions_share_one_supernet() -> None:
    shared = CODEC.asset_spec(build_params(MlpParams, SHARED))
    same: list[dict[str, Value]] = [
        {"depth": 3}, {"width": 16}, {"lr": 0.5}, {"quantizer": "lsq"}, {"weight_bits": 4}, {"decay": 0.2},
        {"loss": "mse"}, {"mfn.input_scale": 16}, {"supernet.depths": "3,2 1"},
    ]  # fmt: skip
    other: list[dict[str, Value]] = [
        {"backbone": "mfn"}, {"siren.omega": 10}, {"batch_fraction": 0.5}, {"supernet.steps": 41},
        {"supernet.depths": "1 2"}, {"supernet.widths": "8 12 16"},
    ]  # fmt: skip
    for changes in same:
        assert CODEC.asset_spec(build_params(MlpParams, {**SHARED, **changes})) == shared
    for changes in other:
        assert CODEC.asset_spec(build_params(MlpParams, {**SHARED, **changes})) != shared
    assert CODEC.asset_spec(MlpParams()) is None


def test_a_supernet_needs_no_companions_to_be_what_it_is() -> None:
    alone, together = supernet(SHARED, SIGNALS[:1]), supernet(SHARED)
    for name, tensor in alone.tensors.items():
        torch.testing.assert_close(tensor[0], together.tensors[name][0], rtol=1e-2, atol=1e-3)


def test_without_its_supernet_a_fit_does_not_start() -> None:
    with pytest.raises(ValueError, match="needs the asset"):
        next(CODEC.fit(SIGNALS, build_params(MlpParams, SHARED), [2], Setup(0, CPU)))


def test_a_config_without_sizes_has_a_supernet_of_its_own_size() -> None:
    params = canonicalise("mlp", {"init": "supernet", "depth": 4, "width": 20})
    assert (params["supernet.depths"], params["supernet.widths"], params["supernet.steps"]) == ("4", "20", 300)
    assert canonicalise("mlp", params) == params
    assert not any("supernet" in key for key in canonicalise("mlp", {"supernet.steps": 7}))


def test_sizes_have_one_form() -> None:
    params = canonicalise("mlp", {"init": "supernet", "supernet.depths": " 4, 3,2 3", "supernet.widths": "64 32"})
    assert (params["supernet.depths"], params["supernet.widths"]) == ("2 3 4", "32 64")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"supernet.depths": "2 4"},
            r"^depth: found 3; allowed with init: supernet is one of supernet.depths \(2 4\)",
        ),
        ({"supernet.widths": "16"}, r"^width: found 32; allowed with init: supernet is one of supernet.widths \(16\)"),
        ({"supernet.depths": "3 17"}, r"^supernet.depths: found '3 17'; allowed 1 to 16 integers from 1 to 16, "),
        ({"supernet.widths": "32 3"}, r"^supernet.widths: found '32 3'; allowed 1 to 16 integers from 4 to 1024, "),
        ({"supernet.widths": "32 wide"}, "^supernet.widths: found '32 wide'; allowed 1 to 16 integers"),
        ({"supernet.widths": ""}, "^supernet.widths: found ''; allowed 1 to 16 integers"),
        ({"supernet.widths": "9" * 5000}, "^supernet.widths: found '9+...; allowed 1 to 16 integers"),
        (
            {"supernet.widths": " ".join(map(str, range(20, 37)))},
            "^supernet.widths: found .*; allowed 1 to 16 integers",
        ),
        ({"width": 5000}, "^width: found 5000; allowed an integer at least 4 and at most 1024$"),
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, Value], message: str) -> None:
    with pytest.raises(UserError, match=message):
        canonicalise("mlp", {"init": "supernet", **changes})


def domains(tmp_path: Path, *lines: str) -> dict[str, object]:
    path = tmp_path / "space.yaml"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in lines))
    space = read_space(path)
    path.write_text(dump_space(space))
    assert read_space(path) == space  # as a run folder has it
    return dict(space.codecs["mlp"])


def test_the_supernet_of_a_space_has_its_sizes(tmp_path: Path) -> None:
    choice = "init: {choice: [scratch, supernet]}"
    found = domains(tmp_path, choice, "width: {choice: [32, 16, 24]}", "depth: {range: [2, 4]}")
    assert (found["supernet.widths"], found["supernet.depths"]) == ("16 24 32", "2 3 4")
    found = domains(tmp_path, "init: supernet", "width: 16", "supernet.depths: 1 3")
    assert (found["supernet.widths"], found["supernet.depths"]) == ("16", "1 3")
    assert "supernet.widths" not in domains(tmp_path, "width: {choice: [32, 16]}")
    assert "supernet.widths" not in domains(tmp_path, "init: scratch", "width: {range: [8, 64]}", "lr: {log: [0.1, 1]}")


def test_what_would_give_a_supernet_to_every_trial_is_refused_by_line(tmp_path: Path) -> None:
    lines = (
        "init: {choice: [scratch, supernet]}",
        "width: {range: [8, 64]}",
        "depth: {choice: [2, 3]}",
        "supernet.depths: 3 4",
        "siren.omega: {log: [10, 60]}",
        "batch_fraction: {range: [0.1, 0.5]}",
        "supernet.steps: {range: [100, 200]}",
        "lr: {log: [0.001, 0.1]}",
    )
    with pytest.raises(UserError) as refused:
        domains(tmp_path, *lines)
    problems = str(refused.value).splitlines()
    path = tmp_path / "space.yaml"
    large = "allowed are at most 16 values where init can be supernet"
    many = "allowed is a constant or a short choice where init can be supernet, since each value needs one of its own"
    assert problems == [
        f"{path}:8: codecs.mlp.width: found the range 8 to 64; {large}",
        f"{path}:10: codecs.mlp.supernet.depths: found '3 4', which lacks 2; allowed is what has every depth",
        f"{path}:11: codecs.mlp.siren.omega: found the range 10 to 60; {many}",
        f"{path}:12: codecs.mlp.batch_fraction: found the range 0.1 to 0.5; {many}",
        f"{path}:13: codecs.mlp.supernet.steps: found the range 100 to 200; {many}",
    ]
