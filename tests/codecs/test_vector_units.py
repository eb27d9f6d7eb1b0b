"""The codecs' tests on other vector units and another number of threads: sums then add up in other orders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unit", "threads"),
    [("default", 1), ("avx2", 1), (None, 2)],  # the machine's best with one thread is what the default tests run on
    ids=["default", "avx2", "best, two threads"],
)
def test_the_codecs_suite_holds_on_every_vector_unit(unit: str | None, threads: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ATEN_CPU_CAPABILITY"}
    environment |= {"OMP_NUM_THREADS": str(threads)} | ({"ATEN_CPU_CAPABILITY": unit} if unit else {})
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", str(FOLDER)],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=FOLDER.parents[1],
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
