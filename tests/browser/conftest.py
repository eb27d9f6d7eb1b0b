"""A browser, a real search to look at, and a place where the pictures of what was seen are kept."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import chromium
import pytest
from commands import SEARCHINR, environment

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"

SPACE = """
name: tiny
datasets:
  - {name: photos, downscale: [32, 48], limit: 3}
reference_point: {psnr_db: 8, rate: 64}
fidelity: {min_steps: 20, max_steps: 60, reduction: 3}
search: {sampler: random, trials: 24, seed: 0}
codecs:
  mlp:
    backbone: {choice: [siren, relu]}
    depth: {choice: [2, 3]}
    width: {range: [6, 24]}
"""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[chromium.Page]:
    """A page of a browser of its own."""
    if chromium.find() is None:
        pytest.skip(f"no Chromium here (looked for {', '.join(chromium.NAMES)}); `make browser` installs Debian's")
    with chromium.open_page(tmp_path / "profile") as page:
        yield page


@pytest.fixture
def keep(page: chromium.Page) -> Callable[..., None]:
    """Keeps a picture of the page under a name."""
    return lambda name, **options: page.screenshot(SCREENSHOTS / f"{name}.png", **options)


@pytest.fixture(scope="session")
def search(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Runs a real search of 24 short trials on three small photographs."""

    def run(**variables: str) -> Path:
        folder = tmp_path_factory.mktemp("search")
        (folder / "tiny.yaml").write_text(SPACE)
        command = [*SEARCHINR, "run", "tiny.yaml", "--out", "tiny", "--workers", "1"]
        done = subprocess.run(command, cwd=folder, env=environment() | variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return folder / "tiny"

    return run
