"""All modalities by name: the modules of `modalities` that define `MODALITY`, and those of other packages."""

from pathlib import Path

import searchinr.signals.modalities
from searchinr.discover import MODALITY_KIND, Registry, discover, instances
from searchinr.errors import UserError
from searchinr.signals.contract import Modality
from searchinr.space import PSNR, Metric

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


def all_metrics() -> dict[str, Metric]:
    """What is measured of signals of any modality, by name.

    Raises:
        TypeError: Two modalities mean different things by one name.
    """
    found: dict[str, Metric] = {}
    for modality in MODALITIES.values():
        for metric in modality.metrics:
            if found.setdefault(metric.name, metric) != metric:
                raise TypeError(f"modality {modality.name} has a metric {metric.name!r} that differs from another's")
    return found


def metrics_of(modality: str, first: Metric = PSNR) -> tuple[Metric, ...]:
    """What is measured of signals of a modality, the metric `first` before others; PSNR if it is not installed."""
    found = MODALITIES.get(modality)
    return (PSNR,) if found is None else tuple(sorted(found.metrics, key=lambda metric: metric != first))
