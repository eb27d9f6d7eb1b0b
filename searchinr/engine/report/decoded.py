"""Originals beside what the front's files decode to, at three rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from searchinr.engine.report.front import FrontReport, Point
from searchinr.engine.store.asset_files import decode_data
from searchinr.engine.store.run_folder import RunFolder, safe_name
from searchinr.errors import UserError
from searchinr.signals.datasets import Dataset
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal

_TITLES = {1: ("only rate",), 2: ("low rate", "high rate"), 3: ("low rate", "middle rate", "high rate")}

SIGNALS = 4
"""Signals that are shown of a dataset, from the one that suffers most to the one that suffers least."""

_SIZES = {"image": (768, 768), "audio": (80_000,)}
"""What is shown of a signal, and of which modalities anything is: the middle of a picture, the beginning of a clip."""


@dataclass(frozen=True)
class Version:
    """What one file of the front holds.

    Attributes:
        title: Which rate it is, e.g. ``"low rate"``.
        point: The operating point.
        figures: The signal's own figures there.
        signal: What the file decodes to.
    """

    title: str
    point: Point
    figures: Point
    signal: Signal


@dataclass(frozen=True)
class Decoded:
    """A signal, and what is left of it at several rates.

    Attributes:
        original: The signal.
        versions: By rising rate.
    """

    original: Signal
    versions: tuple[Version, ...]


def decoded_signals(folder: RunFolder, report: FrontReport, dataset: Dataset) -> tuple[Decoded, ...]:
    """Decodes the files of a few signals at the ends and in the middle of the front.

    A file that is missing or damaged is left out: `searchinr verify` is what complains of it.

    Args:
        folder: The run folder.
        report: Its front.
        dataset: The signals.

    Returns:
        At most `SIGNALS`; none for a modality that cannot be shown.
    """
    size = _SIZES.get(report.modality)
    if size is None:
        return ()
    modality = MODALITIES[report.modality]
    signals = {signal.name: signal for signal in dataset.signals}
    found = []
    for name in _chosen(report):
        versions = []
        for title, point in three_rates(report).items():
            file = folder.point_folder(point) / f"{safe_name(name)}.inr"
            signal = _decode(file)
            if signal is not None:
                (figures,) = (row for row in point["signals"] if row["name"] == name)
                versions.append(Version(title, point, figures, modality.crop(signal, size)))
        if name in signals and versions:
            found.append(Decoded(modality.crop(signals[name], size), tuple(versions)))
    return tuple(found)


def three_rates(report: FrontReport) -> dict[str, Point]:
    """The points of the front that are shown, by title: its ends and its middle, as far as it has so many."""
    front = report.front
    places = dict.fromkeys((0, len(front) // 2, len(front) - 1))
    return {title: front[place] for title, place in zip(_TITLES[len(places)], places, strict=True)}


def _chosen(report: FrontReport) -> Sequence[str]:
    """Names of signals from the lowest to the highest PSNR in the middle of the front, evenly spread."""
    rows = sorted(report.front[len(report.front) // 2]["signals"], key=lambda row: float(row["psnr_db"]))
    count = min(SIGNALS, len(rows))
    places = [round(i * (len(rows) - 1) / max(1, count - 1)) for i in range(count)]
    return [rows[place]["name"] for place in places]


def _decode(path: Path) -> Signal | None:
    try:
        return decode_data(path.read_bytes(), path)
    except (OSError, UserError):
        return None
