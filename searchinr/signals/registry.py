"""All modalities by name: the modules of `modalities` that define `MODALITY`."""

import searchinr.signals.modalities
from searchinr.discover import discover
from searchinr.signals.contract import Modality

MODALITIES: dict[str, Modality] = {
    name: cls() for name, cls in discover(searchinr.signals.modalities, "MODALITY", Modality).items()  # type: ignore[type-abstract]
}


def modality_by_id(number: int) -> Modality | None:
    """The modality with this number in `.inr` files, or None."""
    return next((m for m in MODALITIES.values() if m.id == number), None)
