"""Priors of codec `combiner` that start from one another; `test_combiner.py` runs the conformance suite over one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from conformance import CPU, make_signal

from searchinr.codecs.combiner import CombinerCodec, CombinerParams
from searchinr.codecs.combiner.prior import Prior
from searchinr.codecs.contract import Asset, AssetSpec, Setup
from searchinr.codecs.registry import decode
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.errors import UserError
from searchinr.signals.metrics import psnr
from searchinr.signals.signal import Layout
from searchinr.space import Value, build_params, dump_space

CODEC = CombinerCodec()
SHARED: dict[str, Value] = {
    "depth": 1,
    "width": 6,
    "features": 2,
    "max_frequency": 4.0,
    "prior_steps": 300,
    "batch_fraction": 1.0,
    "init": "neighbour",
    "neighbour.betas": "0.03 0.01 0.003",
    "neighbour.steps": 40,
}
LAYOUT = Layout("image", (8, 12), 3, 8)
TRAINING = [make_signal(f"training {number}", LAYOUT) for number in range(12)]
MEASURED = [make_signal(f"measured {number}", LAYOUT) for number in range(6)]

HEAD = """\
name: small
datasets: [{name: cifar10-test, train: cifar10-train}]
reference_point: {psnr_db: 20, rate: 4}
search: {trials: 4}
codecs:
  combiner:
"""


def spec_of(**params: Value) -> AssetSpec:
    return CODEC.asset_spec(build_params(CombinerParams, {**SHARED, **params}))


def built(spec: AssetSpec) -> Asset:
    base = CODEC.base_spec(spec)
    states = CODEC.prepare(TRAINING, spec, Setup(0, CPU, None if base is None else built(base)))
    *_, last = states
    assert last.asset is not None
    return last.asset


def cost(asset: Asset, **params: Value) -> float:
    """What a prior is learned to lessen: the files' MSE, for values in [-1, 1], and beta for each bit per pixel."""
    built_params: Any = build_params(CombinerParams, {**SHARED, "refinement_steps": 1, **params})
    states = CODEC.fit(MEASURED, built_params, [300], Setup(0, CPU, asset))
    files = CODEC.encode(next(state for state in states if state.is_rung))
    found = [
        4 * 10 ** (-psnr(signal.samples, decode(file, asset=asset).samples, (0, 255)) / 10)
        + built_params.beta * 8 * len(file) / LAYOUT.points
        for signal, file in zip(MEASURED, files, strict=True)
    ]
    return sum(found) / len(found)


def test_each_prior_starts_from_that_of_the_next_larger_beta() -> None:
    spec = spec_of(beta=0.003)
    betas = []
    while True:
        betas.append(spec.params["beta"])
        base = CODEC.base_spec(spec)
        if base is None:
            break
        assert base.needed_to_decode
        spec = base
    assert betas == [0.003, 0.01, 0.03]
    assert spec == spec_of(beta=0.03, init="scratch"), "the first is that of any other trial"


def test_a_prior_does_not_depend_on_smaller_betas() -> None:
    assert spec_of(beta=0.01) == spec_of(beta=0.01, **{"neighbour.betas": "0.03 0.01"})
    assert spec_of(beta=0.01) != spec_of(beta=0.01, **{"neighbour.betas": "0.02 0.01"})
    assert spec_of(beta=0.01) != spec_of(beta=0.01, **{"neighbour.steps": 50})


def test_learning_goes_on_from_the_neighbour() -> None:
    neighbour = Prior.of(built(spec_of(beta=0.03))).by_channels[3]
    one_step = Prior.of(built(spec_of(beta=0.01, **{"neighbour.steps": 1}))).by_channels[3]
    assert (one_step.mean - neighbour.mean).abs().max() < 0.03, "one step of Adam, at a learning rate of 0.02"
    assert not torch.equal(one_step.mean, neighbour.mean)


def test_few_steps_from_the_neighbour_are_worth_more_than_from_scratch() -> None:
    scratch = cost(built(spec_of(beta=0.003, init="scratch", prior_steps=40)), beta=0.003)
    assert cost(built(spec_of(beta=0.003)), beta=0.003) < 0.7 * scratch


def test_a_prior_that_starts_from_another_is_not_built_without_it() -> None:
    with pytest.raises(ValueError, match="needs the asset"):
        list(CODEC.prepare(TRAINING, spec_of(beta=0.01), Setup(0, CPU)))


def test_lists_of_betas_have_one_form() -> None:
    params = canonicalise("combiner", {"init": "neighbour", "beta": 1e-2, "neighbour.betas": " 1e-3,0.01 3E-2 0.01"})
    assert params["neighbour.betas"] == "0.03 0.01 0.001"
    assert canonicalise("combiner", params) == params
    assert canonicalise("combiner", {"init": "neighbour", "beta": 0.5})["neighbour.betas"] == "0.5"
    assert "neighbour.betas" not in canonicalise("combiner", {"neighbour.betas": "0.01"})


@pytest.mark.parametrize("betas", ["", "0", "-1 0.002", "0.002 x", "101", " ".join(map(str, range(1, 18)))])
def test_other_lists_are_refused(betas: str) -> None:
    with pytest.raises(UserError, match=r"neighbour\.betas: .*allowed 1 to 16 numbers above 0 and at most 100"):
        canonicalise("combiner", {"init": "neighbour", "beta": 2e-3, "neighbour.betas": betas})


def test_beta_must_be_among_them() -> None:
    with pytest.raises(
        UserError, match=r"^beta: found 0\.002; allowed with init: neighbour is one of neighbour\.betas"
    ):
        canonicalise("combiner", {"init": "neighbour", "beta": 2e-3, "neighbour.betas": "0.01 0.001"})


def domains(tmp_path: Path, *lines: str) -> dict[str, object]:
    """The domains of a space with these lines, read again as a run folder has it."""
    path = tmp_path / "space.yaml"
    path.write_text(HEAD + "".join(f"    {line}\n" for line in lines))
    space = read_space(path)
    path.write_text(dump_space(space))
    assert read_space(path) == space
    return dict(space.codecs["combiner"])


def test_the_betas_of_a_space_are_filled_in(tmp_path: Path) -> None:
    choice = "init: {choice: [scratch, neighbour]}"
    assert domains(tmp_path, choice, "beta: {choice: [0.01, 0.03]}")["neighbour.betas"] == "0.03 0.01"
    assert domains(tmp_path, "init: neighbour")["neighbour.betas"] == "0.002"
    assert domains(tmp_path, "init: neighbour", "beta: 0.01", "neighbour.betas: 0.1 0.01")["neighbour.betas"] == (
        "0.1 0.01"
    )
    assert "neighbour.betas" not in domains(tmp_path, "beta: {choice: [0.01, 0.03]}")


def test_betas_that_are_missing_or_too_many_are_refused_by_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"space\.yaml:9: codecs.combiner.neighbour.betas: found '0.03', which lacks 0"):
        domains(tmp_path, "init: neighbour", "beta: {choice: [0.01, 0.03]}", "neighbour.betas: '0.03'")
    many = ", ".join(str(number) for number in range(1, 18))
    with pytest.raises(
        UserError, match=r"space\.yaml:8: codecs.combiner.beta: found 17 values; allowed are at most 16"
    ):
        domains(tmp_path, "init: neighbour", f"beta: {{choice: [{many}]}}")
    with pytest.raises(UserError, match=r"neighbour\.steps: found the range"):
        domains(tmp_path, "init: neighbour", "neighbour.steps: {range: [100, 200]}")
