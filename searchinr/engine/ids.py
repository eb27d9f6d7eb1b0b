"""The ids that stand in files: whom each belongs to, and which are free."""

from dataclasses import dataclass
from typing import Any, Literal

from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.registry import CODECS
from searchinr.discover import Registry
from searchinr.reserved import reserved
from searchinr.signals.registry import MODALITIES


@dataclass(frozen=True)
class Id:
    """One id of one kind.

    Attributes:
        kind: ``"modality"``, ``"codec"``, ``"backbone"`` or ``"quantiser"``.
        id: The number in files.
        name: The name in space files; None if it is free.
        package: The package that it belongs to, with the version if it is installed; None if it belongs to none.
        state: Installed here; or reserved for a package that is not; or for experiments, and so never reserved; or
            free.
    """

    kind: str
    id: int
    name: str | None
    package: str | None
    state: Literal["installed", "reserved", "for experiments", "free"]


def list_ids() -> list[Id]:
    """All ids that files have room for, kind after kind, ascending."""
    registries: tuple[Registry[Any], ...] = (MODALITIES, CODECS, FIELDS, QUANTIZERS)
    return [row for registry in registries for row in _ids_of(registry)]


def _ids_of(registry: Registry[Any]) -> list[Id]:
    noun, ids = registry.kind.noun, registry.kind.ids
    rows = {number: Id(noun, number, None, None, "free") for number in ids}
    rows[ids[-1]] = Id(noun, ids[-1], None, None, "for experiments")
    for number, owner in reserved(noun).items():
        rows[number] = Id(noun, number, owner.name, owner.package, "reserved")
    for name, found in registry.items():
        rows[found.id] = Id(noun, found.id, name, registry.packages[name], "installed")
    return list(rows.values())
