"""Keeps freed memory in the process, which spares a training step on the CPU most of its page faults."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_BYTES = 2**31 - 1


def keep_freed_memory() -> None:
    """Tells glibc to reuse large blocks instead of giving them back to the system; elsewhere does nothing.

    The activations of a training step are megabytes each. By default glibc maps every such block anew and unmaps it
    when it is freed, or trims the heap behind it, and touching fresh pages costs time (`benchmarks/fit.py` measures
    how much). It acts on all threads at once, as the environment variables do. In threads other than the main one a
    heap is 64 MiB, so more than that at a time, or a larger block, still comes from the system: tiles stay far below.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, e.g. musl
        return
    mallopt(_M_TRIM_THRESHOLD, _BYTES)
    mallopt(_M_MMAP_THRESHOLD, _BYTES)
