"""Originals beside the signals that are decoded from the front's files, at three rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from searchinr.codecs.work import Approve
from searchinr.engine.report.front import FrontReport
from searchinr.engine.store.asset_files import decode_data, read_recorded
from searchinr.engine.store.run_folder import RunFolder, safe_name
from searchinr.errors import TooMuchWorkError, UserError
from searchinr.search.figures import SignalFigures
from searchinr.search.lines import Point
from searchinr.signals.contract import Modality
from searchinr.signals.datasets import Dataset
from searchinr.signals.exhibits import Exhibits
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal

_TITLES = {1: ("only rate",), 2: ("low rate", "high rate"), 3: ("low rate", "middle rate", "high rate")}

SIGNALS = 4
"""The number of signals that are shown of a dataset, from the one with the poorest quality to the one with the best."""


@dataclass(frozen=True)
class Version:
    """The signal that one file of the front holds.

    Attributes:
        title: A name of the rate, e.g. ``"low rate"``.
        point: The operating point of the file.
        figures: The signal's own figures at this point.
        exhibits: Pictures and sounds that show the decoded signal.
    """

    title: str
    point: Point
    figures: SignalFigures
    exhibits: Exhibits


@dataclass(frozen=True)
class Decoded:
    """A signal, and its decoded versions at several rates.

    Attributes:
        name: The signal's name.
        original: Pictures and sounds that show the signal, or the part by which it is judged.
        versions: The decoded versions by rising rate.
    """

    name: str
    original: Exhibits
    versions: tuple[Version, ...]


def decoded_signals(
    folder: RunFolder, report: FrontReport, dataset: Dataset, approve: Approve | None = None
) -> tuple[Decoded, ...]:
    """Decodes the files of a few signals at the ends and in the middle of the front.

    A file that is missing or damaged is left out here; `searchinr verify` reports it.

    Returns:
        At most `SIGNALS` signals; none for a modality that has nothing to show.
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
            path, row = folder.point_folder(point) / f"{safe_name(name)}.inr", point.signals.row(name)
            exhibits = _decoded(path, row, modality, signals[name], approve)
            if exhibits:
                versions.append(Version(title, point, row, exhibits))
        if versions:
            found.append(Decoded(name, original, tuple(versions)))
    return tuple(found)


def three_rates(report: FrontReport) -> dict[str, Point]:
    """The points of the front that are shown, by title: its ends and its middle, or fewer if it has fewer points."""
    front = report.front
    places = dict.fromkeys((0, len(front) // 2, len(front) - 1))
    return {title: front[place] for title, place in zip(_TITLES[len(places)], places, strict=True)}


def _chosen(report: FrontReport) -> Sequence[str]:
    """Names of evenly spread signals, from the poorest to the best quality at the middle point of the front."""
    rows = sorted(report.front[len(report.front) // 2].signals, key=report.quality.merit)
    count = min(SIGNALS, len(rows))
    places = [round(i * (len(rows) - 1) / max(1, count - 1)) for i in range(count)]
    return [rows[place].name for place in places]


def _decoded(path: Path, row: SignalFigures, modality: Modality, signal: Signal, approve: Approve | None) -> Exhibits:
    """Pictures and sounds that show the signal in a file; empty if it is not on record, or cannot be decoded."""
    try:
        return modality.exhibits(decode_data(read_recorded(path, row), path, signal.judged_at, approve))
    except TooMuchWorkError as error:
        raise TooMuchWorkError(f"{path}: {error}") from error
    except UserError:
        return ()
