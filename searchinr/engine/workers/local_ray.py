"""The Ray that a run has started on this machine, as processes: deaf to SIGTERM, watched, ended."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

_NOTICE_S = 10.0  # for the main thread to notice that Ray has died


@contextmanager
def sigterm_stays_ours() -> Iterator[None]:
    """While Ray starts: SIGTERM stays the run's own, and the processes that Ray starts are deaf to it.

    Batch systems send it to every process of a job. Without Ray no worker could write its checkpoint, and no run end in
    an orderly way: its calls to a dead Ray hang, or end the process. Ray's own handler ends the process wherever it is,
    be it with a lock in its hands, so it is never set.
    """
    handler, set_handler = signal.getsignal(signal.SIGTERM), ray._private.utils.set_sigterm_handler
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # which new processes and threads inherit
    ray._private.utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        ray._private.utils.set_sigterm_handler = set_handler
        signal.signal(signal.SIGTERM, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def end_ray() -> None:
    """Ends Ray; what was started here is killed, or Ray would wait a second for each process to take its SIGTERM."""
    node = _node()
    started: list[list[Any]] = [] if node is None else list(node.all_processes.values())
    for process in (entry.process for entries in started for entry in entries):
        process.terminate = process.kill
    ray.shutdown()


def death_of_ray() -> str | None:
    """What to say if a vital part of the Ray that was started here has died, since no job would ever end."""
    node = _node()
    dead: list[str] = [] if node is None else [part for part, _ in node.dead_processes()]  # type: ignore[no-untyped-call]
    vital = ", ".join(part for part in dead if part in ("raylet", "gcs_server"))
    if not vital:
        return None
    return f"Ray on this machine has died ({vital}); what is recorded is safe: the same command again continues"


@contextmanager
def not_stuck_without_ray(abandon: Callable[[str], None]) -> Iterator[None]:
    """Abandons the run where Ray has died and the main thread, in a call to it, does not come back to notice.

    Such a call cannot be interrupted. After a minute Ray itself would abort the process.

    Args:
        abandon: Called from another thread with what to say; it does not return.
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
    """Ray's processes on this machine, as far as this process has started them.

    Ray has no public word for it, and `ray.nodes()` learns of a death late or never.
    """
    return ray._private.worker._global_node
