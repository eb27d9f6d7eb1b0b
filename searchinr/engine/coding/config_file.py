"""Configs: the YAML that `export` writes and `encode` takes, and what `encode` uses without one."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from searchinr.engine.catalog import catalog
from searchinr.signals.signal import Layout
from searchinr.space import Value, dump_yaml, load_config


class Config(BaseModel):
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
    steps: int = Field(2000, ge=1, le=10_000_000)
    seed: int = Field(0, ge=0, lt=2**31)
    asset: str | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class _Default:
    """What suits a modality where nothing was searched.

    Attributes:
        weights_per_point: Size of the network; at 8 bits a weight, the file's bytes per point.
        points_per_step: So that a step takes as long for a large signal as for a small one.
        steps: Training steps.
        params: Parameters of `mlp` that differ from its own defaults.
    """

    weights_per_point: float = 1 / 16
    points_per_step: int = 20_000
    steps: int = 1000
    params: dict[str, Value] = field(default_factory=dict)


_DEFAULTS = {
    "image": _Default(),
    # Speech has its energy below 1 kHz. The published sine networks, made for pictures, learn nothing of it.
    "audio": _Default(
        weights_per_point=1 / 8,
        points_per_step=5000,
        steps=2000,
        params={"backbone": "fourier", "fourier.features": 64, "fourier.sigma": 300.0},
    ),
}
_DEPTH = 4
_MIN_WIDTH, _MAX_WIDTH = 8, 64

_PICTURES_BY_GRID = range(2**13, 2**20 + 1)
"""Points of pictures that get a hash grid. Of smaller ones its network is most of the file; of larger ones each step
looks at some points only, and a minute is too short."""
_POINTS_PER_ENTRY = 20
_GRID_STEPS = (300, 1500)
_GRID_WORK = 400 * 768 * 512  # points of all steps: about a minute


def default_config(layout: Layout) -> Config:
    """What `encode` uses where no config is given: a start, which any search should beat.

    It grows with the signal (about 0.5 bpp for images, 20 kbit/s for speech at 16 kHz), as far as about a minute on two
    cores suffices: a large signal gets a low rate. Most pictures get a hash grid, other signals a plain network.
    """
    if layout.modality == "image" and layout.points in _PICTURES_BY_GRID:
        return _grid_config(layout)
    default = _DEFAULTS.get(layout.modality, _Default())
    width = round(math.sqrt(default.weights_per_point * layout.points / (_DEPTH - 1)))
    return Config(
        steps=default.steps,
        params={
            "depth": _DEPTH,
            "width": min(max(width, _MIN_WIDTH), _MAX_WIDTH),
            "batch_fraction": min(1.0, default.points_per_step / layout.points),
            **default.params,
        },
    )


def _grid_config(layout: Layout) -> Config:
    least, most = _GRID_STEPS
    return Config(
        codec="shacira",
        steps=min(max(_GRID_WORK // layout.points, least), most),
        params={"table_size_log2": round(math.log2(layout.points / _POINTS_PER_ENTRY)), "min_resolution": 8},
    )


def read_config(path: Path) -> Config:
    """Reads and checks a config file; `SpaceError` lists everything that is wrong with it."""
    return load_config(path, Config, catalog())


def dump_config(config: Config) -> str:
    """The config as YAML, headed by the command that uses it."""
    return "# searchinr encode SIGNAL --config THIS_FILE -o OUT.inr\n" + dump_yaml(config.model_dump(exclude_none=True))
