"""Opens mutated `.inr` files with one gigabyte to spare; a script, so that a crash is one of its own process.

    python mutants.py FOLDER COUNT SEED

First opens every file of the folder as it is, with the asset beside it that it names, then mutants of them: one half as
they are, one half without looking at check sums, so that the parsers behind them are reached. Prints how many files
were decoded and how many refused; anything but `InvalidFileError` and `MissingAssetError` ends it with a traceback.
"""

import json
import resource
import sys
import warnings
from pathlib import Path

import numpy as np

from searchinr.codecs.bitstream import container
from searchinr.codecs.registry import codec_of, decode
from searchinr.engine.store.asset_files import find_asset
from searchinr.errors import InvalidFileError, MissingAssetError

SPARE_BYTES = 2**30
MAX_POINTS = 2**20  # a true file may be as large as it claims: rendering it is slow, but no fault
MAX_MACS = 2**27
HEADER_BYTES = 24


def limit_memory() -> None:
    """Lets the process grow by `SPARE_BYTES` beyond what its imports have mapped."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def mutate(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A file with one to four faults, half of them in its header."""
    mutant = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        if not mutant:
            break
        at = int(rng.integers(min(len(mutant), HEADER_BYTES) if rng.random() < 0.5 else len(mutant)))
        length = int(rng.integers(1, 9))
        match rng.integers(7):
            case 0:
                mutant[at] ^= 1 << int(rng.integers(8))
            case 1:
                mutant[at] = int(rng.integers(256))
            case 2:
                mutant[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))
            case 3:
                del mutant[at:]
            case 4:
                del mutant[at : at + length]
            case 5:
                mutant[at:at] = rng.bytes(length)
            case _:
                mutant[:at] = other[:at]
    return bytes(mutant)


def opens(data: bytes, path: Path) -> bool:
    """Whether a file is decoded rather than refused; what it needs lies beside its path."""
    try:
        file = container.unpack(data)
        codec = codec_of(file)
        asset = find_asset(file, path, None)
        found = codec.inspect(file, asset=asset)
        if file.layout.points <= MAX_POINTS and file.layout.points * (found.macs_per_point or 0) <= MAX_MACS:
            decode(file, asset=asset)
        for level, size in codec.levels(file):
            assert len(codec.trim(file, level)) == size
    except (InvalidFileError, MissingAssetError):
        return False
    return True


def main(folder: Path, count: int, seed: int) -> None:
    warnings.simplefilter("error")
    limit_memory()
    rng = np.random.default_rng(seed)
    originals = [path.read_bytes() for path in sorted(folder.glob("*.inr"))]
    verify = container.verify
    results = {"decoded": 0, "refused": 0}
    for number in range(-len(originals), count):
        data = originals[number % len(originals)]
        if number >= 0:
            data = mutate(data, originals[rng.integers(len(originals))], rng)
            container.verify = verify if rng.random() < 0.5 else lambda *_: None
        (folder / "last").write_bytes(data)  # what a crash leaves behind
        results["decoded" if opens(data, folder / "last") else "refused"] += 1
    print(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
