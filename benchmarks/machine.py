"""What a benchmark ran on, so that its figures can be judged."""

import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Any


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
