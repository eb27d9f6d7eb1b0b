"""Large pictures: what encoding and decoding them take in memory and time.

Makes a picture of 100 megapixels of photographs side by side, some of them mirrored or upside down, encodes it by
`searchinr encode` with codec `shacira` and decodes it by `searchinr decode`, each in a process of its own; then the
pictures that are given. Memory is the peak of what was resident. Linux only.
"""

import argparse
import contextlib
import io
import json
import math
import tempfile
import time
from itertools import cycle
from pathlib import Path
from unittest.mock import patch

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from benchmarks.command import Command, Found
from benchmarks.machine import afresh, peak_bytes
from searchinr.cli import main
from searchinr.signals.datasets import load_dataset
from searchinr.space.schema import DatasetEntry

PARAMS = {"table_size_log2": 18, "levels": 16, "mlp_width": 24, "lambda": 0.00075}
_TILE = (300, 448)  # what the smallest of the photographs has
_ASPECT = 2 / 3


def run(*arguments: str | Path) -> Found:
    """Runs a command of searchinr with `--json`: its `seconds`, its `peak_bytes` resident, and what it `said`."""
    started = time.perf_counter()
    said, peak = afresh(_command, [*map(str, arguments), "--json"])
    return {"seconds": time.perf_counter() - started, "peak_bytes": peak, "said": json.loads(said)}


def _command(arguments: list[str]) -> tuple[str, int]:
    """What a command says, and the peak of this process, which runs nothing else."""
    with contextlib.redirect_stdout(io.StringIO()) as said, patch("sys.argv", ["searchinr", *arguments]):
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise
    return said.getvalue(), peak_bytes()


def make_picture(megapixels: float) -> NDArray[np.uint8]:
    """Photographs side by side, `(height, width, 3)`."""
    photographs = [signal.samples for signal in load_dataset(DatasetEntry(name="photos", crop=_TILE)).signals]
    landscape = [p.astype(np.uint8) for p in photographs if p.shape[:2] == _TILE]
    turned = cycle(p[::down, ::right] for down in (1, -1) for right in (1, -1) for p in landscape)
    height = round(math.sqrt(1e6 * megapixels * _ASPECT))
    width = round(height / _ASPECT)
    rows = [
        np.concatenate([next(turned) for _ in range(-(-width // _TILE[1]))], axis=1)[:, :width]
        for _ in range(-(-height // _TILE[0]))
    ]
    return np.concatenate(rows)[:height]


def measure(options: argparse.Namespace) -> Found:
    """Makes the large picture; encodes and decodes it and the others, where encoding decodes and measures as well."""
    config = {"codec": "shacira", "params": options.params, "steps": options.steps}
    found = []
    with tempfile.TemporaryDirectory() as name:
        made, settings, coded, decoded = (Path(name) / each for each in ("made.png", "c.yaml", "c.inr", "d.png"))
        Image.fromarray(make_picture(options.megapixels)).save(made, compress_level=1)
        settings.write_text(yaml.safe_dump(config), encoding="utf-8")
        for title, source in {"photographs side by side": made, **{p.name: p for p in options.pictures}}.items():
            encode = run("encode", source, "--config", settings, "-o", coded, "--force")
            decode = run("decode", coded, "-o", decoded, "--force")
            pixels = math.prod(decode["said"]["grid"])
            found.append({"name": title, "pixels": pixels, "encode": encode, "decode": decode})
    return {"config": config, "pictures": found}


if __name__ == "__main__":
    command = Command(__file__, __doc__)
    command.add_argument("--megapixels", type=float, default=100, help="of the picture that is made [100]")
    command.add_argument("--pictures", type=Path, nargs="*", default=[], metavar="FILE", help="others to encode")
    command.add_argument("--steps", type=int, default=200, help="[200]")
    command.add_argument("--params", type=json.loads, default=PARAMS, metavar="JSON", help="of codec shacira")
    command.run(measure)
