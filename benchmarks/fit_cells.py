"""The process that times training steps: one cell after another, each in a fork of its own.

The allocator's state is part of what is measured, so no two cells may share a process. A fork of a process that has
imported PyTorch and done nothing else is as good as a new one, and costs milliseconds instead of seconds.

Reads one JSON object a line, the fields of `Cell`; answers each with one line, the fields of `Timing`.
"""

import json
import os
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.contract import FitState
from searchinr.codecs.fields.contract import FieldShape
from searchinr.codecs.fields.grid_levels import GridLevels
from searchinr.codecs.fields.hashgrid import Hashgrid, HashgridParams
from searchinr.codecs.fields.interpolation import FixedPoints
from searchinr.codecs.fields.siren import Siren, SirenParams
from searchinr.codecs.fitting import objective as objective_module
from searchinr.codecs.fitting.objective import SingleNetwork
from searchinr.codecs.fitting.points import HeldPoints
from searchinr.codecs.fitting.training import BatchFit, Recipe
from searchinr.codecs.registry import CODECS
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal
from searchinr.space import build_params

_DEPTH, _D_IN, _D_OUT = 3, 2, 3  # an image's coordinates and colours
_LR = 1e-4
_WARM_UP_STEPS = 3
_MIN_CALLS = 3
_MATMUL_SIZES = (384, 512, 768, 1024, 1536)


@dataclass(frozen=True)
class Cell:
    """What to time.

    Attributes:
        kind: ``"batched"``: one fit of all signals; ``"loop"``: a fit of each signal, one after the other;
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


@dataclass(frozen=True)
class Timing:
    """What was measured.

    Attributes:
        seconds: Median time of one step of all signals, or of one matrix product.
        gflops: Multiplications and additions per second, in 1e9; sines, Adam and the like are not counted.
        page_faults: Pages that the system had to hand out, per step.
    """

    seconds: float
    gflops: float
    page_faults: float


def time_cell(cell: Cell) -> Timing:
    """Times one cell in this process."""
    torch.set_num_threads(cell.threads)
    if cell.mallopt:
        keep_freed_memory()
    timers = {"matmul": _time_matmul, "batched": _time_steps, "loop": _time_steps}
    timers |= {"grids batched": _time_codec, "grids loop": _time_codec}
    timers |= {"sparse": _time_interpolation, "gather": _time_interpolation}
    return timers[cell.kind](cell)


def _time_matmul(cell: Cell) -> Timing:
    timings = []
    for size in _MATMUL_SIZES:
        a, b, out = (torch.randn(size, size) for _ in range(3))
        seconds, faults = _median_time(partial(torch.mm, a, b, out=out), cell.seconds / len(_MATMUL_SIZES))
        timings.append(Timing(seconds, 2e-9 * size**3 / seconds, faults))
    return max(timings, key=lambda timing: timing.gflops)


def _time_steps(cell: Cell) -> Timing:
    count, batch = (cell.signals, 1) if cell.kind == "loop" else (1, cell.signals)
    fits = [_make_fit(cell, batch) for _ in range(count)]
    for fit in fits:
        for _ in range(_WARM_UP_STEPS):
            fit.step(_LR)
    # Every signal of a loop is trained to its end before the next one, so its memory stays in the cache.
    timings = [_median_time(partial(fit.step, _LR), cell.seconds / count) for fit in fits]
    seconds = sum(seconds for seconds, _ in timings)
    macs = sum(fit.macs / fit.steps for fit in fits)
    return Timing(seconds, 2e-9 * macs / seconds, sum(faults for _, faults in timings))


def _make_fit(cell: Cell, batch: int) -> BatchFit:
    shape = FieldShape(_D_IN, _D_OUT, _DEPTH, cell.width, cells=(1, cell.points), extent=(1.0, 1.0))
    field = Siren(shape, SirenParams())
    rng = torch.Generator().manual_seed(0)
    objective = SingleNetwork(field.forward, macs_per_point=field.macs_per_point(), elements_per_point=cell.width)
    if cell.tile is not None:  # users have no such option: the choice of the tile is one of the things measured here
        objective_module.points_per_tile = lambda *_: cell.tile
    points = HeldPoints(
        2 * torch.rand(cell.points, _D_IN, generator=rng) - 1,
        2 * torch.rand(batch, cell.points, _D_OUT, generator=rng) - 1,
    )
    return BatchFit(
        objective,
        {name: weight.expand(batch, *weight.shape) for name, weight in field.init(rng).items()},
        points,
        Recipe(lr=_LR, decay=0.5, batch_fraction=1.0, seed=0),
    )


def _time_interpolation(cell: Cell) -> Timing:
    layout = _layout(cell)
    shape = FieldShape(2, _D_OUT, _DEPTH, 16, cells=layout.grid, extent=MODALITIES["image"].extent(layout))
    grid = Hashgrid(shape, HashgridParams(features=cell.width)).grid
    coords = torch.from_numpy(MODALITIES["image"].coordinates(layout)).view(*layout.grid, -1)  # (H, W, 2)
    table = torch.randn(cell.signals, grid.entries, cell.width, requires_grad=True)
    interpolate = FixedPoints(grid, coords) if cell.kind == "sparse" else _indexed(grid, coords.flatten(0, 1))
    gradient = torch.randn_like(interpolate(table))

    def call() -> None:
        table.grad = None
        interpolate(table).backward(gradient)

    for _ in range(_WARM_UP_STEPS):
        call()
    seconds, faults = _median_time(call, cell.seconds)
    return Timing(seconds, 0.0, faults)


def _indexed(grid: GridLevels, coords: Tensor) -> Callable[[Tensor], Tensor]:
    """Interpolation by indices and weights of the vertices, computed once: `(B, E, F)` -> `(L, n, B * F)`."""
    sizes = [level.entries for level in grid.levels]
    levels = [
        [
            (entry.contiguous(), weight.float().unsqueeze(-1))
            for entry, weight in zip(*(of.unbind(1) for of in level.corners(coords)), strict=True)
        ]
        for level in grid.levels
    ]

    def interpolate(table: Tensor) -> Tensor:
        parts = zip(table.transpose(0, 1).flatten(1).split(sizes), levels, strict=True)
        return torch.stack([sum(part.index_select(0, e) * w for e, w in corners) for part, corners in parts])

    return interpolate


def _time_codec(cell: Cell) -> Timing:
    count, batch = (cell.signals, 1) if cell.kind == "grids loop" else (1, cell.signals)
    layout = _layout(cell)
    rng = np.random.default_rng(0)
    samples = [rng.integers(0, 256, (*layout.grid, _D_OUT), dtype=np.uint8) for _ in range(cell.signals)]
    signals = [Signal(str(number), each, layout) for number, each in enumerate(samples)]
    engine = CODECS["shacira"]
    fits = [
        engine.fit(
            signals[number * batch : (number + 1) * batch],
            build_params(engine.Params, {"features": cell.width}),
            [10**7],
            seed=0,
            device=torch.device("cpu"),
        )
        for number in range(count)
    ]
    timings = [_time_states(fit, cell.seconds / count) for fit in fits]
    return Timing(sum(seconds for seconds, _ in timings), 0.0, sum(faults for _, faults in timings))


def _time_states(fit: Iterator[FitState], seconds: float) -> tuple[float, float]:
    """Median seconds, and page faults, of a step of a fit that says every some steps where it stands."""
    first = steps = next(fit).steps
    each = []

    def advance() -> None:
        nonlocal steps
        started, state = time.perf_counter(), next(fit)
        each.append((time.perf_counter() - started) / (state.steps - steps))
        steps = state.steps

    _, faults = _median_time(advance, seconds)
    return statistics.median(each), faults * len(each) / (steps - first)


def _layout(cell: Cell) -> Layout:
    """An image with so many points, its sides as 2 to 3."""
    height = round((cell.points * 2 / 3) ** 0.5)
    return Layout("image", (height, cell.points // height), _D_OUT, 8)


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


def _answer(line: str) -> None:
    print(json.dumps(asdict(time_cell(Cell(**json.loads(line))))), flush=True)


def main() -> None:
    # Loads what PyTorch puts off until the first optimiser is made, so that not every fork has to.
    _make_fit(Cell("batched", threads=1, seconds=0, width=1, signals=1, points=1), batch=1)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            # Not in the main thread, since Ray Tune runs trials in a second one, which has an arena of its own.
            thread = threading.Thread(target=_answer, args=(line,))
            thread.start()
            thread.join()
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
