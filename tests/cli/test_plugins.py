"""What another package brings is used like ours, and where it is broken everything else goes on."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lab_package
import numpy as np
import pytest

SEVERAL = """
import json, sys
from searchinr.cli.app import execute
for arguments in json.loads(sys.argv[1]):
    print(execute(arguments), flush=True)
"""

SPACE = """
name: lab
datasets: [{path: "*.lab"}]
reference_point: {psnr_db: 8, rate: 900}
fidelity: {min_steps: 20, max_steps: 20}
search: {sampler: random, scheduler: fifo, trials: 1}
codecs:
  lab_codec: {backbone: lab_fold, lab_fold.octaves: 3, quantizer: lab_coarse, width: 8, depth: 2}
"""
CONFIG = """
codec: lab_codec
params: {backbone: lab_fold, quantizer: lab_coarse, width: 8, depth: 2}
steps: 20
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages with the one that brings plug-ins."""
    lab_package.install(tmp_path / "site")
    return tmp_path / "site"


def run(commands: list[list[str]], site: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Runs commands in a fresh process, whose import path has `site`, in a working directory."""
    paths = [str(Path(__file__).parents[2]), str(site)]
    return subprocess.run(
        [sys.executable, "-c", SEVERAL, json.dumps(commands)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )


def test_plugins_are_used_end_to_end_and_missed_by_name(
    site: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    samples = np.rint(8000 * np.sin(np.arange(400) / 20)).astype(np.int16)
    np.savetxt(tmp_path / "clip.lab", samples, fmt="%d")
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "space.yaml").write_text(SPACE)
    encode = ["encode", "clip.lab", "--config", "config.yaml"]
    done = run(
        [
            ["check", "space.yaml"],
            [*encode, "-o", "clip.inr"],
            ["inspect", "clip.inr"],
            ["decode", "clip.inr", "-o", "decoded.lab"],
            ["ids"],
        ],
        site,
        tmp_path,
    )
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["0"] * 5, done.stdout
    assert np.loadtxt(tmp_path / "decoded.lab").shape == samples.shape
    data = (tmp_path / "clip.inr").read_bytes()
    assert data[2] & 31 == 31 and data[3] >> 5 == 7
    for word in ("lab_clip", "lab_codec", "lab_fold", "lab_coarse", "lab-inr 1.5"):
        assert word in done.stdout

    clip = tmp_path / "clip.inr"
    assert refused("inspect", clip).startswith(f"{clip}: unknown modality number 7: the one for experiments")


def test_a_broken_plugin_is_one_line_and_the_rest_goes_on(site: Path, tmp_path: Path) -> None:
    (site / "lab_inr" / "backbone.py").write_text("import a_library_that_is_not_there\n")
    (tmp_path / "space.yaml").write_text(SPACE)
    done = run([["--help"], ["ids"], ["check", "space.yaml"]], site, tmp_path)
    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["0", "0", "2"], done.stderr
    warning, *errors = done.stderr.splitlines()
    assert warning == (
        "searchinr: backbone lab_fold of package lab-inr 1.5 is left out: lab_inr.backbone:Fold cannot be imported "
        "(ModuleNotFoundError: No module named 'a_library_that_is_not_there')"
    )
    assert errors and all(line.startswith("searchinr: space.yaml:") for line in errors)
    assert "lab_codec" in done.stdout
