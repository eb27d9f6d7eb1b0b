"""Commands in processes of their own, and waiting for what they do."""

import subprocess
from collections.abc import Callable
from typing import Any

from benchmarks.fault_run import RunProcess


def searchinr(*arguments: str) -> tuple[str, ...]:
    """The arguments with which Python runs one of our commands."""
    return "-m", "searchinr", *arguments


def wait_until(condition: Callable[[], Any], run: RunProcess) -> None:
    """Waits until a condition holds; `RuntimeError` if the run ends before."""
    while not condition():
        try:
            run.process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        if not condition():
            raise RuntimeError(f"the run ended: {run.finish()}")
