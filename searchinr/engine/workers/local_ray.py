"""Ray's processes on this machine that a run has started.

Nobody else can reach them, they ignore SIGTERM, are watched, and are ended.
"""

import hashlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from searchinr.errors import UserError

_NOTICE_S = 10.0  # for the main thread to notice that Ray has died
_LONGEST = 18  # of the folder for temporary files: a socket's whole path may have 107 characters, and Ray adds 67


@contextmanager
def private_folder(run: str, *, for_ray: bool) -> Iterator[Path]:
    """A new folder that only this user can enter, for the files of Tune and the files and sockets of Ray.

    It is removed in the end, and so are those that earlier starts of the same run left behind when they were killed.
    Ray opens the folders that it makes to everybody, so it is the folder around them that has to be closed.

    Args:
        run: What tells the run from others.
        for_ray: Whether a Ray is started in it: then it is below `RAY_TMPDIR`, if that is set, and has a short name.

    Raises:
        UserError: There cannot be such a folder.
    """
    usual = tempfile.gettempdir()
    chosen = os.environ.get("RAY_TMPDIR") if for_ray else None
    base = Path(chosen or ("/tmp" if for_ray and len(usual) > _LONGEST else usual))
    if for_ray and len(str(base)) > _LONGEST:
        raise UserError(f"RAY_TMPDIR: {base} found; allowed are {_LONGEST} characters, as sockets have short names")
    prefix = f"sr-{hashlib.sha256(run.encode()).hexdigest()[:8]}-"
    for left in base.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    except OSError as error:
        name = "RAY_TMPDIR" if chosen else "TMPDIR"
        raise UserError(f"{name}: {base}: no folder can be made there ({error.strerror}); name another") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def closed_to_others() -> Iterator[None]:
    """While Ray starts, makes all of its processes listen on 127.0.0.1 alone, where they ask for a token.

    Ray has no option for this. It replaces 127.0.0.1 by the machine's address in the network, except on systems on
    which it supports no clusters.
    """
    constants = ray._private.ray_constants
    before, constants.ENABLE_RAY_CLUSTER = constants.ENABLE_RAY_CLUSTER, False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


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


@contextmanager
def ended() -> Iterator[None]:
    """Ends Ray at the end of the context, and kills its processes that were started here.

    Otherwise Ray would send each of them a SIGTERM, which they ignore, and wait a second for its effect.
    """
    try:
        yield
    finally:
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
