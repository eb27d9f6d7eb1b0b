"""How many cores this process may use, which in a container or a job is often fewer than the machine has."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def usable_cores(root: Path = Path("/")) -> int:
    """The cores of this process's affinity, or fewer where a quota of its control groups gives the time of fewer.

    Args:
        root: Where `proc` and `sys` are.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([count, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """The quotas, in cores, of the control groups (version 2, or 1) of this process and of all groups above them."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / ("sys/fs/cgroup/cpu" if controllers else "sys/fs/cgroup")
        group = mount / path.lstrip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(mount):
                break
            quota = _text(folder / "cpu.max") or " ".join(
                _text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")
            )
            with suppress(ValueError):  # "max", and -1 in version 1, stand for none
                share, period = map(int, quota.split())
                if share > 0:
                    yield share / period


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
