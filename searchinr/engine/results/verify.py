"""Decodes every file of the front and compares the results with the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from searchinr.codecs.bitstream.container import unpack
from searchinr.codecs.work import Approve
from searchinr.engine.results.opened import OpenedRun
from searchinr.engine.store.asset_files import decode_data, read_recorded
from searchinr.engine.store.run_folder import safe_name
from searchinr.errors import TooMuchWorkError, UserError
from searchinr.search.figures import SignalFigures
from searchinr.search.lines import Point
from searchinr.signals.signal import Signal
from searchinr.trial import file_figures

_TOLERANCE_DB = 0.01
"""The tolerated difference of PSNR: another machine may round a decoded value to its neighbour."""


@dataclass(frozen=True)
class Verdict:
    """The verdict about one operating point of the front.

    Attributes:
        dataset: Label of the point's dataset.
        point: The point's ledger line.
        files: Number of the point's files.
        problems: One line for every figure that differs, empty if all agree.
    """

    dataset: str
    point: Point
    files: int
    problems: tuple[str, ...]


def verify(run: OpenedRun, data_dir: Path | None, approve: Approve | None = None) -> Iterator[Verdict]:
    """Verifies the fronts of all datasets, point by point; for `approve` see `codecs.registry.decode`."""
    for label in run.chosen(None):
        signals = {signal.name: signal for signal in run.dataset(label, data_dir).signals}
        for point in run.front(label).front:
            folder = run.folder.point_folder(point)
            problems: list[str] = []
            for row in point.signals:
                path, signal = folder / f"{safe_name(row.name)}.inr", signals.get(row.name)
                problems += _differences(path, row, signal, approve)
            yield Verdict(label, point, len(point.signals), tuple(problems))


def _differences(path: Path, row: SignalFigures, signal: Signal | None, approve: Approve | None) -> list[str]:
    if signal is None:
        return [f"{row.name}: the dataset has no such signal any more"]
    try:
        data = read_recorded(path, row)
        header, decoded = unpack(data).layout, decode_data(data, path, signal.judged_at, approve)
    except TooMuchWorkError as error:
        raise TooMuchWorkError(f"{path}: {error}") from error
    except UserError as error:
        return [f"{path}: {error}"]
    if header != signal.layout.in_file:
        return [f"{path}: holds a signal of another size or kind"]
    found = file_figures(signal, data, decoded)
    problems = []
    if abs(found.psnr_db - row.psnr_db) > _TOLERANCE_DB:
        problems.append(f"{path}: decodes to {found.psnr_db:.3f} dB, the ledger says {row.psnr_db:.3f} dB")
    if abs(found.rate - row.rate) > 1e-9:
        problems.append(f"{path}: its rate is {found.rate:.6f}, the ledger says {row.rate:.6f}")
    return problems
