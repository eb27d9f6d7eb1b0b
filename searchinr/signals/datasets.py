"""Data sets: signals of one modality, by name or from the user's own files."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from searchinr.errors import UserError
from searchinr.signals.dataset_files import (
    download,
    download_folder,
    locate,
    registered,
    registered_files,
)
from searchinr.signals.dataset_registry import REGISTRY
from searchinr.signals.flat import counted
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal
from searchinr.signals.user_files import user_files
from searchinr.space import DatasetEntry


@dataclass(frozen=True, eq=False)
class Dataset:
    """Signals of one modality, whose sizes may differ.

    Attributes:
        name: Short name for people, the entry's label.
        modality: Name of the modality.
        signals: The signals, their names unique.
        key: SHA-256 over names, layouts and samples: a changed file is a changed data set.
    """

    name: str
    modality: str
    signals: tuple[Signal, ...]
    key: str

    @property
    def contents(self) -> dict[str, str]:
        """A hash of each signal's layout and samples, by its name."""
        return {signal.name: _content(signal) for signal in self.signals}

    @property
    def uncounted(self) -> str:
        """A sentence about the flat signals, which no mean over signals counts; empty if there are none."""
        counts = zip(self.signals, counted(self.signals), strict=True)
        flat = [signal.name for signal, counts_in_means in counts if not counts_in_means]
        if not flat:
            return ""
        named = ", ".join(flat[:3]) + f" and {len(flat) - 3} more" * (len(flat) > 3)
        return f"{self.name}: means leave out what is flat (silent, or blank): {named}"


@dataclass(frozen=True)
class Taken:
    """The files of a data set.

    Attributes:
        modality: Name of its modality.
        files: The file of each signal, by the signal's name.
        left_out: Files that lie there and are not taken: the reason in a few words -> the paths.
    """

    modality: str
    files: Mapping[str, Path]
    left_out: Mapping[str, Sequence[Path]]


@dataclass(frozen=True)
class ListedDataset:
    """A registered data set as `searchinr data list` shows it.

    Attributes:
        name: Name in space files.
        modality: Name of its modality.
        signals: How many there are; None if only the folder would tell, and it is not on this machine.
        folder: Where it is now; None if it is not here.
        description: One line for people.
    """

    name: str
    modality: str
    signals: int | None
    folder: Path | None
    description: str


def load_dataset(entry: DatasetEntry, data_dir: Path | None = None) -> Dataset:
    """Reads a data set as an entry of a space file describes it: skip, limit, crop, downscale.

    A registered one is looked for in the data folder, see `locate`, and downloaded if need be.

    Raises:
        UserError: Unknown name, nothing found, a file that cannot be read, a size that does not fit a signal.
    """
    taken = taken_files(entry, data_dir)
    modality = MODALITIES[taken.modality]
    signals = []
    for name, path in taken.files.items():
        signal = replace(modality.read(path), name=name)
        if entry.crop is not None:
            signal = modality.crop(signal, entry.crop)
        if entry.downscale is not None:
            signal = modality.downscale(signal, entry.downscale)
        signals.append(signal)
    return Dataset(entry.label, taken.modality, tuple(signals), _content_key(signals))


def load_training(entry: DatasetEntry, measured: Dataset, data_dir: Path | None = None) -> Dataset | None:
    """Reads a data set's training signals, from which what decoding needs is built; None if its entry names none.

    Raises:
        UserError: See `load_dataset`; or they are of another modality than the measured ones, or one of them is among
            these.
    """
    if entry.train is None:
        return None
    training = load_dataset(entry.train, data_dir)
    if training.modality != measured.modality:
        raise UserError(f"dataset {entry.label}: train: {training.modality} found; allowed is {measured.modality}")
    known = {_content(signal): signal.name for signal in measured.signals}
    both = [(signal.name, known[_content(signal)]) for signal in training.signals if _content(signal) in known]
    if both:
        found = f"{both[0][0]!r} is {both[0][1]!r} of the measured signals" + f" (and {len(both) - 1} more)" * (
            len(both) > 1
        )
        raise UserError(
            f"dataset {entry.label}: train: {found}; allowed are signals that are not measured: part them with `skip` "
            "and `limit`, or name others"
        )
    return training


def is_here(entry: DatasetEntry, data_dir: Path | None = None) -> bool:
    """Whether a data set is one of the user's paths, or on this machine."""
    return entry.name is None or locate(registered(entry.name), data_dir) is not None


def files_here(entry: DatasetEntry, data_dir: Path | None = None) -> Mapping[str, Path]:
    """The file of each signal of a data set, by the signal's name; empty if they are not on this machine."""
    try:
        return taken_files(entry, data_dir).files if is_here(entry, data_dir) else {}
    except UserError:  # some are missing
        return {}


def taken_files(entry: DatasetEntry, data_dir: Path | None = None) -> Taken:
    """The files of a data set, downloaded first if they are registered and nowhere on this machine.

    Raises:
        UserError: See `load_dataset`.
    """
    if entry.name is not None:
        found = registered_files(registered(entry.name), get_dataset(entry.name, data_dir))
    else:
        assert entry.path is not None, "an entry has a name or a path"
        found = user_files(entry.path, entry.modality)
    paths = found.files[entry.skip :][: entry.limit]
    if not paths:
        raise UserError(f"dataset {entry.label}: skip: found {entry.skip}; the signals are {len(found.files)}")
    return Taken(found.modality, dict(zip(_unique_stems(paths), paths, strict=True)), found.left_out)


def get_dataset(name: str, data_dir: Path | None = None) -> Path:
    """The folder that holds a registered data set, downloaded first if it is nowhere on this machine.

    Raises:
        UserError: Unknown name, or it cannot be downloaded (the message says how else to get it), or its folder holds
            other files.
    """
    dataset = registered(name)
    folder = locate(dataset, data_dir)
    if folder is None:
        folder = download_folder(dataset)
        download(dataset, folder)
    if dataset.sha256:
        registered_files(dataset, folder)  # a folder of this name may hold other files
    return folder


def list_datasets(data_dir: Path | None = None) -> tuple[ListedDataset, ...]:
    """Every registered data set and where it is now."""
    listed = []
    for dataset in REGISTRY.values():
        folder = locate(dataset, data_dir)
        count = len(dataset.sha256) or None
        if count is None and folder is not None:
            count = len(registered_files(dataset, folder).files)
        listed.append(ListedDataset(dataset.name, dataset.modality, count, folder, dataset.description))
    return tuple(listed)


def _unique_stems(paths: Sequence[Path]) -> list[str]:
    r"""File names without suffix, with bytes that are no UTF-8 as `\xff`; those already taken get `-2`, `-3`, ..."""
    names: dict[str, None] = {}  # an ordered set
    for path in paths:
        stem = os.fsencode(path.stem).decode(errors="backslashreplace")
        name, count = stem, 1
        while name in names:
            count += 1
            name = f"{stem}-{count}"
        names[name] = None
    return list(names)


def _content_key(signals: Iterable[Signal]) -> str:
    digest = hashlib.sha256()
    for signal in signals:
        digest.update(json.dumps([signal.name, asdict(signal.layout)], sort_keys=True).encode())
        digest.update(_bytes(signal))
    return digest.hexdigest()


def _content(signal: Signal) -> str:
    """A hash of a signal whatever it is called."""
    return hashlib.sha256(json.dumps(asdict(signal.layout), sort_keys=True).encode() + _bytes(signal)).hexdigest()


def _bytes(signal: Signal) -> bytes:
    """All samples and, behind them, layout and samples of what is held out."""
    samples = signal.samples.astype(signal.samples.dtype.newbyteorder("<")).tobytes()
    if signal.held_out is None:
        return samples
    return samples + json.dumps(asdict(signal.held_out.layout), sort_keys=True).encode() + _bytes(signal.held_out)
