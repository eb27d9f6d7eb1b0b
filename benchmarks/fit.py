"""Training speed: batched against a loop over signals, with and without the allocator setting, against the machine.

    python -m benchmarks.fit --json reports/fit.json --markdown reports/fit.md

Hash grids beside it: by sparse matrices and by indices, 8 images as a batch and one at a time. About five minutes;
`--quick` about two. What is compared is timed in turns (A B C A B C ...), each in a process of its
own, and ratios are those of one turn.
"""

import itertools
import os
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Self
from unittest.mock import patch

from benchmarks.command import Command, Filling, Found, spread
from benchmarks.fit_cells import Cell, Timing, load, time_alone

WIDTHS = (16, 32, 64, 128)
SHAPES = ((24, 1024), (8, 4096))  # signals, points of each
GRID_SIGNALS, GRID_POINTS = 8, 192 * 288
FEATURES = (1, 2, 4)
TILE_ELEMENTS = [2**power for power in range(14, 21)]
ENVIRONMENT = {"MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_MMAP_THRESHOLD_": str(2**31 - 1)}
SETTINGS = ("none", "mallopt", "environment")

Timings = list[Timing]
"""Of one thing, one for each turn."""


class _Bench:
    """Two processes that time cells: one started with the allocator's environment variables, one without."""

    def __init__(self, threads: int, seconds: float, turns: int) -> None:
        self._threads, self._seconds, self._turns = threads, seconds, turns
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
        clean["OMP_NUM_THREADS"] = str(threads)
        self._processes = {False: _started(clean), True: _started(clean | ENVIRONMENT)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes.values():
            process.shutdown()

    def time(self, kind: str, setting: str = "mallopt", **cell: Any) -> Timing:  # noqa: ANN401  the fields of `Cell`
        request = Cell(kind, self._threads, self._seconds, mallopt=setting == "mallopt", **cell)
        return self._processes[setting == "environment"].submit(time_alone, request).result()

    def in_turns(self, variants: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, Timings]:
        """Times every variant, a name and the arguments of `time`, once in each turn."""
        results: dict[str, Timings] = {}
        for _, (name, request) in itertools.product(range(self._turns), variants):
            results.setdefault(name, []).append(self.time(**request))
        return results


def _started(environment: Mapping[str, str]) -> ProcessPoolExecutor:
    """A new process with these environment variables."""
    with patch.dict(os.environ, environment, clear=True):
        process = ProcessPoolExecutor(1, get_context("spawn"))
        process.submit(load).result()
    return process


def measure(threads: int, quick: bool) -> Found:
    """All timings."""
    seconds, turns = (0.2, 2) if quick else (0.4, 3)
    started = time.perf_counter()
    fits, tiles, matmuls = [], [], []
    with _Bench(threads, seconds, turns) as bench:
        for (signals, points), width in itertools.product(SHAPES[:1] if quick else SHAPES, WIDTHS):
            shape = {"width": width, "signals": signals, "points": points}
            matmuls.append(bench.time("matmul"))
            kinds: dict[str, dict[str, Any]] = {kind: {"kind": kind} for kind in ("batched", "loop")}
            kinds["whole grid"] = {"kind": "batched", "tile": points}
            pairs = itertools.product(kinds.items(), SETTINGS)
            variants = [
                (f"{name}, {setting}", {**kind, "setting": setting, **shape}) for (name, kind), setting in pairs
            ]
            fits.append({**shape, "results": bench.in_turns(variants)})
        signals, points = SHAPES[-1]
        for width in WIDTHS:
            shape = {"kind": "batched", "width": width, "signals": signals, "points": points}
            sizes = {elements: min(points, elements // (signals * width)) for elements in TILE_ELEMENTS}
            of_sizes = [(str(elements), {"tile": tile, **shape}) for elements, tile in sizes.items()]
            tiles.append({**shape, "results": bench.in_turns(of_sizes)})
        grids = _grids(bench, GRID_POINTS // 4 if quick else GRID_POINTS)
    return {
        "threads": threads,
        "turns": turns,
        "seconds_per_cell": seconds,
        "took_s": time.perf_counter() - started,
        "matmul_gflops": [timing["gflops"] for timing in matmuls],
        "fits": fits,
        "tiles": tiles,
        "grids": grids,
    }


def _grids(bench: _Bench, points: int) -> Found:
    """Interpolation of one signal, and steps of codec `shacira` for several."""

    def timed(kinds: Sequence[str], features: int, signals: int, prefix: str = "") -> dict[str, Timings]:
        shape = {"width": features, "signals": signals, "points": points}
        return bench.in_turns([(kind, {"kind": prefix + kind, **shape}) for kind in kinds])

    interpolation = {features: timed(("sparse", "gather"), features, 1) for features in FEATURES}
    fits = {features: timed(("batched", "loop"), features, GRID_SIGNALS, "grids ") for features in FEATURES[:2]}
    return {"points": points, "signals": GRID_SIGNALS, "interpolation": interpolation, "fits": fits}


def fill(_: Found) -> Filling:
    """How the report writes timings."""
    elements = [f"2^{elements.bit_length() - 1}" for elements in TILE_ELEMENTS]
    return {"elements": elements, "shape": _shape, "median": _median, "ms": _ms, "ratio": _ratio}


def _shape(fit: Found) -> str:
    return f"{fit['width']}, {fit['signals']} x {fit['points']}"


def _median(timings: Timings, figure: str = "seconds") -> float:
    return statistics.median(timing[figure] for timing in timings)


def _ms(timings: Timings) -> str:
    return f"{1e3 * _median(timings):.2f}"


def _ratio(slower: Timings, faster: Timings) -> str:
    return spread([a["seconds"] / b["seconds"] for a, b in zip(slower, faster, strict=True)])


if __name__ == "__main__":
    command = Command(__file__, __doc__)
    command.add_argument("--threads", type=int, default=1, help="threads of a step, 1 or more [1, as a trial has]")
    command.add_argument("--quick", action="store_true", help="fewer and shorter measurements")
    command.run(lambda options: measure(max(1, options.threads), options.quick), fill, ("torch",))
