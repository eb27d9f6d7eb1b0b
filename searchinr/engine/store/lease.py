"""One driver at a time on a storage: whoever drives says so again and again, and a newcomer listens first.

No clocks are compared: a newcomer takes over when it has seen the same words for longer than any driver is silent. A
driver that was cut off for that long finds the newcomer's words, and ends. With its words a driver says how far the run
is, for those who look from elsewhere.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from searchinr.engine.store.place import Place
from searchinr.errors import UserError

BEAT_S = 5.0
PATIENCE_S = 20.0
_FILE = ".driver"


class Lease:
    """The right to drive a run."""

    def __init__(self, place: Place, folder: Path, note: Callable[[str], None]) -> None:
        """Nobody's yet: the right to drive the run at a place on the storage.

        The caller has locked the run folder: who drove from there before is gone. `note` tells the user why it takes so
        long.
        """
        self._note = note
        self._place, self._file = place, place / _FILE
        self._owner = {"id": uuid.uuid4().hex, "from": f"{socket.gethostname()}:{folder.resolve()}", "pid": os.getpid()}
        self._over = threading.Event()
        self._lost = False
        self._progress: Callable[[], Mapping[str, Any]] = dict

    @contextmanager
    def held(self) -> Iterator[None]:
        """Takes the right, once no other driver is heard, and keeps it; `UserError` if another one is at work."""
        self._wait_for_silence()
        self._say(0)
        thread = threading.Thread(target=self._keep_saying, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            with suppress(OSError):
                if self._is_mine(_read(self._file)):
                    self._file.unlink(missing_ok=True)

    def check(self) -> None:
        """Called before anything is written; `OSError` if another driver has taken over."""
        if self._lost:
            raise OSError(f"{self._place}: another searchinr, started later, has taken over")

    def tell(self, progress: Callable[[], Mapping[str, Any]]) -> None:
        """Says how far the run is, as JSON has it, with the next words; `progress` is asked when they are said."""
        self._progress = progress

    def _wait_for_silence(self) -> None:
        heard = _read(self._file)
        if heard is None or _parsed(heard).get("from") == self._owner["from"]:
            return
        self._note(f"listening for {PATIENCE_S:g} s whether the driver of an earlier start is still at work")
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            time.sleep(BEAT_S / 5)
            if _read(self._file) not in (heard, None):
                raise UserError(
                    f"{self._place}: another searchinr is running there (from {_parsed(heard).get('from')}); wait for "
                    "it, or choose another --storage"
                )

    def _keep_saying(self) -> None:
        beat = 0
        while not self._over.wait(BEAT_S):
            with suppress(OSError):  # the network is down: the driver will find out itself
                if not self._is_mine(_read(self._file)):
                    self._lost = True
                    return
                beat += 1
                self._say(beat)

    def _say(self, beat: int) -> None:
        self._file.write_whole(json.dumps({**self._owner, "beat": beat, "progress": self._progress()}).encode())

    def _is_mine(self, heard: bytes | None) -> bool:
        return heard is not None and _parsed(heard).get("id") == self._owner["id"]


def progress_at(place: Place) -> dict[str, Any] | None:
    """How far the driver of a run on a storage says that it is; None where there is none, or it has not said yet."""
    said = _parsed(_read(place / _FILE) or b"").get("progress")
    return said if isinstance(said, dict) and said else None


def _read(file: Place) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _parsed(heard: bytes) -> dict[str, Any]:
    try:
        said = json.loads(heard)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
