"""Exported configs: the YAML that `export` writes and `encode` takes."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from searchinr.engine.catalog import catalog
from searchinr.space import Value, dump_yaml, load_config


class Config(BaseModel):
    """One codec configuration, ready to encode with.

    Attributes:
        codec: Name of the codec.
        params: Its parameters, flat; what is left out has its default.
        steps: Training steps.
        seed: Seed of the fit.
        provenance: Where it comes from (run, trial, figures); nothing depends on it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    codec: str = "mlp"
    params: dict[str, Value] = Field(default_factory=dict)
    steps: int = Field(2000, ge=1, le=10_000_000)
    seed: int = Field(0, ge=0, lt=2**31)
    provenance: dict[str, Any] = Field(default_factory=dict)


def read_config(path: Path) -> Config:
    """Reads and checks a config file; `SpaceError` lists everything that is wrong with it."""
    return load_config(path, Config, catalog())


def dump_config(config: Config) -> str:
    """The config as YAML, headed by the command that uses it."""
    header = "# searchinr encode SIGNAL --config THIS_FILE -o OUT.inr\n"
    return header + dump_yaml(config.model_dump(exclude_defaults=not config.provenance))
