"""The codecs' tests on narrower vector units, where sums add up in other orders; the default tests run on the best."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
UNTIMELY = "not vector_unit and not many_mutants"


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["default", "avx2"])
def test_the_codecs_suite_holds_on_every_vector_unit(unit: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "-m", "", "-k", UNTIMELY, str(FOLDER)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "ATEN_CPU_CAPABILITY": unit, "OMP_NUM_THREADS": "1"},
        cwd=FOLDER.parents[1],
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
