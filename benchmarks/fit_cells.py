"""The processes that time training steps: one cell after another, each in a fork of its own.

The allocator's state is part of what is measured, so no two cells may share a process. A fork of a process that has
imported PyTorch and done nothing else is as good as a new one, and costs milliseconds instead of seconds.
"""

import resource
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import isqrt
from multiprocessing import get_context

import numpy as np
import torch
from torch import Tensor

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.contract import FitState, Setup
from searchinr.codecs.fields.contract import FieldShape
from searchinr.codecs.fields.grid_levels import GridLevels
from searchinr.codecs.fields.hashgrid import Hashgrid, HashgridParams
from searchinr.codecs.fields.interpolation import FixedPoints
from searchinr.codecs.fitting import objective
from searchinr.codecs.fitting.tiles import Tiling
from searchinr.codecs.registry import CODECS
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal
from searchinr.space import build_params

Timing = dict[str, float]
"""`seconds`, the median time of one step of all signals, or of one matrix product; `gflops`, multiplications and
additions per second in 1e9, those of sines and Adam left out; `page_faults`, pages that the system had to hand out, per
step."""

_WARM_UP_CALLS, _MIN_CALLS = 3, 3
_MATMUL_SIZES = (384, 512, 768, 1024, 1536)
_COLOURS = 3


@dataclass(frozen=True)
class Cell:
    """What to time.

    Attributes:
        kind: ``"batched"``: one fit of all signals, codec `mlp`; ``"loop"``: a fit of each signal, one after the other;
            ``"matmul"``: square fp32 matrix products, the best of several sizes; ``"grids batched"``, ``"grids loop"``:
            fits of codec `shacira`, as ``"batched"`` and ``"loop"``; ``"sparse"``, ``"gather"``: interpolation in a
            hash grid and its gradient, by matrices or by indices that are there already.
        threads: Threads of each operation.
        seconds: How long to measure.
        width: Channels of the hidden layers; features of a hash grid.
        signals: Signals.
        points: Points of each signal, all of them used in each step.
        tile: Points worked on at a time, instead of what the fit chooses.
        mallopt: Whether the process calls `keep_freed_memory` first, as a worker does.
    """

    kind: str
    threads: int
    seconds: float
    width: int = 0
    signals: int = 0
    points: int = 0
    tile: int | None = None
    mallopt: bool = False

    @property
    def layout(self) -> Layout:
        """An image with so many points, its sides as equal as they can be."""
        height = next(side for side in range(isqrt(self.points), 0, -1) if self.points % side == 0)
        return Layout("image", (height, self.points // height), _COLOURS, 8)


def time_cell(cell: Cell) -> Timing:
    """Times one cell in this process."""
    torch.set_num_threads(cell.threads)
    if cell.mallopt:
        keep_freed_memory()
    if cell.kind == "matmul":
        return max((_time_matmul(cell, size) for size in _MATMUL_SIZES), key=lambda timing: timing["gflops"])
    return _time_interpolation(cell) if cell.kind in ("sparse", "gather") else _time_fits(cell)


def _time_matmul(cell: Cell, size: int) -> Timing:
    a, b, out = (torch.randn(size, size) for _ in range(3))
    seconds, faults = _median_time(partial(torch.mm, a, b, out=out), cell.seconds / len(_MATMUL_SIZES))
    return {"seconds": seconds, "gflops": 2e-9 * size**3 / seconds, "page_faults": faults}


def _time_fits(cell: Cell) -> Timing:
    if cell.tile is not None:  # users have no such option: the choice of the tile is one of the things measured here
        objective.tiling = lambda *_: Tiling(cell.tile, cell.signals)
    name, given = "mlp", {"backbone": "siren", "depth": 3, "width": cell.width, "batch_fraction": 1.0}
    if cell.kind.startswith("grids"):
        name, given = "shacira", {"features": cell.width}
    rng = np.random.default_rng(0)
    samples = [rng.integers(0, 256, (*cell.layout.grid, _COLOURS), dtype=np.uint8) for _ in range(cell.signals)]
    signals = [Signal(str(number), each, cell.layout) for number, each in enumerate(samples)]
    params, batch = build_params(CODECS[name].Params, given), 1 if cell.kind.endswith("loop") else cell.signals
    # Every signal of a loop is trained to its end before the next one, so its memory stays in the cache.
    timings = [
        _time_states(
            CODECS[name].fit(signals[first : first + batch], params, [10**7], Setup(0, torch.device("cpu"))),
            cell.seconds * batch / cell.signals,
        )
        for first in range(0, cell.signals, batch)
    ]
    seconds, macs, faults = (sum(each) for each in zip(*timings, strict=True))
    return {"seconds": seconds, "gflops": 2e-9 * macs / seconds, "page_faults": faults}


def _time_states(fit: Iterator[FitState], seconds: float) -> tuple[float, float, float]:
    """Median seconds, multiply-accumulates and page faults of a step of a fit, which says every few where it stands."""
    state = next(fit)  # the first steps warm it up
    first, macs, each = state.steps, state.macs, []

    def advance() -> None:
        nonlocal state
        before, started = state.steps, time.perf_counter()
        state = next(fit)
        each.append((time.perf_counter() - started) / (state.steps - before))

    _, faults = _median_time(advance, seconds)
    steps = state.steps - first
    return statistics.median(each), (state.macs - macs) / steps, faults * len(each) / steps


def _time_interpolation(cell: Cell) -> Timing:
    layout, modality = cell.layout, MODALITIES["image"]
    shape = FieldShape(2, _COLOURS, 3, 16, cells=layout.grid, extent=modality.extent(layout))
    grid = Hashgrid(shape, HashgridParams(features=cell.width)).grid
    coords = torch.from_numpy(modality.coordinates(layout)).view(*layout.grid, -1)  # (H, W, 2)
    table = torch.randn(cell.signals, grid.entries, cell.width, requires_grad=True)
    interpolate = FixedPoints(grid, coords) if cell.kind == "sparse" else _indexed(grid, coords.flatten(0, 1))
    gradient = torch.randn_like(interpolate(table))

    def call() -> None:
        table.grad = None
        interpolate(table).backward(gradient)

    for _ in range(_WARM_UP_CALLS):
        call()
    seconds, faults = _median_time(call, cell.seconds)
    return {"seconds": seconds, "gflops": 0.0, "page_faults": faults}


def _indexed(grid: GridLevels, coords: Tensor) -> Callable[[Tensor], Tensor]:
    """Interpolation by indices and weights of the vertices, computed once: `(B, E, F)` -> `(L, n, B * F)`."""
    sizes = [level.entries for level in grid.levels]
    levels = []
    for level in grid.levels:
        corners = zip(*(of.unbind(1) for of in level.corners(coords)), strict=True)
        levels.append([(entry.contiguous(), weight.float().unsqueeze(-1)) for entry, weight in corners])

    def interpolate(table: Tensor) -> Tensor:
        parts = zip(table.transpose(0, 1).flatten(1).split(sizes), levels, strict=True)
        return torch.stack([sum(part.index_select(0, e) * w for e, w in corners) for part, corners in parts])

    return interpolate


def _median_time(call: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Median seconds of a call, and page faults per call."""
    times: list[float] = []
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    end = time.perf_counter() + seconds
    while len(times) < _MIN_CALLS or time.perf_counter() < end:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    return statistics.median(times), faults / len(times)


def time_alone(cell: Cell) -> Timing:
    """Times one cell in a fork of this process."""
    with ProcessPoolExecutor(1, get_context("fork")) as fork:
        return fork.submit(_time_in_a_thread, cell).result()


def _time_in_a_thread(cell: Cell) -> Timing:
    """Not in the main thread, since Ray Tune runs trials in a second one, which has an arena of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(time_cell, cell).result()


def load() -> None:
    """Loads what PyTorch puts off until its first step, so that not every fork has to."""
    torch.optim.Adam([torch.zeros(1)])
