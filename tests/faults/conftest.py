"""The benchmark and these tests share what kills runs and what judges them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
