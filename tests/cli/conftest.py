"""The commands in this process, a finished run to look at, and signals to encode."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import torch
from cli_files import write_image

from searchinr.cli.app import execute

SPACE = """
name: mini
datasets:
  - {name: photos, downscale: [16, 24], limit: 2}
reference_point: {psnr_db: 8, rate: 64}
fidelity: {min_steps: 20, max_steps: 60, reduction: 3}
search: {sampler: random, trials: 4, seed: 0}
confirm: {seeds: 2}
codecs:
  mlp:
    depth: 2
    width: {choice: [6, 8, 12, 16]}
"""


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def searchinr(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        code = execute([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(searchinr: Run) -> Callable[..., str]:
    """Runs a command that has to be refused, in one line on stderr and with exit code 2; returns that line."""

    def run(*arguments: object) -> str:
        result = searchinr(*arguments)
        assert result.code == 2, result
        assert result.out == ""
        assert result.err.startswith("searchinr: ")
        assert result.err.count("\n") == 1
        return result.err.removeprefix("searchinr: ").rstrip()

    return run


@pytest.fixture(scope="session")
def start() -> Callable[..., "subprocess.Popen[str]"]:
    """Starts the console entry as a process group of its own."""

    def run(*arguments: object, stderr: int = subprocess.PIPE) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "searchinr", *map(str, arguments)],
            text=True,
            stdout=subprocess.PIPE,
            stderr=stderr,
            process_group=0,
            env={**os.environ, "OMP_NUM_THREADS": "1", "TERM": "xterm"},
        )

    return run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory, new_run_folder: Callable[[Path], Path]) -> Path:
    """A real search of four trials on two tiny photographs, its front confirmed. Look, do not touch: see `run_copy`."""
    folder = tmp_path_factory.mktemp("search")
    (folder / "mini.yaml").write_text(SPACE)
    run = new_run_folder(folder / "mini")
    assert execute(["run", str(folder / "mini.yaml"), "--out", str(run), "--debug"]) == 0
    return run


@pytest.fixture
def run_copy(finished_run: Path, tmp_path: Path) -> Path:
    """The run, to be damaged."""
    return shutil.copytree(finished_run, tmp_path / "copy")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """An RGB image of 20 x 30 pixels."""
    return write_image(tmp_path / "photo.png", channels=3)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A mono clip of 1000 samples at 8 kHz."""
    path = tmp_path / "clip.wav"
    soundfile.write(path, 0.5 * np.sin(np.arange(1000) / 10), 8000)
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config by hand that takes a moment."""
    path = tmp_path / "hand.yaml"
    path.write_text("codec: mlp\nparams: {width: 8, depth: 2}\nsteps: 30\n")
    return path
