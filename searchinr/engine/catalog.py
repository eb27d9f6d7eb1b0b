"""What a space file can name: the codecs, datasets and modalities that are installed."""

from collections.abc import Mapping
from pathlib import Path

from searchinr.codecs.registry import CODECS
from searchinr.errors import UserError
from searchinr.search.search import Search
from searchinr.signals.datasets import REGISTRY
from searchinr.signals.registry import MODALITIES, all_metrics
from searchinr.space import OF_FILES, Catalog, Space, SpaceError, Value, canonical_params, load_space, read_source


def catalog() -> Catalog:
    """Everything by name."""
    return Catalog(
        codecs={name: codec.Params for name, codec in CODECS.items()},
        datasets={name: entry.modality for name, entry in REGISTRY.items()},
        modalities=tuple(MODALITIES),
        complete={name: codec.completed for name, codec in CODECS.items()},
        metrics={**all_metrics(), **OF_FILES},
    )


def canonicalise(codec: str, params: Mapping[str, Value]) -> dict[str, Value]:
    """A codec's parameters with defaults filled in and inactive options dropped."""
    return canonical_params(CODECS[codec].Params, params)


def read_space(source: Path | Mapping[str, object]) -> Space:
    """A space file, or what it would say, checked whole; the `UserError` lists everything that is wrong with it."""
    space = load_space(source, catalog())
    _check_training(source, space)
    try:
        Search(space, [entry.label for entry in space.datasets], canonicalise)
    except UserError as error:  # the sampler does not suit the space
        raise UserError(f"{source if isinstance(source, Path) else 'space'}: {error}") from error
    return space


def _check_training(source: Path | Mapping[str, object], space: Space) -> None:
    """Makes sure that datasets have the training signals that codecs need; `SpaceError` if not."""
    needing = [name for name in space.codecs if CODECS[name].needs_training]
    lacking = [index for index, entry in enumerate(space.datasets) if entry.train is None]
    if needing and lacking:
        document = read_source(source, "space")
        text = f"train: missing; allowed are signals that are not measured, from which {needing[0]} learns its prior"
        raise SpaceError([document.problem(("datasets", index), text) for index in lacking])
