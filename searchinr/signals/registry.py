"""All modalities by name: the modules of `modalities` that define `MODALITY`, and those of other packages."""

from pathlib import Path

import searchinr.signals.modalities
from searchinr.discover import MODALITY_KIND, Registry, discover, instances
from searchinr.errors import UserError
from searchinr.signals.contract import Modality

MODALITIES: Registry[Modality] = instances(discover(MODALITY_KIND, searchinr.signals.modalities, Modality))  # type: ignore[type-abstract]


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
