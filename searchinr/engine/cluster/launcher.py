"""Handles a cluster with Ray's own commands: `ray up`, `ray dashboard` (a tunnel to the head) and `ray down`.

They run in processes of their own: called as functions, they print to our terminal and end our process if they fail.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from searchinr.engine.cluster.cluster_file import Cluster

_DASHBOARD_PORT = 8265
_LAST_LINES = 8
_PATIENCE_S = 60.0  # the longest time to wait for a tunnel
_GRACE_S = 5.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_FAILED = "New status: update-failed"
"""In the output of `ray up`, this line separates the output of the failed command from Ray's own traces."""


class Launcher:
    """Creates, reaches and ends the cluster of a file."""

    def __init__(self, cluster: Cluster, log: Path) -> None:
        """Handles a cluster, whether it is up or not; the output of Ray's commands goes to the file `log`."""
        self._file, self._log = Path(cluster.document.file).absolute(), log
        commands = "\n".join(cluster.commands("head_start_ray_commands"))
        ports = re.findall(r"--dashboard-port[= ]+(\d+)", commands)
        self._remote_port = int(ports[-1]) if ports else _DASHBOARD_PORT

    def is_up(self) -> bool:
        """Whether the cluster has a head that was set up without an error."""
        return self._run("get-head-ip") == 0

    def up(self) -> None:
        """Creates the cluster, or brings a running one up to date without ending what runs on it.

        Raises:
            ChildProcessError: The cluster cannot be set up; the message ends with the output of the failed command.
        """
        keep = ["--no-restart"] if self.is_up() else []
        if self._run("up", "--yes", *keep) != 0:
            raise ChildProcessError(f"{self._file}: the cluster could not be set up:{self._said()}")

    def down(self) -> None:
        """Ends the cluster with all of its nodes.

        Raises:
            ChildProcessError: The cluster could not be ended, and nodes may go on costing money.
        """
        if self._run("down", "--yes") != 0:
            raise ChildProcessError(f"{self._file}: nodes may be left, end them with `ray down`:{self._said()}")

    @contextmanager
    def tunnel(self) -> Iterator[str]:
        """Opens a tunnel and gives the address of the head's dashboard on this machine, while the context is open.

        Raises:
            ConnectionError: The head cannot be reached.
        """
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = int(server.getsockname()[1])
        options = ("--port", str(port), "--remote-port", str(self._remote_port))
        with self._log.open("ab") as output:
            process = self._start("dashboard", *options, output=output)
            try:
                self._wait_for(port, process)
                yield f"http://127.0.0.1:{port}"
            finally:
                _end(process)

    def _wait_for(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.2)
        raise ConnectionError(f"{self._file}: the head cannot be reached:{self._said()}")

    def _run(self, command: str, *options: str) -> int:
        with self._log.open("wb") as output:
            process = self._start(command, *options, output=output)
            try:
                return process.wait()
            finally:
                _end(process)  # also if we are interrupted

    def _start(self, command: str, *options: str, output: IO[bytes]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", command, *options, str(self._file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ray's own output stays in order with the output of its commands.
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # so that Ctrl-C reaches only us, and we end the command
        )

    def _said(self) -> str:
        """The last lines of Ray's output before it reports a failure."""
        text = _COLOURS.sub("", self._log.read_text(errors="replace")).partition(_FAILED)[0]
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        return "".join(f"\n  {line}" for line in lines[-_LAST_LINES:]) + f"\n  all of it: {self._log}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a command with everything that it has started here, such as ssh."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
            return
