"""What a space file can name: the codecs, datasets and modalities that are installed."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from searchinr.codecs.contract import AssetSpec
from searchinr.codecs.registry import CODECS
from searchinr.errors import UserError
from searchinr.search.configs import Config, ConfigSpace
from searchinr.search.search import Search
from searchinr.signals.dataset_registry import REGISTRY
from searchinr.signals.registry import MODALITIES, all_metrics
from searchinr.space import (
    OF_FILES,
    Catalog,
    Choice,
    Domain,
    Range,
    Space,
    SpaceError,
    Value,
    canonical_params,
    load_space,
    read_source,
)
from searchinr.trial import asset_spec


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
    """Makes sure that datasets have the training signals that configs need; `SpaceError` if not."""
    lacking = [index for index, entry in enumerate(space.datasets) if entry.train is None]
    needing = next(_built_from_training(space), None) if lacking else None
    if needing is not None:
        codec, spec = needing
        document = read_source(source, "space")
        text = (
            "train: missing; allowed are signals that are not measured, from which the "
            f"{spec.name} is built that files of codec {codec} need"
        )
        raise SpaceError([document.problem(("datasets", index), text) for index in lacking])


def _built_from_training(space: Space) -> Iterator[tuple[str, AssetSpec]]:
    """The assets that a space's configs may need to be decoded, with their codecs.

    Whether a config needs one depends on its words and switches (see `Codec.asset_spec`), so one config is asked for
    each combination of these.
    """
    narrowed = {
        codec: {key: _deciding(domain) for key, domain in domains.items()} for codec, domains in space.codecs.items()
    }
    for codec, params in ConfigSpace(narrowed, canonicalise).enumerate():
        with suppress(UserError):  # of parameters that do not go together: no trial has them
            spec = asset_spec(Config(codec, params))
            if spec is not None and spec.needed_to_decode:
                yield codec, spec


def _deciding(domain: Domain) -> Domain:
    """A domain with all of its words and switches, and one number at the most."""
    if isinstance(domain, Range):
        return domain.low
    if not isinstance(domain, Choice):
        return domain
    words = [value for value in domain.values if isinstance(value, str | bool)]
    numbers = [value for value in domain.values if not isinstance(value, str | bool)]
    return Choice((*words, *numbers[:1]))
