"""Originals beside what the front's files decode to, at three rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from searchinr.engine.report.front import FrontReport
from searchinr.engine.store.asset_files import decode_data
from searchinr.engine.store.run_folder import RunFolder, safe_name
from searchinr.errors import UserError
from searchinr.search.figures import SignalFigures
from searchinr.search.lines import Point
from searchinr.signals.contract import Modality
from searchinr.signals.datasets import Dataset
from searchinr.signals.exhibits import Exhibits
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal

_TITLES = {1: ("only rate",), 2: ("low rate", "high rate"), 3: ("low rate", "middle rate", "high rate")}

SIGNALS = 4
"""Signals that are shown of a dataset, from the one that suffers most to the one that suffers least."""


@dataclass(frozen=True)
class Version:
    """What one file of the front holds.

    Attributes:
        title: Which rate it is, e.g. ``"low rate"``.
        point: The operating point.
        figures: The signal's own figures there.
        exhibits: What there is to see of what the file decodes to.
    """

    title: str
    point: Point
    figures: SignalFigures
    exhibits: Exhibits


@dataclass(frozen=True)
class Decoded:
    """A signal, and what is left of it at several rates.

    Attributes:
        name: The signal's name.
        original: What there is to see of the signal, or of the part by which it is judged.
        versions: By rising rate.
    """

    name: str
    original: Exhibits
    versions: tuple[Version, ...]


def decoded_signals(folder: RunFolder, report: FrontReport, dataset: Dataset) -> tuple[Decoded, ...]:
    """Decodes the files of a few signals at the ends and in the middle of the front.

    A file that is missing or damaged is left out: `searchinr verify` is what complains of it.

    Args:
        folder: The run folder.
        report: Its front.
        dataset: The signals.

    Returns:
        At most `SIGNALS`; none for a modality that shows nothing.
    """
    modality = MODALITIES.get(report.modality)
    if modality is None:
        return ()
    signals = {signal.name: signal for signal in dataset.signals}
    found = []
    for name in _chosen(report):
        original = () if name not in signals else modality.exhibits(signals[name].measured)
        versions = []
        for title, point in three_rates(report).items() if original else ():
            exhibits = _decoded(folder.point_folder(point) / f"{safe_name(name)}.inr", modality, signals[name])
            if exhibits:
                versions.append(Version(title, point, point.signals.row(name), exhibits))
        if versions:
            found.append(Decoded(name, original, tuple(versions)))
    return tuple(found)


def three_rates(report: FrontReport) -> dict[str, Point]:
    """The points of the front that are shown, by title: its ends and its middle, as far as it has so many."""
    front = report.front
    places = dict.fromkeys((0, len(front) // 2, len(front) - 1))
    return {title: front[place] for title, place in zip(_TITLES[len(places)], places, strict=True)}


def _chosen(report: FrontReport) -> Sequence[str]:
    """Names of signals from the lowest to the highest PSNR in the middle of the front, evenly spread."""
    rows = sorted(report.front[len(report.front) // 2].signals, key=lambda row: row.psnr_db)
    count = min(SIGNALS, len(rows))
    places = [round(i * (len(rows) - 1) / max(1, count - 1)) for i in range(count)]
    return [rows[place].name for place in places]


def _decoded(path: Path, modality: Modality, signal: Signal) -> Exhibits:
    """What there is to see of what a file of a signal holds; nothing if it cannot be decoded."""
    try:
        return modality.exhibits(decode_data(path.read_bytes(), path, signal.judged_at))
    except (OSError, UserError):
        return ()
