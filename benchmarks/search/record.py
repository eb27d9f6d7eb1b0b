"""Records real learning curves: every config of `curves.yaml`, trained to its end and measured at every rung.

    python -m benchmarks.search.record --run DIR

The engine fits them all, sampler `grid` and scheduler `fifo`, some hours on two cores; interrupted, it goes on where it
was. The ledger of the run becomes `curves.npz`.
"""

import argparse
from pathlib import Path

import yaml

from benchmarks.reproduce.study import run
from benchmarks.search.table import SPACE_FILE, TABLE_FILE, pack


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/curves"), metavar="DIR", help="[runs/curves]")
    parser.add_argument("--space", type=Path, default=SPACE_FILE, metavar="FILE", help="what is recorded [curves.yaml]")
    parser.add_argument("--out", type=Path, default=TABLE_FILE, metavar="FILE", help="the table [curves.npz]")
    options = parser.parse_args()
    tree = yaml.safe_load(options.space.read_text(encoding="utf-8"))
    tree["search"] = {**tree["search"], "sampler": "grid", "scheduler": "fifo"}
    pack(run(tree, options.run, seed=0), options.out)


if __name__ == "__main__":
    main()
