"""Ray's processes on this machine that a run has started: they ignore SIGTERM, are watched, and are ended."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

_NOTICE_S = 10.0  # for the main thread to notice that Ray has died


@contextmanager
def sigterm_stays_ours() -> Iterator[None]:
    """While Ray starts, keeps the run's own handler of SIGTERM, and makes the processes that Ray starts ignore SIGTERM.

    Batch systems send SIGTERM to every process of a job. If Ray's processes obeyed it, no worker could write its
    checkpoint any more, and the run could not end in an orderly way, because calls to a Ray that is dead hang or end
    the process. The handler that Ray sets in the run's process is not used either: it ends the process wherever it is,
    even while a lock is held.
    """
    handler, set_handler = signal.getsignal(signal.SIGTERM), ray._private.utils.set_sigterm_handler
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # new processes and threads inherit this
    ray._private.utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        ray._private.utils.set_sigterm_handler = set_handler
        signal.signal(signal.SIGTERM, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def end_ray() -> None:
    """Ends Ray, and kills its processes that were started here.

    Otherwise Ray would send each of them a SIGTERM, which they ignore, and wait a second for its effect.
    """
    node = _node()
    started: list[list[Any]] = [] if node is None else list(node.all_processes.values())
    for process in (entry.process for entries in started for entry in entries):
        process.terminate = process.kill
    ray.shutdown()


def death_of_ray() -> str | None:
    """What to tell the user if a vital part of our own Ray has died, so that no job would ever end; otherwise None."""
    node = _node()
    dead: list[str] = [] if node is None else [part for part, _ in node.dead_processes()]  # type: ignore[no-untyped-call]
    vital = ", ".join(part for part in dead if part in ("raylet", "gcs_server"))
    if not vital:
        return None
    return f"Ray on this machine has died ({vital}); what is recorded is safe: the same command again continues"


@contextmanager
def not_stuck_without_ray(abandon: Callable[[str], None]) -> Iterator[None]:
    """Abandons the run if Ray has died and the main thread hangs in a call to it, so that it cannot notice.

    Such a call cannot be interrupted, and after a minute Ray itself would abort the process.

    Args:
        abandon: Is called from another thread with what to tell the user. It must not return.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            if (reason := death_of_ray()) and not over.wait(_NOTICE_S):
                abandon(reason)

    thread = threading.Thread(target=watch, name="ray-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _node() -> "ray._private.node.Node | None":
    """What Ray knows of its processes on this machine that this process has started.

    Ray has no public name for it, and its public `ray.nodes()` learns of a death late or never.
    """
    return ray._private.worker._global_node
