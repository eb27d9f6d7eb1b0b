"""Processes that fork from one which has imported what ours need: that takes each of them seconds of its own.

They get arguments as Python gets them, are signalled and killed as any other process, and end as `sys.exit` says.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["searchinr.engine.run.start", "mlflow.store.tracking.sqlalchemy_store"])


class Forked:
    """Such a process, used as a `subprocess.Popen` is."""

    def __init__(
        self, command: Sequence[str], *, stdout: BinaryIO, stderr: BinaryIO, env: Mapping[str, str], **_: object
    ) -> None:
        files = [os.fspath(file.name) for file in (stdout, stderr)]
        self._process = _CONTEXT.Process(target=_become, args=(command[1:], files, dict(env)), daemon=True)
        self._process.start()
        self.pid = int(self._process.pid or 0)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("forked", timeout or 0)
        return self._process.exitcode


def _become(arguments: Sequence[str], files: list[str], environment: dict[str, str]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY), number)
    option, what, *rest = arguments
    sys.argv = [what, *rest]
    if option == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(what, {"__name__": "__main__"})
