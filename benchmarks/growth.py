"""What a result costs the driver when there are 100, 1,000 and 10,000 of them already, and the memory it holds then.

    python -m benchmarks.growth --json reports/growth.json --markdown reports/growth.md

About two minutes. Results are made up, everything else is the engine's own: deliveries in a run folder, the ledger with
its fsync, the search (random sampler, so that the sampler's own cost stays out), the front's files, the view's state.
"""

import hashlib
import math
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import Command, Filling, Found
from benchmarks.machine import describe_machine
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.engine.run.progress import Progress
from searchinr.engine.store.ledger import Ledger
from searchinr.engine.store.run_folder import RunFolder, open_delivery
from searchinr.search.search import Job, Search

SPACE = """\
name: growth
datasets: [{name: photos, limit: 4}]
reference_point: {psnr_db: 15, rate: 16}
fidelity: {min_steps: 100, max_steps: 2700, reduction: 3}
search: {sampler: random, scheduler: mo-asha, trials: 1000000}
codecs: {mlp: {width: {choice: [16, 32, 64]}, depth: {choice: [2, 3, 4]}, lr: {log: [1.0e-4, 1.0e-1]}}}
"""
Timed = Callable[[str], AbstractContextManager[None]]
"""Times what is done inside, under a name."""
MARKS = (100, 1_000, 10_000)
_FILE = bytes(1000)
WINDOW = 100
"""Results up to a mark that are timed."""


def _line(job: Job, rng: np.random.Generator) -> dict[str, Any]:
    """A made-up result: a noisy front that rises with the training length."""
    rate = float(2 ** rng.uniform(-3, 3))
    psnr_db = 25 + 3 * math.log2(rate) + math.log2(job.steps) / 2 - float(rng.exponential(3))
    row = {"bytes": 1000, "rate": rate, "psnr_db": psnr_db, "ssim": 0.8, "encode_s": 1.0, "decode_s": 0.01}
    signals = [
        {"name": name, **row, "sha256": hashlib.sha256(_FILE).hexdigest()}
        for name in ("astronaut", "chelsea", "coffee", "rocket")
    ]
    keys = ("trial", "rung", "steps", "dataset", "codec", "params", "seed")
    return {
        "kind": "point", **{key: getattr(job, key) for key in keys}, "init": "scratch", "modality": "image",
        "psnr_db": psnr_db, "psnr_of_mean_mse_db": psnr_db, "ssim": 0.8, "rate": rate, "rate_unit": "bpp",
        "decode_macs_per_sample": 1e3, "signals": signals, "cost": {"macs": 1e9, "train_s": 1.0, "device": "cpu"},
        "time": time.time(),
    }  # fmt: skip


@contextmanager
def _timed(seconds: dict[str, list[float]], part: str) -> Iterator[None]:
    """Adds the seconds of what is done inside to those of a part of the driver's work."""
    started = time.perf_counter()
    yield
    seconds[part].append(time.perf_counter() - started)


def measure() -> Found:
    """Takes results up to the last mark."""
    machine = describe_machine("numpy")
    found: dict[str, Any] = {}
    rng, before = np.random.default_rng(0), _megabytes()
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder(Path(path))
        folder.create()
        folder.space.write_text(SPACE)
        space = read_space(folder.space)
        (label,) = (entry.label for entry in space.datasets)
        search = Search(space, [label], canonicalise)
        progress = Progress(space, search, {label: "image"})
        with Ledger(folder.ledger) as ledger:
            progress.start(ledger.lines)
            watch: dict[str, list[float]] = defaultdict(list)
            for count in range(1, MARKS[-1] + 1):
                _one_result(search, ledger, folder, progress, partial(_timed, watch), rng)
                if count in (mark - WINDOW for mark in MARKS):
                    watch.clear()
                if count in MARKS:
                    found[str(count)] = {
                        "ms": {part: 1e3 * statistics.median(times) for part, times in watch.items()},
                        "megabytes": _megabytes() - before,
                        "ledger_bytes": folder.ledger.stat().st_size,
                        "files": sum(entry.is_file() for entry in folder.path.rglob("*")),
                        "trials": search.counts(label).tried,
                        "front": len(search.front(label)),
                    }
    return {"machine": machine, "window": WINDOW, "marks": found}


def _one_result(
    search: Search, ledger: Ledger, folder: RunFolder, progress: Progress, on: Timed, rng: np.random.Generator
) -> None:
    """From a free worker to a result on record, as a run does it."""
    with on("next job: scheduler and random sampler"):
        job = search.next_job()
    assert job is not None
    if not ledger.has({"kind": "trial", "trial": job.trial}):
        with on("ledger: a trial's line"):
            ledger.append({"kind": "trial", **asdict(job)})
    line = _line(job, rng)
    folder.deliver(line, {signal["name"]: _FILE for signal in line["signals"]})
    (path,) = folder.delivered()
    with on("delivery: open and remove"):
        line, files = open_delivery(path)
        path.unlink()
    with on("ledger: a point's line"):
        ledger.append(line)
    with on("search: scheduler and front"):
        search.tell(line)
    with on("front's files"):
        front = search.front(line["dataset"])
        if any((point["trial"], point["rung"]) == (line["trial"], line["rung"]) for point in front):
            folder.keep_files(line, files)
        folder.drop_others(front)
    with on("view: state"):
        progress.state(ledger.lines)


def _megabytes() -> float:
    """Peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fill(found: Found) -> Filling:
    """The figures of the report."""
    marks = found["marks"]
    parts = list(marks[str(MARKS[-1])]["ms"])
    costs = [[part, *(f"{mark['ms'].get(part, 0.0):.2f}" for mark in marks.values())] for part in parts]
    facts = {
        "driver memory added, MB": [f"{mark['megabytes']:.0f}" for mark in marks.values()],
        "ledger, MB": [f"{mark['ledger_bytes'] / 1e6:.1f}" for mark in marks.values()],
        "files in the run folder": [f"{mark['files']:,}" for mark in marks.values()],
        "trials": [f"{mark['trials']:,}" for mark in marks.values()],
        "points on the front": [str(mark["front"]) for mark in marks.values()],
    }
    return {
        "window": str(found["window"]),
        "points": [f"{mark:,} points" for mark in MARKS],
        "costs": [*costs, ["all of it", *(f"{sum(mark['ms'].values()):.2f}" for mark in marks.values())]],
        "facts": [[name, *figures] for name, figures in facts.items()],
    }


if __name__ == "__main__":
    Command(__file__, __doc__).run(lambda _: measure(), fill)
