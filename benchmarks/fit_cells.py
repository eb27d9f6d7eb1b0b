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
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import torch

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.fields.contract import FieldShape
from searchinr.codecs.fields.siren import Siren, SirenParams
from searchinr.codecs.objective import SingleNetwork
from searchinr.codecs.training import BatchFit, Recipe

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
            ``"matmul"``: square fp32 matrix products, the best of several sizes.
        threads: Threads of each operation.
        seconds: How long to measure.
        width: Channels of the hidden layers.
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
    return _time_matmul(cell) if cell.kind == "matmul" else _time_steps(cell)


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
    shape = FieldShape(_D_IN, _D_OUT, _DEPTH, cell.width, grid=(1, cell.points), extent=(1.0, 1.0))
    field = Siren(shape, SirenParams())
    rng = torch.Generator().manual_seed(0)
    objective = SingleNetwork(field.forward, macs_per_point=field.macs_per_point(), elements_per_point=cell.width)
    if cell.tile is not None:  # users have no such option: the choice of the tile is one of the things measured here
        objective._points_per_tile = lambda _: cell.tile
    return BatchFit(
        objective,
        {name: weight.expand(batch, *weight.shape) for name, weight in field.init(rng).items()},
        2 * torch.rand(cell.points, _D_IN, generator=rng) - 1,
        2 * torch.rand(batch, cell.points, _D_OUT, generator=rng) - 1,
        Recipe(lr=_LR, decay=0.5, batch_fraction=1.0, seed=0),
    )


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
