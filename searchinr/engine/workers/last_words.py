"""A worker whose machine announces its end, by SIGTERM, has time to write its checkpoint."""

import signal
import threading
from types import FrameType

_announced = threading.Event()


def listen() -> None:
    """Takes SIGTERM for an announcement; called by Ray in the main thread of each worker process, before any job.

    Ray's own handler ends the process where it is.
    """
    signal.signal(signal.SIGTERM, _note)


def announced() -> bool:
    """Whether the end was announced since `wait_for_it` came back last."""
    return _announced.is_set()


def wait_for_it(longest_s: float) -> None:
    """Waits to be killed, so that no other job is started here meanwhile; comes back where that was a false alarm."""
    threading.Event().wait(longest_s)
    _announced.clear()


def _note(number: int, frame: FrameType | None) -> None:
    _announced.set()
