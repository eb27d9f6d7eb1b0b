"""What a space file can name: the codecs, datasets and modalities that are installed."""

from pathlib import Path

from searchinr.codecs.registry import CODECS
from searchinr.signals.datasets import REGISTRY
from searchinr.signals.registry import MODALITIES
from searchinr.space import Catalog, Space, load_space


def catalog() -> Catalog:
    """Everything by name."""
    return Catalog(
        codecs={name: codec.Params for name, codec in CODECS.items()},
        datasets={name: entry.modality for name, entry in REGISTRY.items()},
        modalities=tuple(MODALITIES),
    )


def read_space(path: Path) -> Space:
    """A space file, checked whole; `SpaceError` lists everything that is wrong with it."""
    return load_space(path, catalog())
