import os
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from searchinr.allocator import keep_freed_memory
if sys.argv[1] == "call":
    keep_freed_memory()
np.ones(2**21)  # 16 MB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(2**21)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True, env=clean)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_memory_is_reused_without_page_faults() -> None:
    by_default = page_faults("by default")
    if by_default < 100:
        pytest.skip("this C library keeps freed memory by itself")
    assert page_faults("call") < by_default / 10
