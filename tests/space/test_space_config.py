"""Files that hold one configuration."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field
from space_case import CATALOG

from searchinr.space import SpaceError, Value, load_config


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    codec: str = "mlp"
    params: dict[str, Value] = Field(default_factory=dict)
    steps: int = Field(2000, ge=1)
    provenance: dict[str, Any] = Field(default_factory=dict)


def load(folder: Path, text: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text)
    return load_config(path, Config, CATALOG)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SpaceError) as caught:
        load(folder, text)
    return str(caught.value).replace(str(folder / "config.yaml"), "F").split("\n")


def test_valid(tmp_path: Path) -> None:
    text = "codec: mlp\nparams: {width: 64, sine.omega: 1e1}\nsteps: 50\nprovenance: {figures: {psnr_db: 30}}\n"
    config = load(tmp_path, text)
    assert config.params == {"width": 64, "sine.omega": 10.0}
    assert config.provenance["figures"]["psnr_db"] == 30
    assert load(tmp_path, "steps: 3\n") == Config(steps=3)


def test_everything_wrong_is_reported_by_line(tmp_path: Path) -> None:
    assert problems(tmp_path, "stesp: 5\nparams:\n  width: [3]\n  backbone: sin\n  levels: 3\nsteps: 0\n") == [
        "F:1: stesp: unknown key; allowed codec, params, steps, provenance; did you mean 'steps'?",
        "F:3: params.width: found [3]; allowed an integer at least 4 and at most 1024",
        "F:4: params.backbone: found 'sin'; allowed one of sine, relu, gabor; did you mean 'sine'?",
        "F:5: params.levels: unknown parameter; allowed backbone, width, bits, shared, lr, note, sine.omega, "
        "gabor.filter, gabor.scale",
        "F:6: steps: found 0; allowed a number greater than or equal to 1",
    ]


def test_params_that_do_not_go_together(tmp_path: Path) -> None:
    assert problems(tmp_path, "params: {shared: true, width: 600}\n") == [
        "F:1: params: shared networks are at most 512 wide"
    ]


def test_unknown_codec(tmp_path: Path) -> None:
    assert problems(tmp_path, "codec: grdi\nparams: {levels: 3}\n") == [
        "F:1: codec: found 'grdi'; allowed mlp, grid; did you mean 'grid'?"
    ]


def test_wrong_types(tmp_path: Path) -> None:
    assert problems(tmp_path, "codec: 3\nparams: 4\n") == [
        "F:1: codec: found 3; allowed text",
        "F:2: params: found 4; allowed a mapping",
    ]
    assert problems(tmp_path, "- a\n") == ["F: found ['a']; allowed a mapping"]
