"""What a result costs the driver when there are 100, 1,000 and 10,000 of them already, and the memory it holds then.

Results are made up, everything else is the engine's own: deliveries in a run folder, the ledger with its fsync, the
search (random sampler, so that the sampler's own cost stays out), the front's files, the view's state. At the end it
writes and reads the ledger of a search over thousands of signals.
"""

import hashlib
import math
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.command import Command, Found
from benchmarks.machine import afresh, peak_bytes
from searchinr.engine.catalog import canonicalise, read_space
from searchinr.engine.run.progress import Progress
from searchinr.engine.store.ledger import Ledger, read_ledger
from searchinr.engine.store.run_folder import RunFolder, open_delivery
from searchinr.search.configs import Config
from searchinr.search.figures import Figures, SignalFigures, SignalTable
from searchinr.search.lines import Fit, Point, TrialStarted, dump_line
from searchinr.search.search import Search

MARKS = (100, 1_000, 10_000)
_FILE = bytes(1000)
_NAMES = ("astronaut", "chelsea", "coffee", "rocket")
_MANY_SIGNALS, _MANY_POINTS = 3_000, 800
WINDOW = 100
"""Results up to a mark that are timed."""


def _point(fit: Fit, names: Sequence[str], rng: np.random.Generator) -> Point:
    """A made-up result: a noisy front that rises with the training length."""
    rate = float(2 ** rng.uniform(-3, 3))
    psnr_db = 25 + 3 * math.log2(rate) + math.log2(fit.steps) / 2 - float(rng.exponential(3))
    rows = [
        SignalFigures(
            name=name,
            bytes=round(1000 * rate * luck),
            rate=round(1000 * rate * luck) / 1000,
            psnr_db=psnr_db + noise,
            metrics={"ssim": 1 / (2 + noise**2)},
            encode_s=1.0,
            decode_s=0.01 * luck,
            # Of few signals the files are delivered. The hashes of many are random, so that they cannot be packed.
            sha256=hashlib.sha256(_FILE).hexdigest() if names == _NAMES else rng.bytes(32).hex(),
        )
        for name, luck, noise in zip(names, rng.uniform(0.9, 1.1, len(names)), rng.normal(size=len(names)), strict=True)
    ]
    figures = replace(Figures.invented(psnr_db, rate), modality="image", signals=SignalTable.of(rows))
    return Point(**fit.shared(Point), **vars(figures))


def measure() -> Found:
    """Takes results up to the last mark."""
    found: Found = {}
    rng, before = np.random.default_rng(0), peak_bytes()
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder(Path(path))
        folder.create()
        folder.space.write_bytes(Path(__file__).with_suffix(".yaml").read_bytes())
        space = read_space(folder.space)
        (label,) = (entry.label for entry in space.datasets)
        search = Search(space, [label], canonicalise)
        progress = Progress(space, search, {label: "image"})
        with Ledger(folder.ledger) as ledger:
            progress.start(ledger.lines)
            watch: dict[str, list[float]] = defaultdict(list)
            for count in range(1, MARKS[-1] + 1):
                started = time.perf_counter()
                for part in _one_result(search, ledger, folder, progress, rng):
                    watch[part].append(time.perf_counter() - started)
                    started = time.perf_counter()
                if count in (mark - WINDOW for mark in MARKS):
                    watch.clear()
                if count in MARKS:
                    found[str(count)] = {
                        "ms": {part: 1e3 * statistics.median(times) for part, times in watch.items() if part},
                        "megabytes": (peak_bytes() - before) / 2**20,
                        "ledger_bytes": folder.ledger.stat().st_size,
                        "files": sum(entry.is_file() for entry in folder.path.rglob("*")),
                        "trials": search.counts(label).tried,
                        "front": len(search.front(label)),
                    }
    return {"window": WINDOW, "marks": found, "reading": _measure_reading()}


def _one_result(
    search: Search, ledger: Ledger, folder: RunFolder, progress: Progress, rng: np.random.Generator
) -> Iterator[str]:
    """From a free worker to a result on record, as a run does it; yields what each part of the driver's work is called.

    The name comes after the part; that of what is not the driver's work is empty.
    """
    job = search.next_job()
    yield "next job: scheduler and random sampler"
    assert job is not None
    if not ledger.has_trial(job.trial):
        ledger.append(TrialStarted(**job.shared(TrialStarted)))
        yield "ledger: a trial's line"
    point = _point(job, _NAMES, rng)
    folder.deliver(point, dict.fromkeys(_NAMES, _FILE))
    (path,) = folder.delivered()
    yield ""
    _, files = open_delivery(path)
    path.unlink()
    yield "delivery: open and remove"
    ledger.append(point)
    yield "ledger: a point's line"
    search.tell(point)
    yield "search: scheduler and front"
    front = search.front(point.dataset)
    if point in front:
        folder.keep_files(point, files)
    folder.drop_others(front)
    yield "front's files"
    progress.state(ledger.lines)
    yield "view: state"


def _measure_reading() -> Found:
    """Writes the ledger of a search over many signals, and reads it in a process of its own."""
    rng, names = np.random.default_rng(0), [f"signal-{number:05}" for number in range(_MANY_SIGNALS)]
    with tempfile.TemporaryDirectory() as path:
        ledger = Path(path) / "ledger.jsonl"
        with ledger.open("wb") as file:
            for number in range(_MANY_POINTS):
                config = Config("mlp", {"width": 16, "depth": 2})
                fit = Fit(trial=f"{number:010x}", rung=0, steps=100, dataset="many", config=config, seed=0)
                file.write(dump_line(_point(fit, names, rng)) + b"\n")
        return {"signals": len(names), "ledger_bytes": ledger.stat().st_size, **afresh(_read, ledger)}


def _read(ledger: Path) -> Found:
    """Reads a ledger in a process that has read nothing before."""
    before, started = peak_bytes(), time.process_time()
    points = len(read_ledger(ledger))
    seconds = time.process_time() - started
    return {"points": points, "seconds": seconds, "megabytes": (peak_bytes() - before) / 2**20}


if __name__ == "__main__":
    Command(__file__, __doc__).run(lambda _: measure())
