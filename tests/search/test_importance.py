import random
import warnings

import pytest
from search_toy import measured

from searchinr.search.configs import Config, ConfigSpace
from searchinr.search.importance import ENOUGH, FRONT, Importance, importance
from searchinr.search.lines import Fit, Point
from searchinr.search.objectives import Objectives
from searchinr.space import Choice, Range, Value

SPACE = ConfigSpace(
    {
        "mlp": {
            "backbone": Choice(("siren", "mfn")),
            "width": Choice((8, 16, 32, 64)),
            "lr": Range(1e-4, 1e-2, log=True, integer=False),
            "siren.omega": Range(1.0, 60.0, log=False, integer=False),
        }
    },
    lambda _, params: dict(params),
)
OBJECTIVES = Objectives({"psnr_db": "max", "rate": "min"}, {"psnr_db": 0, "rate": 100})


def points(count: int, *, rungs: int = 1) -> list[Point]:
    """Width decides the rate and half of the PSNR, the backbone the other half; the learning rate nothing."""
    draw = random.Random(0)
    lines = []
    for i in range(count):
        params: dict[str, Value] = {
            "backbone": draw.choice(["siren", "mfn"]),
            "width": draw.choice([8, 16, 32, 64]),
            "lr": 10 ** draw.uniform(-4, -2),
        }
        if params["backbone"] == "siren":
            params["siren.omega"] = draw.uniform(1, 60)
        width = float(params["width"])
        for rung in range(rungs if i < 0.95 * count else 1):
            psnr = 20 + width / 8 + 8 * (params["backbone"] == "siren") + rung + draw.gauss(0, 0.1)
            fit = Fit(
                trial=str(i), rung=rung, steps=100 * 3**rung, dataset="kodak", config=Config("mlp", params), seed=0
            )
            lines.append(measured(fit, psnr, width))
    return lines


def found(lines: list[Point]) -> Importance:
    result = importance(lines, SPACE, OBJECTIVES)
    assert result is not None
    return result


def test_what_decides_is_found_and_what_does_not_is_not() -> None:
    result = found(points(120))
    assert (result.steps, result.trials) == (100, 120)
    assert set(result.shares) == {FRONT, "psnr_db", "rate"}
    rate, psnr, front = (result.shares[target] for target in ("rate", "psnr_db", FRONT))
    assert max(rate, key=lambda name: rate[name]) == "mlp.width"
    assert rate["mlp.width"] > 0.8
    assert min(psnr["mlp.width"], psnr["mlp.backbone"]) > 3 * psnr["mlp.lr"]
    assert max(front, key=lambda name: front[name]) == "mlp.backbone"  # at every width the same one is better
    assert front["mlp.width"] < front["mlp.backbone"] / 2
    for shares in result.shares.values():
        assert sum(shares.values()) == pytest.approx(1)
        assert set(shares) == {"mlp.backbone", "mlp.width", "mlp.lr", "mlp.siren.omega"}


def test_the_longest_training_that_nearly_all_have_reached_is_taken() -> None:
    lines = points(60, rungs=3)
    assert found(lines).steps == 900
    selected = [line for line in lines if line.rung < 2 or int(line.trial) % 2]
    assert found(selected).steps == 300


def test_few_trials_say_nothing() -> None:
    assert importance(points(ENOUGH - 1), SPACE, OBJECTIVES) is None
    assert found(points(ENOUGH)).trials == ENOUGH


def test_it_is_silent_and_the_same_every_time(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found(points(40)) == found(points(40))
    assert capfd.readouterr() == ("", "")
