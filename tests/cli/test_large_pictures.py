"""What large pictures take in memory, measured on commands in processes of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TINY = {"table_size_log2": 8, "levels": 2, "mlp_width": 4, "mlp_depth": 1}


def measured(folder: Path, megapixels: int) -> dict[str, Any]:
    out = folder / f"{megapixels}.json"
    arguments = ["--megapixels", str(megapixels), "--steps", "2", "--params", json.dumps(TINY), "--json", str(out)]
    command = [sys.executable, "-m", "benchmarks.large", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    [picture] = json.loads(out.read_text())["pictures"]
    return picture


@pytest.mark.slow
def test_a_pixel_of_a_large_picture_is_held_as_bytes_and_never_as_floats(tmp_path: Path) -> None:
    small, large = (measured(tmp_path, megapixels) for megapixels in (12, 20))
    for command in ("encode", "decode"):
        # Samples take 3 bytes, and those of the decoded file, or Pillow's copy, as many or one more: 6 or 7 a pixel.
        # Numbers of points or float32 coordinates would add 8, values 12. Peaks of two runs differ by up to 16 MB,
        # which is 2 bytes a pixel here, so the bound lies in the middle.
        growth = large[command]["peak_bytes"] - small[command]["peak_bytes"]
        assert growth / (large["pixels"] - small["pixels"]) < 11, command
    height, width = large["decode"]["said"]["grid"]
    assert (height * width, width / height) == (pytest.approx(20e6, rel=1e-3), pytest.approx(1.5, rel=1e-3))
