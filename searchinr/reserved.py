"""Who owns an id that stands in files, whether or not its package is installed: the table `reserved.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Reservation:
    """An id that belongs to a package.

    Attributes:
        name: What it is called in space files.
        package: The package that brings it, as `pip install` takes it.
        url: Where to find that package, or nothing.
    """

    name: str
    package: str
    url: str = ""


@cache
def reserved(noun: str) -> dict[int, Reservation]:
    """The reserved ids of one kind: ``"codec"``, ``"modality"``, ``"backbone"`` or ``"quantiser"``."""
    tables = tomllib.loads(files("searchinr").joinpath("reserved.toml").read_text(encoding="utf-8"))
    return {int(number): Reservation(**row) for number, row in tables.get(noun, {}).items()}
