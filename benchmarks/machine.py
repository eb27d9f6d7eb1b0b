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

from searchinr.cores import usable_cores

PACKAGES = ("torch", "numpy", "scipy", "pillow", "optuna", "ray")
T = TypeVar("T")


def describe_machine() -> dict[str, Any]:
    """CPU, cores, cache, versions of Python and of what computes, and what else the machine was doing.

    Returns:
        A JSON object; `load_before` is the system's load average over the last minute, in processes that want to run.
    """
    cache = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")
    return {
        "cpu": _cpu(),
        "cores": usable_cores(),
        "l2_cache_per_core": cache.read_text().strip() if cache.is_file() else "unknown",
        "system": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in PACKAGES},
        "load_before": round(os.getloadavg()[0], 1),
    }


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    found = dict(re.findall(r"^(\w[\w ]*\w)\s*: (.+)$", path.read_text() if path.is_file() else "", re.MULTILINE))
    try:
        return "{model name} (family {cpu family}, model {model})".format_map(found)
    except KeyError:
        return platform.processor() or platform.machine()


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
