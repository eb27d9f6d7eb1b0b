"""All modalities by name: the modules of `modalities` that define `MODALITY`."""

from pathlib import Path

import searchinr.signals.modalities
from searchinr.discover import discover
from searchinr.errors import UserError
from searchinr.signals.contract import Modality

MODALITIES: dict[str, Modality] = {
    name: cls()
    for name, cls in discover(searchinr.signals.modalities, "MODALITY", Modality).items()  # type: ignore[type-abstract]
}


def modality_by_id(number: int) -> Modality | None:
    """The modality with this number in `.inr` files, or None."""
    return next((m for m in MODALITIES.values() if m.id == number), None)


def modality_of_file(path: Path) -> Modality:
    """The modality that a file's suffix belongs to.

    Raises:
        UserError: None has it.
    """
    for modality in MODALITIES.values():
        if path.suffix.lower() in modality.suffixes:
            return modality
    allowed = " ".join(suffix for modality in MODALITIES.values() for suffix in modality.suffixes)
    raise UserError(f"{path}: suffix {path.suffix!r} found; allowed are {allowed}")
