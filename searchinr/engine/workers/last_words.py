"""Notices that the machine of a worker is about to go, which it announces by SIGTERM.

There is then time to write a checkpoint, but not to finish the job.
"""

import signal
import threading
from types import FrameType

_announced = threading.Event()


def listen() -> None:
    """From now on, takes SIGTERM for an announcement.

    Ray calls this in the main thread of each worker process before any job. The handler that Ray itself would use ends
    the process at once, wherever it is.
    """
    signal.signal(signal.SIGTERM, _note)


def announced() -> bool:
    """Whether the end has been announced since `wait_for_it` returned last."""
    return _announced.is_set()


def wait_for_it(longest_s: float) -> None:
    """Waits to be killed, so that no other job is started here in the meantime.

    If that has not happened after so many seconds, it was a false alarm, and the worker goes on.
    """
    threading.Event().wait(longest_s)
    _announced.clear()


def _note(number: int, frame: FrameType | None) -> None:
    _announced.set()
