"""What processes listen on, as the kernel knows it, and what a stranger is answered there."""

import http.client
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_CALLS = (
    "NodeInfoGcsService/GetAllNodeInfo",
    "NodeManagerService/GetNodeStats",
    "CoreWorkerService/PushTask",
    "ObjectManagerService/Push",
    "ReporterService/GetTraceback",
)
"""One of the methods of each service of Ray."""


def family_of(pid: int) -> set[int]:
    """A process and all that come from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, left = set(), [pid]
    while left:
        found.add(one := left.pop())
        left += children.get(one, [])
    return found


def listening(pid: int) -> set[tuple[str, int]]:
    """Address and port of everything on which a process or one that comes from it waits for TCP connections."""
    sockets = set()
    for process in family_of(pid):
        with suppress(OSError):
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                with suppress(OSError):
                    sockets.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                address, port = fields[1].split(":")
                words = bytes.fromhex(address)
                raw = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
                text = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
                found.add((text.removeprefix("::ffff:"), int(port, 16)))
    return found


def answers(port: int) -> set[str]:
    """What a stranger is answered at a port of 127.0.0.1: the status of HTTP, or those of the calls of Ray."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/metrics")
        return {str(connection.getresponse().status)}
    except http.client.HTTPException:
        import grpc

        found = set()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            for call in _CALLS:
                try:
                    channel.unary_unary(f"/ray.rpc.{call}")(b"", timeout=10)
                    found.add("OK")
                except grpc.RpcError as error:
                    found.add(error.code().name)
        return found


_AS_STRANGER = """
import encodings.idna, os, signal, sys, urllib.error, urllib.request
from pathlib import Path
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
"""
"""Becomes a user without any rights. Python's own files may be closed to him, so they are imported before."""


def as_stranger(code: str, *arguments: object) -> str:
    """What Python code prints that another user runs. Root alone can ask for it."""
    command = [sys.executable, "-I", "-c", _AS_STRANGER + code, *map(str, arguments)]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
