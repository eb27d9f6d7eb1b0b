"""The processes that time training steps: one cell after another, each in a fork of its own.

The allocator's state is part of what is measured, so no two cells may share a process. A fork of a process that has
imported PyTorch and done nothing else is as good as a new one, and costs milliseconds instead of seconds.
"""

import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from math import isqrt
from multiprocessing import get_context
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.contract import FitState, Setup
from searchinr.codecs.fields.contract import FieldShape
from searchinr.codecs.fields.grid_levels import GridLevels
from searchinr.codecs.fields.hashgrid import Hashgrid, HashgridParams
from searchinr.codecs.fields.interpolation import FixedPoints
from searchinr.codecs.fitting.tiles import Tiling
from searchinr.codecs.registry import CODECS
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Value, build_params

Timing = dict[str, float]
"""`seconds`, the median time of one step of all signals, or of one matrix product; `gflops`, multiplications and
additions per second in 1e9, those of sines and Adam left out; `page_faults`, pages that the system had to hand out, per
step."""

_WARM_UP_CALLS, _MIN_CALLS = 3, 3
_MATMUL_SIZES = (384, 512, 768, 1024, 1536)
_COLOURS = 3


def time_alone(measure: Callable[[], Timing], threads: int, mallopt: bool) -> Timing:
    """What a measurement gives in a fork of this process.

    Args:
        measure: One of the functions below with its arguments, all of which have `seconds`: how long to measure.
        threads: Threads of each operation.
        mallopt: Whether the process calls `keep_freed_memory` first, as a worker does.
    """
    with ProcessPoolExecutor(1, get_context("fork")) as fork:
        return fork.submit(_time_in_a_thread, measure, threads, mallopt).result()


def _time_in_a_thread(measure: Callable[[], Timing], threads: int, mallopt: bool) -> Timing:
    """Not in the main thread, since Ray Tune runs trials in a second one, which has an arena of its own."""
    if mallopt:
        keep_freed_memory()
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(threads,)) as thread:
        return thread.submit(measure).result()


def load() -> None:
    """Loads what PyTorch puts off until its first step, so that not every fork has to."""
    torch.optim.Adam([torch.zeros(1)])


def time_matmul(seconds: float) -> Timing:
    """Square fp32 matrix products, the best of several sizes."""
    timings = (_time_matmul(size, seconds / len(_MATMUL_SIZES)) for size in _MATMUL_SIZES)
    return max(timings, key=lambda timing: timing["gflops"])


def _time_matmul(size: int, seconds: float) -> Timing:
    a, b, out = (torch.randn(size, size) for _ in range(3))

    def multiply() -> int:
        torch.mm(a, b, out=out)
        return 1

    each, faults = _median_time(multiply, seconds)
    return {"seconds": each, "gflops": 2e-9 * size**3 / each, "page_faults": faults}


def _layout(points: int) -> Layout:
    """An image with so many points, its sides as equal as they can be."""
    height = next(side for side in range(isqrt(points), 0, -1) if points % side == 0)
    return Layout("image", (height, points // height), _COLOURS, 8)


def time_fits(
    codec: str, params: Mapping[str, Value], batch: int, signals: int, points: int, seconds: float, tile: int = 0
) -> Timing:
    """Fits of signals with so many points each, as many at a time as `batch` says, one batch after the other.

    Points are worked on in tiles of `tile`, or if that is 0 of what the fit chooses.
    """
    if tile:  # users have no such option: the choice of the tile is one of the things measured here
        tiling = Tiling(tile, signals)
        patch("searchinr.codecs.fitting.objective.tiling", lambda *_: tiling).start()
    layout, rng = _layout(points), np.random.default_rng(0)
    samples = [rng.integers(0, 256, (*layout.grid, _COLOURS), dtype=np.uint8) for _ in range(signals)]
    targets = [Signal(str(number), each, layout) for number, each in enumerate(samples)]
    engine, setup = CODECS[codec], Setup(0, torch.device("cpu"))
    # Every signal of a loop is trained to its end before the next one, so its memory stays in the cache.
    timings = [
        _time_states(
            engine.fit(targets[first : first + batch], build_params(engine.Params, params), [10**7], setup),
            seconds * batch / signals,
        )
        for first in range(0, signals, batch)
    ]
    each, macs, faults = (sum(of) for of in zip(*timings, strict=True))
    return {"seconds": each, "gflops": 2e-9 * macs / each, "page_faults": faults}


def _time_states(fit: Iterator[FitState], seconds: float) -> tuple[float, float, float]:
    """Median seconds, multiply-accumulates and page faults of a step of a fit, which says every few where it stands."""
    state = next(fit)  # the first steps warm it up
    first, macs = state.steps, state.macs

    def advance() -> int:
        nonlocal state
        before, state = state.steps, next(fit)
        return state.steps - before

    median, faults = _median_time(advance, seconds)
    return median, (state.macs - macs) / (state.steps - first), faults


def time_interpolation(kind: str, features: int, points: int, seconds: float) -> Timing:
    """Interpolation in a hash grid and its gradient, by ``"sparse"`` matrices, or by indices that are there already."""
    layout, modality = _layout(points), MODALITIES["image"]
    shape = FieldShape(2, _COLOURS, 3, 16, cells=layout.grid, extent=modality.extent(layout))
    grid = Hashgrid(shape, HashgridParams(features=features)).grid
    coords = torch.from_numpy(modality.coordinates(layout)).view(*layout.grid, -1)  # (H, W, 2)
    table = torch.randn(1, grid.entries, features, requires_grad=True)
    interpolate = FixedPoints(grid, coords) if kind == "sparse" else _indexed(grid, coords.flatten(0, 1))
    gradient = torch.randn_like(interpolate(table))

    def call() -> int:
        torch.autograd.grad(interpolate(table), table, gradient)
        return 1

    for _ in range(_WARM_UP_CALLS):
        call()
    each, faults = _median_time(call, seconds)
    return {"seconds": each, "gflops": 0.0, "page_faults": faults}


def _indexed(grid: GridLevels, coords: Tensor) -> Callable[[Tensor], Tensor]:
    """Interpolation by indices and weights of the vertices, computed once: `(B, E, F)` -> `(L, n, B * F)`."""
    sizes = [level.entries for level in grid.levels]
    levels = []
    for level in grid.levels:
        corners = zip(*(of.unbind(1) for of in level.corners(coords)), strict=True)
        levels.append([(entry.contiguous(), weight.float().unsqueeze(-1)) for entry, weight in corners])

    def interpolate(table: Tensor) -> Tensor:
        parts = zip(torch.split(table.transpose(0, 1).flatten(1), sizes), levels, strict=True)
        return torch.stack([sum(part.index_select(0, e) * w for e, w in corners) for part, corners in parts])

    return interpolate


def _median_time(call: Callable[[], int], seconds: float) -> tuple[float, float]:
    """Median seconds of a step, and page faults per step, from a call that takes some steps and says how many."""
    times, steps = list[float](), 0
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    end = time.perf_counter() + seconds
    while len(times) < _MIN_CALLS or time.perf_counter() < end:
        started = time.perf_counter()
        taken = call()
        times.append((time.perf_counter() - started) / taken)
        steps += taken
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    return statistics.median(times), faults / steps
