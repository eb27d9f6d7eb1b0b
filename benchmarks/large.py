"""Large pictures: what encoding and decoding them take in memory and time.

    python -m benchmarks.large --json reports/large.json --markdown reports/large.md [--pictures FILE ...]

Makes a picture of 100 megapixels of photographs side by side, some of them mirrored or upside down, encodes it by
`searchinr encode` with codec `shacira` and decodes it by `searchinr decode`, each in a process of its own; then the
pictures that are given. Memory is the peak of what was resident. Linux only.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from benchmarks.command import Command, Filling, Found
from benchmarks.machine import describe_machine
from searchinr.signals.datasets import load_dataset
from searchinr.space.schema import DatasetEntry

PARAMS = {"table_size_log2": 18, "levels": 16, "mlp_width": 24, "lambda": 0.003}
_TILE = (300, 448)  # what the smallest of the photographs has
_ASPECT = 2 / 3

_COMMAND = """
import re, sys
from pathlib import Path
from searchinr.cli import main
try:
    main()
finally:
    print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""
"""`searchinr`, which says its peak at its end: what the system tells of an ended process includes its parent's."""


@dataclass(frozen=True)
class Ran:
    """A command that has ended.

    Attributes:
        seconds: From its start to its end.
        peak_bytes: The most that was resident.
        said: Its JSON.
    """

    seconds: float
    peak_bytes: int
    said: dict[str, Any]


def run(*arguments: str | Path) -> Ran:
    """Runs a command of searchinr with `--json`."""
    started = time.perf_counter()
    command = [sys.executable, "-c", _COMMAND, *map(str, arguments), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return Ran(time.perf_counter() - started, 1024 * int(done.stderr.split()[-1]), json.loads(done.stdout))


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


@dataclass(frozen=True)
class Coded:
    """A picture that was encoded and decoded.

    Attributes:
        name: What it is.
        pixels: How many it has.
        encode: `searchinr encode`, which decodes the file as well and measures it.
        decode: `searchinr decode`.
    """

    name: str
    pixels: int
    encode: Ran
    decode: Ran


def measure(name: str, source: Path, config: dict[str, Any], folder: Path) -> Coded:
    """Encodes and decodes one picture; files go into the folder."""
    settings, coded = folder / "config.yaml", folder / "coded.inr"
    settings.write_text(yaml.safe_dump(config), encoding="utf-8")
    encoded = run("encode", source, "--config", settings, "-o", coded)
    decoded = run("decode", coded, "-o", folder / "decoded.png")
    height, width = decoded.said["grid"]
    return Coded(name, height * width, encoded, decoded)


def fill(found: Found) -> Filling:
    """The figures of the report."""
    rows = []
    for picture in found["pictures"]:
        ran, said = [picture[verb] for verb in ("encode", "decode")], picture["encode"]["said"]
        rows.append(
            [
                picture["name"],
                f"{picture['pixels'] / 1e6:.1f}",
                *(f"{said[key]:.{digits}f}" for key, digits in (("rate", 3), ("psnr_db", 2), ("ssim", 3))),
                *(figure for each in ran for figure in (f"{each['seconds']:.0f}", f"{each['peak_bytes'] / 2**30:.2f}")),
            ]
        )
    config = found["config"]
    params = ", ".join(f"{key} {value}" for key, value in config["params"].items())
    return {"steps": str(config["steps"]), "params": params, "table": rows}


def measure_all(options: argparse.Namespace) -> Found:
    """Makes the large picture, and measures it and the others."""
    config = {"codec": "shacira", "params": options.params, "steps": options.steps}
    machine = describe_machine("torch", "numpy", "pillow")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = folder / "made.png"
        Image.fromarray(make_picture(options.megapixels)).save(made, compress_level=1)
        sources = {"photographs side by side": made, **{path.name: path for path in options.pictures}}
        found = [measure(name, source, config, folder) for name, source in sources.items()]
    return {"machine": machine, "config": config, "pictures": found}


def main() -> None:
    command = Command(__file__, __doc__)
    command.add_argument("--megapixels", type=float, default=100, help="of the picture that is made [100]")
    command.add_argument("--pictures", type=Path, nargs="*", default=[], metavar="FILE", help="others to encode")
    command.add_argument("--steps", type=int, default=200, help="[200]")
    command.add_argument("--params", type=json.loads, default=PARAMS, metavar="JSON", help="of codec shacira")
    command.run(measure_all, fill)


if __name__ == "__main__":
    main()
