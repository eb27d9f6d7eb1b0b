"""The files that a path of the user's stands for: which are taken, and which are left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from searchinr.errors import UserError
from searchinr.signals.files import user_path
from searchinr.signals.registry import MODALITIES

_OTHER_SUFFIX, _HIDDEN = "of other kinds", "hidden"
_TWICE, _NO_FILE = "folders that were reached before by another link", "neither files nor folders"


@dataclass(frozen=True)
class UserFiles:
    """The files at a path.

    Attributes:
        modality: Name of their modality.
        files: Those that are taken, sorted by path.
        left_out: Those that are not: the reason in a few words -> the paths.
    """

    modality: str
    files: Sequence[Path]
    left_out: Mapping[str, Sequence[Path]] = field(default_factory=dict)


def user_files(path: str, modality: str | None) -> UserFiles:
    """The files that a path stands for.

    Args:
        path: A file, a folder (all files below it with a suffix of the modality) or a pattern with `*`, `?`, `**`.
            Linked files and folders count like others, but no folder counts twice.
        modality: Its name, or None to tell it by the suffixes.

    Raises:
        UserError: Nothing found, an unknown modality, files of several modalities, or a link to nothing.
    """
    if modality is not None and modality not in MODALITIES:
        raise UserError(f"{path}: modality {modality!r} found; allowed are {', '.join(MODALITIES)}")
    place = user_path(path)
    if place.is_file() and modality is not None:
        return UserFiles(modality, [place])
    walk = _Walk()
    if place.is_file():
        walk.files.add(place)
    elif place.is_dir():
        walk.below(place, ["**", "*"])
    elif any(sign in path for sign in "*?"):
        fixed = next(count for count, part in enumerate(place.parts) if any(sign in part for sign in "*?"))
        parts = place.parts[fixed:]
        walk.below(Path(*place.parts[:fixed]), [*parts, "*"] if parts[-1] == "**" else parts)
    else:
        raise UserError(f"{path}: no such file or folder; check the path")
    modality_of = {suffix: m.name for m in MODALITIES.values() for suffix in m.suffixes if modality in (None, m.name)}
    files = sorted(file for file in walk.files if file.suffix.lower() in modality_of)
    if not files:
        allowed = " ".join(modality_of)
        raise UserError(f"{path}: {len(walk.files)} files found, none with a known suffix; allowed are {allowed}")
    found = sorted({modality_of[file.suffix.lower()] for file in files})
    if len(found) > 1:
        raise UserError(f"{path}: files of several modalities found ({', '.join(found)}); give `modality`")
    left_out = {_OTHER_SUFFIX: walk.files.difference(files), **walk.left_out}
    return UserFiles(found[0], files, {why: sorted(paths) for why, paths in left_out.items() if paths})


class _Walk:
    """A walk through folders that finds what matches a pattern.

    It follows links, which `Path.glob` does not, and enters no folder twice, as `glob.glob` does where links run in a
    circle.
    """

    def __init__(self) -> None:
        self.files: set[Path] = set()
        self.left_out: dict[str, set[Path]] = {_HIDDEN: set(), _TWICE: set(), _NO_FILE: set()}
        self._entered: set[tuple[Path, int]] = set()

    def below(self, folder: Path, parts: Sequence[str]) -> None:
        """Collects what is below a folder and matches these parts of a pattern, of which the last is a file's."""
        step = folder.resolve(), len(parts)
        if step in self._entered:
            self.left_out[_TWICE].add(folder)
            return
        self._entered.add(step)
        try:
            entries = sorted(folder.iterdir()) if folder.is_dir() else []
            if parts[0] == "**":
                self.below(folder, parts[1:])
            for entry in entries:
                self._look_at(entry, parts)
        except OSError as error:
            raise UserError(f"{error.filename or folder}: cannot be read ({error.strerror})") from error

    def _look_at(self, entry: Path, parts: Sequence[str]) -> None:
        first, any_depth, is_last = parts[0], parts[0] == "**", len(parts) == 1
        if not any_depth and not fnmatchcase(entry.name, first.replace("[", "[[]")):  # brackets are part of names
            return
        if entry.name.startswith(".") and not first.startswith("."):
            self.left_out[_HIDDEN].add(entry)
        elif entry.is_symlink() and not entry.exists():
            raise UserError(
                f"{entry}: a link to {entry.readlink()}, which is not there; restore that, or remove the link"
            )
        elif entry.is_dir():
            if not is_last:
                self.below(entry, parts if any_depth else parts[1:])
        elif is_last and entry.is_file():
            self.files.add(entry)
        elif is_last:
            self.left_out[_NO_FILE].add(entry)
