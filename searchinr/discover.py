"""Finds modalities, codecs, backbones and quantisers: our own modules, and what other packages name by entry points.

One of ours is a file that is listed nowhere else. One of another package is a class that the package's metadata names:

    [project.entry-points."searchinr.codecs"]     # or .modalities, .backbones, .quantizers
    my_codec = "my_package.codec:MyCodec"

A package that cannot be imported, or whose class breaks the contract, is left out with one line of warning, so that
everything else goes on working. Two packages that claim the same id are an error, because files would be ambiguous.
"""

import importlib
import logging
import pkgutil
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from searchinr.errors import InvalidFileError, UserError
from searchinr.reserved import reserved

T = TypeVar("T")

OURS = "searchinr"
"""The package that our own modules belong to."""

_LOG = logging.getLogger(__name__)  # without a handler a warning is one line on stderr


@dataclass(frozen=True)
class Kind:
    """A kind of thing that a package can add.

    Attributes:
        noun: What it is called in messages and in `reserved.toml`.
        attribute: The name that marks the class in a module of ours.
        group: The entry points by which other packages name their classes.
        ids: The ids that a file has room for. The last one is for experiments and never reserved.
    """

    noun: str
    attribute: str
    group: str
    ids: range


MODALITY_KIND = Kind("modality", "MODALITY", "searchinr.modalities", range(8))
CODEC_KIND = Kind("codec", "CODEC", "searchinr.codecs", range(32))
BACKBONE_KIND = Kind("backbone", "FIELD", "searchinr.backbones", range(16))
QUANTISER_KIND = Kind("quantiser", "QUANTIZER", "searchinr.quantizers", range(1, 16))


class Registry(dict[str, T]):
    """What is installed of one kind, by name and in the order of the ids.

    Attributes:
        kind: The kind.
        packages: By name, the package that each belongs to, with its version; `OURS` for our own.
    """

    def __init__(self, kind: Kind, found: dict[str, T], packages: dict[str, str]) -> None:
        super().__init__(found)
        self.kind = kind
        self.packages = packages

    def by_id(self, number: int) -> T:
        """The one with this id in files.

        Raises:
            InvalidFileError: Nothing that is installed has it; the message says which package may.
        """
        for found in self.values():
            if getattr(found, "id", None) == number:
                return found
        raise InvalidFileError(f"unknown {self.kind.noun} number {number}: {_who_has(self.kind, number)}")


class _Found(NamedTuple):
    cls: Any
    package: str


def discover(kind: Kind, package: ModuleType, base: type[T]) -> Registry[type[T]]:
    """Imports every module of `package`, and what other packages name, and collects the classes that implement `base`.

    Subpackages are searched, but not what lies inside them. A module without the name `kind.attribute` is a helper.

    Raises:
        TypeError: A module of ours has a class that breaks the contract.
        UserError: Two classes share a name or an id.
    """
    found = [*_own(kind, package, base), *_plugins(kind, base)]
    found.sort(key=lambda each: int(each.cls.id))
    for key in ("name", "id"):
        _check_unique(kind, key, found)
    return Registry(kind, {each.cls.name: each.cls for each in found}, {each.cls.name: each.package for each in found})


def instances(classes: Registry[type[T]]) -> Registry[T]:
    """One object of each class, where the classes hold no state."""
    return Registry(classes.kind, {name: cls() for name, cls in classes.items()}, classes.packages)


def _own(kind: Kind, package: ModuleType, base: type[T]) -> list[_Found]:
    found = []
    for info in pkgutil.iter_modules(package.__path__):
        name = f"{package.__name__}.{info.name}"
        candidate = getattr(importlib.import_module(name), kind.attribute, None)
        if candidate is None:
            continue
        if (problem := _broken(kind, candidate, base, OURS)) is not None:
            raise TypeError(f"{name}.{kind.attribute} {problem}")
        found.append(_Found(candidate, OURS))
    return found


def _plugins(kind: Kind, base: type[T]) -> list[_Found]:
    found = []
    for point in sorted(entry_points(group=kind.group), key=lambda each: (each.name, each.value)):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else point.module
        try:
            candidate = point.load()
        except Exception as error:  # whatever another package's code does wrong
            problem = " ".join(f"cannot be imported ({type(error).__name__}: {error})".split())
        else:
            name = point.dist.name if point.dist else package
            problem = _broken(kind, candidate, base, name) or ""
        if problem:
            said = (kind.noun, point.name, package, point.value, problem)
            _LOG.warning("searchinr: %s %s of package %s is left out: %s %s", *said)
        else:
            found.append(_Found(candidate, package))
    return found


def _broken(kind: Kind, candidate: object, base: type, package: str) -> str | None:
    """Why a class cannot be used, or None."""
    if not (isinstance(candidate, type) and issubclass(candidate, base)):
        return f"is not a {base.__name__}"
    if lacking := sorted(getattr(candidate, "__abstractmethods__", ())):
        return f"lacks {', '.join(lacking)}"
    name, number = getattr(candidate, "name", None), getattr(candidate, "id", None)
    if not (isinstance(name, str) and name.isprintable() and name):
        return f"has the name {name!r}; allowed is a text"
    if not (isinstance(number, int) and number in kind.ids):
        return f"has the id {number!r}; allowed are {kind.ids[0]} to {kind.ids[-1]}"
    owner = reserved(kind.noun).get(number)
    if owner is not None and owner.package != package:
        return f"has the id {number}, which is reserved for {owner.name} of package {owner.package}"
    return None


def _check_unique(kind: Kind, key: str, found: list[_Found]) -> None:
    first: dict[object, _Found] = {}
    for each in found:
        value = getattr(each.cls, key)
        other = first.setdefault(value, each)
        if other is not each:
            raise UserError(
                f"{kind.noun} {key} {value!r} belongs to two: {other.cls.name} of package {other.package}, and "
                f"{each.cls.name} of package {each.package}; uninstall one of them"
            )


def _who_has(kind: Kind, number: int) -> str:
    """Where the thing with an id that is not installed may be found, or what else may be the matter."""
    owner = reserved(kind.noun).get(number)
    if owner is not None and owner.package == OURS:
        return f"{owner.name}, which a newer searchinr has: update it"
    if owner is not None:
        at = f" ({owner.url})" if owner.url else ""
        return f"{owner.name} of package {owner.package}{at}, which is not here: pip install {owner.package}"
    if number == kind.ids[-1]:
        return "the one for experiments: install the package of whoever wrote the file"
    return "update searchinr, install the package that has it (`searchinr ids` lists those here), or it is corrupt"
