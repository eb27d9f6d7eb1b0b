"""A small catalog of the tests' own, and reading a space file against it."""

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from searchinr.space import Catalog, Space, SpaceError, load_space


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SineParams(Params):
    omega: float = Field(30, gt=0, le=1000, description="frequency", json_schema_extra={"unit": "rad"})

    @field_validator("omega")
    @classmethod
    def _snap(cls, omega: float) -> float:
        return round(omega * 2) / 2


class GaborParams(Params):
    filter: Literal["sine", "gauss"] = "gauss"  # its value is the name of an option, which it must not activate
    scale: float | None = Field(None, gt=0)


class MlpParams(Params):
    backbone: Literal["sine", "relu", "gabor"] = Field("sine", description="network family")
    width: int = Field(32, ge=4, le=1024, description="channels")
    bits: Literal[6, 8] = 8
    shared: bool = False
    lr: float | None = Field(None, gt=0, le=1, description="learning rate")
    note: str = ""
    sine: SineParams = SineParams()
    gabor: GaborParams = GaborParams()

    @model_validator(mode="before")
    @classmethod
    def _default_lr(cls, data: object) -> object:
        if isinstance(data, dict) and "lr" not in data and isinstance(data.get("width", 32), int):
            return {**data, "lr": 1 / max(data.get("width", 32), 1)}
        return data

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.shared and self.width > 512:
            raise ValueError("shared networks are at most 512 wide")
        return self


class GridParams(Params):
    levels: int = Field(8, ge=1, le=16)


CATALOG = Catalog(
    codecs={"mlp": MlpParams, "grid": GridParams},
    datasets={"kodak": "image", "photos": "image", "speech": "audio"},
    modalities=("image", "audio"),
)

VALID: dict[str, Any] = {
    "name": "small",
    "datasets": ["kodak"],
    "reference_point": {"psnr_db": 20, "rate": 4},
    "search": {"trials": 4},
    "codecs": {"mlp": {"width": 64}},
}


def load(folder: Path, text: str) -> Space:
    path = folder / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return load_space(path, CATALOG)


def load_with(folder: Path, **sections: object) -> Space:
    """A valid space with some of its sections replaced."""
    return load(folder, yaml.safe_dump(VALID | sections, sort_keys=False))


def problems(folder: Path, text: str) -> list[str]:
    """The lines of the error that the file gives, with its path shortened to `F`."""
    try:
        load(folder, text)
    except SpaceError as error:
        return str(error).replace(str(folder / "space.yaml"), "F").split("\n")
    return []


HEAD = """\
name: small
datasets: [kodak]
reference_point: {psnr_db: 20, rate: 4}
search: {trials: 4}
"""


def codec_problems(folder: Path, *mlp: str) -> list[str]:
    """The problems of a file in which codec `mlp` has these lines, of which the first is line 7 of the file."""
    return problems(folder, HEAD + "codecs:\n  mlp:\n" + "".join(f"    {line}\n" for line in mlp))
