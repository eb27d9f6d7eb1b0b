"""A large picture: what encoding and decoding it take in memory and time.

    python benchmarks/large.py --json reports/large.json --markdown reports/large.md

Makes a picture of 100 megapixels of photographs side by side, some of them mirrored or upside down, encodes it by
`searchinr encode` with codec `shacira` and decodes it by `searchinr decode`, each in a process of its own. Memory is
the peak of what was resident. Linux only.
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
from machine import describe_machine, machine_line
from numpy.typing import NDArray
from PIL import Image
from tables import save, table

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


def measure(folder: Path, megapixels: float, config: dict[str, Any]) -> dict[str, Any]:
    """Encodes and decodes."""
    source, settings, coded = folder / "large.png", folder / "config.yaml", folder / "large.inr"
    picture = make_picture(megapixels)
    Image.fromarray(picture).save(source, compress_level=1)
    settings.write_text(yaml.safe_dump(config), encoding="utf-8")
    encoded = run("encode", source, "--config", settings, "-o", coded)
    decoded = run("decode", coded, "-o", folder / "decoded.png")
    return {"pixels": picture.shape[0] * picture.shape[1], "config": config, "encode": encoded, "decode": decoded}


def report(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    encoded, decoded = found["encode"], found["decode"]
    rows = [
        [name, f"{ran.seconds:.0f}", f"{ran.peak_bytes / 2**30:.2f}", f"{ran.peak_bytes / found['pixels']:.1f}"]
        for name, ran in (("encode", encoded), ("decode", decoded))
    ]
    said = encoded.said
    return "\n\n".join(
        [
            "# A large picture",
            machine_line(found["machine"]) + ".",
            f"{found['pixels'] / 1e6:.1f} megapixels of photographs side by side, codec {said['codec']}, "
            f"{said['steps']} steps: {said['rate']:.4f} bpp ({said['bytes']} bytes), {said['psnr_db']:.2f} dB, SSIM "
            f"{said['ssim']:.3f}. `encode` includes decoding the file and measuring it.",
            table(["", "seconds", "peak, GiB", "bytes a pixel"], rows),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=100, help="[100]")
    parser.add_argument("--steps", type=int, default=300, help="[300]")
    parser.add_argument("--params", type=json.loads, default=PARAMS, metavar="JSON", help="of codec shacira")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report there")
    options = parser.parse_args()
    config = {"codec": "shacira", "params": options.params, "steps": options.steps}
    machine = describe_machine("torch", "numpy", "pillow")
    with tempfile.TemporaryDirectory() as folder:
        found = {"machine": machine, **measure(Path(folder), options.megapixels, config)}
    save(report(found), found, options.markdown, options.json)


if __name__ == "__main__":
    main()
