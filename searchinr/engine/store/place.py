"""Where the driver and the workers of a run meet: a folder that all of them see, or an object store by its URL.

Both are a `Place` and have the same verbs. What is written there is there whole or not at all. Credentials never stand
in a URL: they come from the environment or from the machine's role. In a URL the path is quoted, in a key it is not.
"""

import shutil
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING, ClassVar, TypeVar
from urllib.parse import quote, unquote, urlsplit

from searchinr.addresses import fault_of, shown
from searchinr.errors import UserError
from searchinr.files import remove_temporaries, sync_folder, write_atomic
from searchinr.signals.files import user_path

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

Result = TypeVar("Result")

_ARROW = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
_WHOLE_OBJECTS = ("s3", "gcs", "abfs")  # file systems on which nobody sees an object before it is complete
_PAUSES_S = (0.5, 2.0, 8.0)  # before trying again: networks fail for moments, and credentials grow old


class Place(ABC):
    """A file or a folder, wherever it is.

    Attributes:
        is_remote: Whether each look at it is a request over a network.
    """

    is_remote: ClassVar[bool]

    @property
    @abstractmethod
    def name(self) -> str:
        """The last part of its path."""

    @property
    @abstractmethod
    def parent(self) -> "Place":
        """The folder in which it is."""

    @abstractmethod
    def __truediv__(self, name: str) -> "Place":
        """What is called so in this folder; the name may lead through several folders."""

    @abstractmethod
    def below(self, folder: "Place") -> str:
        """Its path from a folder above it on."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether it is there."""

    @abstractmethod
    def read_bytes(self) -> bytes:
        """The content; `FileNotFoundError` where there is none."""

    @abstractmethod
    def write_whole(self, data: bytes) -> None:
        """Writes the file completely or not at all. The folder must be there, see `make_folder`."""

    @abstractmethod
    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the file; `FileNotFoundError` where there is none, unless that is fine."""

    @abstractmethod
    def set_aside(self) -> None:
        """Renames a damaged file to `*.damaged`, so that nobody reads it again."""

    @abstractmethod
    def glob(self, pattern: str) -> Iterator["Place"]:
        """Files right in this folder whose names match; none where there is no folder."""

    @abstractmethod
    def files(self) -> Iterator["Place"]:
        """All files in this folder and below, except those that are half-written; none where there is no folder."""

    def make_folder(self) -> None:
        """Makes the folder, with those above it, where folders have to be made: an object store has none."""
        return

    @abstractmethod
    def remove_tree(self) -> None:
        """Removes the folder with everything in it, as far as possible."""

    def tidy(self) -> None:
        """Removes from this folder what a killed process has left half-written, where that would be taken for ours."""
        return

    @abstractmethod
    def probe(self) -> None:
        """Writes the file, reads it and removes it again, at the first attempt; `OSError` if that is not possible."""


class LocalPlace(PosixPath, Place):
    """A path on a file system that is mounted here: one of `pathlib`, which has most of the verbs."""

    is_remote = False

    def below(self, folder: Place) -> str:
        """See `Place.below`."""
        assert isinstance(folder, Path)
        return self.relative_to(folder).as_posix()

    def write_whole(self, data: bytes) -> None:
        """See `Place.write_whole`."""
        write_atomic(self, data)

    def set_aside(self) -> None:
        """See `Place.set_aside`."""
        self.replace(self.with_suffix(".damaged"))

    def files(self) -> Iterator["LocalPlace"]:
        """See `Place.files`."""
        return (path for path in self.rglob("*") if path.is_file() and not path.name.startswith("."))

    def make_folder(self) -> None:
        """See `Place.make_folder`."""
        self.mkdir(parents=True, exist_ok=True)
        sync_folder(self.parent)

    def remove_tree(self) -> None:
        """See `Place.remove_tree`."""
        shutil.rmtree(self, ignore_errors=True)

    def tidy(self) -> None:
        """See `Place.tidy`."""
        remove_temporaries(self)

    def probe(self) -> None:
        """See `Place.probe`; the folder is made where it is missing."""
        self.parent.mkdir(parents=True, exist_ok=True)
        self.write_bytes(b"")
        self.unlink()


@dataclass(frozen=True, order=True)
class RemotePlace(Place):
    """A path on a file system that is not mounted, by pyarrow or fsspec. It may be sent to another machine.

    Attributes:
        root: URL without a path, e.g. ``s3://bucket?region=eu-central-1``.
        key: The path below it, without slashes at its ends.
    """

    is_remote = True
    root: str
    key: str

    def __post_init__(self) -> None:
        if urlsplit(self.root).scheme not in _ARROW and set(self.key) & set("*?["):  # it would remove other files too
            raise UserError(f"{self}: allowed are names without * ? and [, which this storage takes for patterns")

    def __str__(self) -> str:
        base, question_mark, query = self.root.partition("?")
        return f"{base}/{quote(self.key)}{question_mark}{query}"

    def __truediv__(self, name: str) -> "RemotePlace":
        return RemotePlace(self.root, f"{self.key}/{name}".strip("/"))

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> "RemotePlace":
        """See `Place.parent`."""
        return RemotePlace(self.root, self.key.rpartition("/")[0])

    def below(self, folder: Place) -> str:
        """See `Place.below`."""
        assert isinstance(folder, RemotePlace)
        return self.key.removeprefix(folder.key).strip("/")

    def exists(self) -> bool:
        """Whether there is a file."""
        return self._try(lambda system, path: bool(system.get_file_info(path).is_file))

    def read_bytes(self) -> bytes:
        """The content; `FileNotFoundError` where there is none."""

        def read(system: "FileSystem", path: str) -> bytes:
            with system.open_input_stream(path) as stream:
                return bytes(stream.read())

        return self._try(read)

    def write_whole(self, data: bytes) -> None:
        """See `Place.write_whole`."""
        self._try(lambda system, path: _put(system, path, data))

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the file; `FileNotFoundError` where there is none, unless that is fine."""
        with suppress(*[FileNotFoundError] * missing_ok):
            self._try(lambda system, path: system.delete_file(path))

    def set_aside(self) -> None:
        """See `Place.set_aside`."""
        target = self.parent / f"{self.name.rpartition('.')[0] or self.name}.damaged"
        base = _open(self.root)[1]
        self._try(lambda system, path: system.move(path, f"{base}/{target.key}"))

    def glob(self, pattern: str) -> Iterator["RemotePlace"]:
        """Files right in this folder whose names match; none where there is no folder."""
        return (path for path in self._files(recursive=False) if fnmatchcase(path.name, pattern))

    def files(self) -> Iterator["RemotePlace"]:
        """See `Place.files`."""
        return self._files(recursive=True)

    def remove_tree(self) -> None:
        """See `Place.remove_tree`."""
        with suppress(OSError):
            self._try(lambda system, path: system.delete_dir(path))

    def probe(self) -> None:
        """See `Place.probe`."""
        system, base = _open(self.root)
        path, content = f"{base}/{self.key}", uuid.uuid4().bytes
        _put(system, path, content)
        with system.open_input_stream(path) as stream:
            found = bytes(stream.read())
        system.delete_file(path)
        if found != content:
            raise OSError("what is written there reads back differently")

    def _files(self, *, recursive: bool) -> Iterator["RemotePlace"]:
        from pyarrow.fs import FileSelector

        base = _open(self.root)[1]
        infos = self._try(
            lambda system, path: system.get_file_info(FileSelector(path, recursive=recursive, allow_not_found=True))
        )
        for info in infos:
            if info.is_file:
                yield RemotePlace(self.root, info.path.removeprefix(base).strip("/"))

    def _try(self, operation: Callable[["FileSystem", str], Result]) -> Result:
        """The result of an operation, which is tried again with new credentials where it fails."""
        for pause in _PAUSES_S:
            try:
                return self._once(operation)
            except FileNotFoundError:
                raise
            except OSError:
                _open.cache_clear()
                time.sleep(pause)
        return self._once(operation)

    def _once(self, operation: Callable[["FileSystem", str], Result]) -> Result:
        system, base = _open(self.root)
        return operation(system, f"{base}/{self.key}")


def parse_place(text: str) -> Place:
    """The place that a path or a URL names. Connects to nothing.

    Raises:
        UserError: The URL's scheme is not known, it names no bucket, or it has credentials in it.
    """
    if "://" not in text:
        return LocalPlace(user_path(text).absolute())
    reason = fault_of(text)
    if reason is not None:
        raise UserError(
            f"{shown(text)}: {reason}; credentials come from the environment (AWS_ACCESS_KEY_ID, ...) or from the "
            "machine's role"
        )
    url = urlsplit(text, allow_fragments=False)
    path = unquote(url.path)
    if url.scheme == "file":
        if url.netloc or "?" in text:
            raise UserError(f"{text}: allowed is file:///PATH, with %3F for a question mark in it")
        return LocalPlace(path)
    from fsspec import available_protocols

    if url.scheme not in _ARROW and url.scheme not in available_protocols():
        raise UserError(f"{shown(text)}: scheme {url.scheme!r} found; allowed are a folder, s3, gs, abfs, hdfs or file")
    if not url.netloc:
        raise UserError(f"{shown(text)}: no bucket found; allowed is {url.scheme}://BUCKET/PATH")
    query = f"?{url.query}" if url.query else ""
    return RemotePlace(f"{url.scheme}://{url.netloc}{query}", path.strip("/"))


def check_writable(place: Place) -> None:
    """Makes sure that files can be written, read and removed at a place, made if it is a folder; `UserError` if not."""
    probe = place / f".searchinr-probe-{uuid.uuid4().hex}"
    try:
        probe.probe()
    except (OSError, ValueError, ImportError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UserError(
            f"{place}: cannot write there ({reason}); check its name and your rights, or name another"
        ) from error


def _put(system: "FileSystem", path: str, data: bytes) -> None:
    whole = system.type_name in _WHOLE_OBJECTS
    target = path if whole else f"{path}.{uuid.uuid4().hex}.tmp"
    if not whole:
        system.create_dir(path.rpartition("/")[0], recursive=True)
    stream = system.open_output_stream(target)
    stream.write(data)
    stream.close()  # not after an error: half an object would appear
    if not whole:
        system.move(target, path)


@lru_cache
def _open(root: str) -> tuple["FileSystem", str]:
    """The file system of a root, and the root's path on it."""
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    if urlsplit(root).scheme in _ARROW:
        if root.startswith("s3:"):  # a small object is one request, and an interrupted one leaves nothing behind
            root += f"{'&' if '?' in root else '?'}allow_delayed_open=true"
        system, base = FileSystem.from_uri(root)
        return system, base.rstrip("/")
    from fsspec.core import url_to_fs

    found, base = url_to_fs(root.partition("?")[0])
    return PyFileSystem(FSSpecHandler(found)), base.rstrip("/")
