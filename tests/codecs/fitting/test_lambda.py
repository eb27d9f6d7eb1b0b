"""What a bit per sample adds to the loss: its name, its scale, and the name it had."""

from pathlib import Path

import pytest
import torch
from pydantic import BaseModel

from searchinr.codecs.fitting.objective import bit_weight, loss_of
from searchinr.codecs.mlp import MlpParams
from searchinr.codecs.once_for_all import OnceForAllParams
from searchinr.codecs.shacira import ShaciraParams
from searchinr.engine.catalog import read_space
from searchinr.errors import UserError
from searchinr.space import build_params, canonical_params, parameters

MODELS = {"mlp": MlpParams, "once_for_all": OnceForAllParams, "shacira": ShaciraParams}
NOW = "the key is called 'lambda' now: the same number with loss: log_mse, a quarter of it with loss: mse"


def test_lambda_weighs_a_bit_against_values_from_0_to_1() -> None:
    lambda_, points = 0.02, 40
    fitted, bits = torch.tensor([0.01, 0.04], dtype=torch.float64), torch.tensor([900.0, 500.0], dtype=torch.float64)
    costs = loss_of(fitted, "mse") + bit_weight(lambda_, "mse", points) * bits
    assert torch.allclose(costs, 4 * (fitted / 4 + lambda_ * bits / points))  # half as far apart: a quarter of the MSE
    # the scale adds a constant to a logarithm: what lambda trades stays the same
    costs = loss_of(fitted, "log_mse") + bit_weight(lambda_, "log_mse", points) * bits
    apart = costs - ((fitted / 4).log() + lambda_ * bits / points)
    assert torch.allclose(apart, apart[0])


@pytest.mark.parametrize("codec", MODELS)
def test_its_key_is_a_word_of_pythons(codec: str) -> None:
    model: type[BaseModel] = MODELS[codec]
    given = {"quantizer": "lsq", "lambda": 0.125}
    canonical = canonical_params(model, given)
    assert canonical["lambda"] == 0.125 == vars(build_params(model, canonical))["lambda_"]
    assert "lambda" in [parameter.key for parameter in parameters(model)]
    for key in ("lamda", "lambda_"):
        with pytest.raises(UserError, match=rf"^{key}: unknown parameter; .*; did you mean 'lambda'\?$"):
            build_params(model, {key: 0.125})


@pytest.mark.parametrize("codec", ["mlp", "once_for_all"])
def test_the_key_of_before_names_that_of_now(codec: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        build_params(MODELS[codec], {"rate_weight": 0.5})
    assert str(refused.value) == f"rate_weight: found 0.5; {NOW}"
    space = tmp_path / "space.yaml"
    space.write_text(
        "name: old\ndatasets: [{name: photos, limit: 1}]\nreference_point: {psnr_db: 2, rate: 64}\n"
        f"search: {{trials: 2}}\ncodecs:\n  {codec}:\n    rate_weight: {{log: [0.03, 3]}}\n"
    )
    with pytest.raises(UserError) as refused:
        read_space(space)
    assert str(refused.value) == (f"{space}:7: codecs.{codec}.rate_weight: found a mapping with 'log'; {NOW}")
