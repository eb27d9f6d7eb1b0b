"""Training speed: batched against a loop over signals, with and without the allocator setting, against the machine.

Hash grids beside it: by sparse matrices and by indices, 8 images as a batch and one at a time. What is compared is
timed in turns (A B C A B C ...), each in a process of its own, and ratios are those of one turn.
"""

import itertools
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from unittest.mock import patch

from benchmarks.command import Command, Filling, Found, spread
from benchmarks.fit_cells import Timing, load, time_alone, time_fits, time_interpolation, time_matmul
from searchinr.space import Value

WIDTHS = (16, 32, 64, 128)
SHAPES = ((24, 1024), (8, 4096))  # signals, points of each
GRID_SIGNALS, GRID_POINTS = 8, 192 * 288
FEATURES = (1, 2, 4)
TILE_ELEMENTS = [2**power for power in range(14, 21)]
ENVIRONMENT = {"MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_MMAP_THRESHOLD_": str(2**31 - 1)}
SETTINGS = ("none", "mallopt", "environment")

Measure = Callable[..., Timing]
"""Measures something for so many `seconds`."""
Timings = list[Timing]
"""Of one thing, one for each turn."""


class _Bench(ExitStack):
    """Two processes that time cells: one started with the allocator's environment variables, one without."""

    def __init__(self, threads: int, seconds: float, turns: int) -> None:
        super().__init__()
        self._threads, self._seconds, self._turns = threads, seconds, turns
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
        clean["OMP_NUM_THREADS"] = str(threads)
        self._plain, self._set = (self.enter_context(_started(clean | more)) for more in ({}, ENVIRONMENT))

    def time(self, measure: Measure, setting: str = "mallopt") -> Timing:
        """Times something with one of the allocator's settings."""
        process = self._set if setting == "environment" else self._plain
        measure = partial(measure, seconds=self._seconds)
        return process.submit(time_alone, measure, self._threads, setting == "mallopt").result()

    def in_turns(self, variants: Mapping[str, Measure], settings: Sequence[str] = ("mallopt",)) -> dict[str, Timings]:
        """Times every variant with every setting once in each turn; results have both names if there are settings."""
        results: dict[str, Timings] = {}
        for _, (name, measure), setting in itertools.product(range(self._turns), variants.items(), settings):
            called = f"{name}, {setting}" if len(settings) > 1 else name
            results.setdefault(called, []).append(self.time(measure, setting))
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
            matmuls.append(bench.time(time_matmul))
            fit = _fit(width, signals, points)
            kinds: dict[str, Measure] = {"batched": fit, "loop": partial(fit, batch=1)}
            kinds["whole grid"] = partial(fit, tile=points)
            shape = {"width": width, "signals": signals, "points": points}
            fits.append({**shape, "results": bench.in_turns(kinds, SETTINGS)})
        signals, points = SHAPES[-1]
        for width in WIDTHS:
            fit = _fit(width, signals, points)
            sizes = {elements: min(points, elements // (signals * width)) for elements in TILE_ELEMENTS}
            of_sizes = {str(elements): partial(fit, tile=tile) for elements, tile in sizes.items()}
            shape = {"width": width, "signals": signals, "points": points}
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


def _fit(width: int, signals: int, points: int) -> Measure:
    """Steps of codec `mlp` for all signals at once."""
    params: dict[str, Value] = {"backbone": "siren", "depth": 3, "width": width, "batch_fraction": 1.0}
    return partial(time_fits, "mlp", params, batch=signals, signals=signals, points=points)


def _grids(bench: _Bench, points: int) -> Found:
    """Interpolation of one signal, and steps of codec `shacira` for several."""
    interpolation, fits = {}, {}
    for features in FEATURES:
        kinds = {kind: partial(time_interpolation, kind, features, points) for kind in ("sparse", "gather")}
        interpolation[features] = bench.in_turns(kinds)
    for features in FEATURES[:2]:
        fit = partial(time_fits, "shacira", {"features": features}, signals=GRID_SIGNALS, points=points)
        batches = {"batched": GRID_SIGNALS, "loop": 1}
        fits[features] = bench.in_turns({name: partial(fit, batch=batch) for name, batch in batches.items()})
    return {"points": points, "signals": GRID_SIGNALS, "interpolation": interpolation, "fits": fits}


def fill(_: Found) -> Filling:
    """How the report writes timings."""
    elements = [f"2^{elements.bit_length() - 1}" for elements in TILE_ELEMENTS]
    return {"elements": elements, "median": _median, "ms": lambda of: f"{1e3 * _median(of):.2f}", "ratio": _ratio}


def _median(timings: Timings, figure: str = "seconds") -> float:
    return statistics.median(timing[figure] for timing in timings)


def _ratio(slower: Timings, faster: Timings) -> str:
    return spread([a["seconds"] / b["seconds"] for a, b in zip(slower, faster, strict=True)])


if __name__ == "__main__":
    command = Command(__file__, __doc__)
    command.add_argument("--threads", type=int, default=1, help="threads of a step, 1 or more [1, as a trial has]")
    command.add_argument("--quick", action="store_true", help="fewer and shorter measurements")
    command.run(lambda options: measure(max(1, options.threads), options.quick), fill)
