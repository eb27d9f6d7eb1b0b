"""Assets that earlier runs have built, in a folder that all runs of a user share.

    <asset>-<16 digits>.safetensors   an asset as in a run folder, and beside its metadata what its building has cost;
                                      `<asset>` is its `asset_id`, the digits are those of the file's SHA-256
    <asset>-<16 digits>.uses          a line of JSON for each time that a run has built it or taken it from here
    <asset>-<16 digits>.damaged       a file that was not what its name says

Any number of runs may use the folder at the same time: a file is there whole or not at all, its name says what it
holds, and it never changes.
"""

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.engine.store.asset_files import ASSET_SUFFIX, StoredAsset, pack_asset, unpack_asset
from searchinr.engine.store.tensors import metadata
from searchinr.errors import InvalidFileError, UserError
from searchinr.files import remove_temporaries, write_atomic
from searchinr.search.figures import Cost

VARIABLE = "SEARCHINR_ASSETS"
"""Names the folder where no option does."""

_OWN = re.compile(r"\w+-[0-9a-f]{16}-[0-9a-f]{16}\.(safetensors|uses|damaged)")
_HEADER = 2**20  # bytes that are read to know what a file says of itself
_HALF_WRITTEN_S = 86400.0  # the age from which a temporary file is one of a writer that was killed


@dataclass(frozen=True)
class Origin:
    """Where an asset in the cache is from.

    Attributes:
        cost: What its building has cost.
        dataset: Label of the dataset for which it was built.
        time: When, in seconds since 1970.
    """

    cost: Cost
    dataset: str
    time: float

    @classmethod
    def of(cls, about: Mapping[str, str]) -> "Origin":
        """Where an asset is from, by its file's metadata; `InvalidFileError` if they do not say it."""
        try:
            row = json.loads(about["origin"])
            return cls(**{**row, "cost": Cost(**row["cost"])})
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidFileError(f"not a file of this searchinr's cache ({error})") from error


@dataclass(frozen=True)
class Entry:
    """An asset in the cache, as it is listed.

    Attributes:
        path: Its file.
        about: The file's metadata: `codec`, `name`, `params`, ...
        origin: Where it is from.
        bytes: Size of the file.
        used: When a run has used it last, in seconds since 1970.
        runs: The folders of the runs that have used it, the latest last.
    """

    path: Path
    about: Mapping[str, str]
    origin: Origin
    bytes: int
    used: float
    runs: tuple[str, ...]


def cache_folder(given: Path | None) -> Path:
    """Where assets are kept for all runs.

    Args:
        given: What an option says. Without it the environment variable `SEARCHINR_ASSETS` decides, else the folder is
            in the user's cache folder (`XDG_CACHE_HOME` on Linux).

    Raises:
        UserError: The option or the variable names a folder that cannot be written.
    """
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        try:
            named.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=named).close()
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"{named}: assets cannot be kept there ({reason}); name another folder") from error
        return named
    import pooch  # imports requests, which takes a while

    return Path(pooch.os_cache("searchinr")) / "assets"


class AssetCache:
    """The cache as one run uses it. Where its folder cannot be used it says so once, and the run goes on without."""

    def __init__(self, folder: Path | None, run: Path, warn: Callable[[str], None]) -> None:
        """A cache, of which nothing is read or written before it is asked for an asset.

        Entries will name the run's folder among their users. `warn` is called with one line where something is wrong
        with the cache's folder or a file in it.
        """
        self._folder, self._run, self._warn = folder, run, warn
        self._told = False  # that there is no cache

    def find(self, asset: str, spec: AssetSpec) -> StoredAsset | None:
        """The asset with this `asset_id` that was built for this spec, if it is there; its metadata say its `Origin`.

        What is damaged is set aside.
        """
        for path in self._entries(asset):
            try:
                data = path.read_bytes()
                if _digits(data) != path.stem[-16:]:
                    raise InvalidFileError(f"{path}: not what was written")
                stored = unpack_asset(data, path)
                Origin.of(stored.about)
            except InvalidFileError as error:
                self._set_aside(path, error)
                continue
            except OSError as error:
                if not isinstance(error, FileNotFoundError):  # else another run has just removed it
                    self._give_up(error)
                continue
            if stored.asset.spec == spec:
                self._note_use(path)
                return stored
        return None

    def keep(self, asset: str, codec: str, content: Asset, origin: Origin) -> None:
        """Keeps an asset that was built for a codec, unless one with this `asset_id` is there already."""
        if self.find(asset, content.spec) is not None or self._folder is None:
            return
        data = pack_asset(codec, content, {"origin": json.dumps(asdict(origin))})
        path = self._folder / f"{asset}-{_digits(data)}{ASSET_SUFFIX}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data)
        except OSError as error:
            self._give_up(error)
        else:
            self._note_use(path)

    def _entries(self, asset: str) -> list[Path]:
        if self._folder is None:
            self._say_without("you have no cache folder")
            return []
        try:
            return sorted(self._folder.glob(f"{asset}-*{ASSET_SUFFIX}"))
        except OSError as error:
            self._give_up(error)
            return []

    def _set_aside(self, path: Path, error: InvalidFileError) -> None:
        with suppress(OSError):  # another run has done so, or this one may not
            path.replace(path.with_suffix(".damaged"))
        self._warn(f"{error}; it is set aside, and the asset is built")

    def _note_use(self, path: Path) -> None:
        line = json.dumps({"run": str(self._run.resolve()), "time": time.time()}) + "\n"
        with suppress(OSError), path.with_suffix(".uses").open("a") as uses:
            uses.write(line)  # one short line at the end of a file: no two runs' are mixed

    def _give_up(self, error: OSError) -> None:
        self._say_without(f"{self._folder} cannot be used, {error.strerror or error}")
        self._folder = None

    def _say_without(self, reason: str) -> None:
        if not self._told:
            self._warn(f"assets are not kept for other runs ({reason}); name a folder with --assets")
            self._told = True


def entries(folder: Path) -> list[Entry]:
    """What is in a cache, the least recently used first; files that are none of its own are left out."""
    found = []
    for path in _own(folder, ASSET_SUFFIX):
        with suppress(OSError, ValueError, InvalidFileError):  # just removed, or damaged: `AssetCache` sets it aside
            with path.open("rb") as file:
                about = metadata(file.read(_HEADER))
            uses = _uses(path)
            origin = Origin.of(about)
            used = max([origin.time, *uses.values()])
            found.append(
                Entry(path, about, origin, path.stat().st_size, used, tuple(sorted(uses, key=uses.__getitem__)))
            )
    return sorted(found, key=lambda entry: (entry.used, entry.path))


def prune(folder: Path, *, unused_s: float | None, max_bytes: int | None, now: float) -> list[Entry]:
    """Removes assets from a cache, and what was damaged or half-written. Other files are left alone.

    Args:
        folder: The cache.
        unused_s: What no run has used for so long goes; None to keep it.
        max_bytes: The least recently used go until no more bytes are left; None for any number.
        now: In seconds since 1970.

    Returns:
        What was removed.
    """
    kept = entries(folder)
    gone = [entry for entry in kept if unused_s is not None and now - entry.used >= unused_s]
    kept = [entry for entry in kept if entry not in gone]
    while kept and max_bytes is not None and sum(entry.bytes for entry in kept) > max_bytes:
        gone.append(kept.pop(0))
    for entry in gone:
        entry.path.unlink(missing_ok=True)
    for path in _own(folder, ".damaged"):
        path.unlink(missing_ok=True)
    for path in _own(folder, ".uses"):
        if not path.with_suffix(ASSET_SUFFIX).exists():
            path.unlink(missing_ok=True)
    remove_temporaries(folder, older_than_s=_HALF_WRITTEN_S)
    return gone


def _own(folder: Path, suffix: str) -> Iterator[Path]:
    """The files of a cache, with this suffix: those with names that only a cache gives."""
    for path in sorted(folder.glob(f"*{suffix}")):
        if _OWN.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            yield path


def _uses(path: Path) -> dict[str, float]:
    """When each run has last used an asset."""
    found = {}
    with suppress(FileNotFoundError):
        for row in path.with_suffix(".uses").read_text().splitlines():
            with suppress(ValueError, KeyError):  # torn by a crash
                line = json.loads(row)
                found[str(line["run"])] = float(line["time"])
    return found


def _digits(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
