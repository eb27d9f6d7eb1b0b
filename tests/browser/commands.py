"""The console entry, run elsewhere than here."""

import os
import sys
from pathlib import Path

SEARCHINR = (sys.executable, "-m", "searchinr")


def environment() -> dict[str, str]:
    """This process's, so that a command in another folder finds the same package."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
