"""What a benchmark ran on, so that its figures can be judged, and processes that begin with no memory of it."""

import importlib.metadata
import os
import platform
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def describe_machine(*packages: str) -> dict[str, Any]:
    """CPU, cores, cache, versions of Python and of `packages`, and what else the machine was doing.

    Returns:
        A JSON object; `load_before` is the system's load average over the last minute, in processes that want to run.
    """
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "l2_cache_per_core": _l2_cache(),
        "system": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in packages},
        "load_before": round(os.getloadavg()[0], 1),
    }


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    info = path.read_text() if path.is_file() else ""
    found = {
        key: re.search(rf"^{key}\s*:\s*(.+)$", info, re.MULTILINE) for key in ("model name", "cpu family", "model")
    }
    if not all(found.values()):
        return platform.processor() or platform.machine()
    name, family, model = (match[1] for match in found.values() if match)
    return f"{name} (family {family}, model {model})"


def _l2_cache() -> str:
    path = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")
    return path.read_text().strip() if path.is_file() else "unknown"


def afresh(function: Callable[..., T], *arguments: object) -> T:
    """What a function of a module returns when it is called in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def peak_bytes() -> int:
    """Most memory that this process has had resident so far; Linux only.

    What the system tells of a process that has ended begins with the peak of the one that started it; this does not.
    """
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])
