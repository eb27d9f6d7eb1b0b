"""Configs: the YAML that `export` writes and `encode` takes, and what `encode` uses without one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from searchinr.engine.catalog import catalog
from searchinr.errors import UserError
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout
from searchinr.space import MAX_STEPS, Value, dump_yaml, load_config


class EncodeConfig(BaseModel):
    """One codec configuration, ready to encode with.

    Attributes:
        codec: Name of the codec.
        params: Its parameters, flat; what is left out has its default.
        steps: Training steps.
        seed: Seed of the fit.
        asset: What decoding will need beside the files, as its file beside the config is called; or None.
        provenance: Where it comes from (run, trial, figures); nothing depends on it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    codec: str = "mlp"
    params: dict[str, Value] = Field(default_factory=dict)
    steps: int = Field(2000, ge=1, le=MAX_STEPS)
    seed: int = Field(0, ge=0, lt=2**31)
    asset: str | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)


def default_config(layout: Layout) -> EncodeConfig:
    """What `encode` uses where no config is given: what the modality suggests for signals of this layout."""
    suggested = MODALITIES[layout.modality].suggestion(layout)
    return EncodeConfig(codec=suggested.codec, steps=suggested.steps, params=dict(suggested.params))


def read_config(source: Path | Mapping[str, object]) -> EncodeConfig:
    """Reads and checks a config file, or what it would say; `UserError` lists everything that is wrong with it."""
    config = load_config(source, EncodeConfig, catalog())
    asset = Path(config.asset or "")
    if isinstance(source, Path) and (asset.is_absolute() or ".." in asset.parts):
        raise UserError(
            f"{source}: asset: found {config.asset!r}; allowed a file beside the config; give any other with --asset"
        )
    return config


def dump_config(config: EncodeConfig) -> str:
    """The config as YAML, headed by the command that uses it."""
    return "# searchinr encode SIGNAL --config THIS_FILE -o OUT.inr\n" + dump_yaml(config.model_dump(exclude_none=True))
