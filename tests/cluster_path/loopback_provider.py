"""A cloud on loopback, as `ray up` uses one: a node is a folder, an address, and the sessions of its commands.

Addresses are 127.0.0.2 and up, since for 127.0.0.1 Ray puts the machine's own. Nothing leaves this machine, and nothing
is ended but what these nodes have started: `ray stop`, which would end every Ray here, is left out of all commands.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from click import ClickException
from ray.autoscaler.command_runner import CommandRunnerInterface
from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

_TERMINATED = "terminated"


class LoopbackProvider(NodeProvider):
    """Nodes below `provider.folder` of the cluster file, which names `provider.agent_ports` as well: one for each."""

    def _folder(self, node_id: str = "") -> Path:
        return Path(self.provider_config["folder"]) / node_id

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        nodes = sorted(path.parent.name for path in self._folder().glob("*/tags.json"))
        return [
            node
            for node in nodes
            if not self.is_terminated(node) and tag_filters.items() <= self.node_tags(node).items()
        ]

    def is_running(self, node_id: str) -> bool:
        return not self.is_terminated(node_id)

    def is_terminated(self, node_id: str) -> bool:
        return (self._folder(node_id) / _TERMINATED).exists()

    def node_tags(self, node_id: str) -> dict[str, str]:
        tags: dict[str, str] = json.loads((self._folder(node_id) / "tags.json").read_text())
        return tags

    def set_node_tags(self, node_id: str, tags: dict[str, str]) -> None:
        path = self._folder(node_id) / "tags.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        temporary = path.with_suffix(f".{threading.get_ident()}")
        temporary.write_text(json.dumps(known | tags))
        temporary.rename(path)

    def external_ip(self, node_id: str) -> str:
        return f"127.0.0.{int(node_id) + 2}"

    def internal_ip(self, node_id: str) -> str:
        return self.external_ip(node_id)

    def create_node(self, node_config: dict[str, Any], tags: dict[str, str], count: int) -> None:
        for _ in range(count):
            number = 0
            while True:
                with suppress(FileExistsError):
                    self._folder(str(number)).mkdir(parents=True)
                    break
                number += 1
            self.set_node_tags(str(number), tags)

    def terminate_node(self, node_id: str) -> None:
        (self._folder(node_id) / _TERMINATED).touch()
        end_node(self._folder(node_id))

    def get_command_runner(self, log_prefix: str, node_id: str, *arguments: object, **more: object) -> "CommandRunner":
        environment = {
            "HOME": str(self._folder(node_id)),
            "NODE_IP": self.internal_ip(node_id),
            "AGENT_PORT": str(self.provider_config["agent_ports"][int(node_id)]),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parent),
        }
        return CommandRunner(self._folder(node_id), environment)


class CommandRunner(CommandRunnerInterface):
    """Runs commands in a node's folder."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment

    def run(
        self,
        cmd: str | None = None,
        timeout: int = 120,
        exit_on_fail: bool = False,
        port_forward: list[tuple[int, int]] | None = None,
        with_output: bool = False,
        environment_variables: dict[str, object] | None = None,
        run_env: str = "auto",
        ssh_options_override_ssh_key: str = "",
        shutdown_after_run: bool = False,
    ) -> str:
        if cmd is None:
            for local, remote in port_forward or []:
                forward(local, remote)
        if (
            cmd is None or "ray stop" in cmd
        ):  # Ray itself puts `export RAY_HEAD_IP=...;` before it, and `ray down` asks it
            return ""
        given = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in (environment_variables or {}).items()
        }
        process = subprocess.Popen(
            ["bash", "-c", cmd],
            cwd=self._folder,
            env=os.environ | self._environment | given,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        (self._folder / f"{process.pid}.session").touch()
        if process.wait() != 0:
            raise ClickException(f"exit code {process.returncode}: {cmd}")
        return ""

    def run_rsync_up(self, source: str, target: str, options: dict[str, Any] | None = None) -> None:
        path = Path(target.replace("~", str(self._folder), 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            shutil.copytree(source, path, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, path)

    def run_rsync_down(self, source: str, target: str, options: dict[str, Any] | None = None) -> None:
        raise NotImplementedError

    def remote_shell_command_str(self) -> str:
        return f"cd {shlex.quote(str(self._folder))}"


def forward(local: int, remote: int) -> None:
    """Forwards a port of 127.0.0.1 to another, as `ssh -L` does, until the process is ended."""
    with socket.create_server(("127.0.0.1", local)) as server:
        while True:
            here, _ = server.accept()
            try:
                there = socket.create_connection(("127.0.0.1", remote))
            except OSError:
                here.close()
                continue
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def processes(folder: Path) -> dict[int, str]:
    """The command line of every process of a node, by its id."""
    sessions = {int(path.stem) for path in folder.glob("*.session")}
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            state, _, _, session = (path / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) in sessions and state not in "ZX":
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def end_node(folder: Path) -> None:
    """Kills everything that a node runs."""
    while left := processes(folder):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def nodes(folder: Path, kind: str) -> list[Path]:
    """The folders of the nodes of a type that are up."""
    found = []
    for path in sorted(folder.glob("*/tags.json")):
        tags = json.loads(path.read_text())
        if kind in (tags.get(TAG_RAY_NODE_KIND), tags.get(TAG_RAY_USER_NODE_TYPE)):
            found.append(path.parent)
    return [path for path in found if not (path / _TERMINATED).exists()]
