"""Decodes the `.inr` files of a folder in a process of its own, with the priors that lie beside them.

    python -m benchmarks.reproduce.decode_folder FOLDER

Leaves `NAME.npy` beside each `NAME.inr`, and prints `{name: milliseconds of CPU time}`: from the bytes and a prior that
is read each time to the samples. A file is decoded once before, so that nothing is imported in that time.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from searchinr.engine.store.asset_files import decode_data

if __name__ == "__main__":
    torch.set_num_threads(1)
    paths = sorted(Path(sys.argv[1]).glob("*.inr"))
    took = {}
    for path in (paths[0], *paths):
        data, started = path.read_bytes(), time.process_time()
        signal = decode_data(data, path)
        took[path.stem] = 1e3 * (time.process_time() - started)
        np.save(path.with_suffix(".npy"), signal.samples)
    print(json.dumps(took))
