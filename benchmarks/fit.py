"""Training speed: batched against a loop over signals, with and without the allocator setting, against the machine.

    python -m benchmarks.fit --json reports/fit.json --markdown reports/fit.md

Hash grids beside it: by sparse matrices and by indices, 8 images as a batch and one at a time. About five minutes;
`--quick` about two. What is compared is timed in turns (A B C A B C ...), each in a process of its
own, and ratios are those of one turn.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from benchmarks.fit_cells import Cell, Timing
from benchmarks.machine import describe_machine, machine_line
from benchmarks.tables import save, spread, table

WIDTHS = (16, 32, 64, 128)
SHAPES = ((24, 1024), (8, 4096))  # signals, points of each
GRID_SIGNALS, GRID_POINTS = 8, 192 * 288
FEATURES = (1, 2, 4)
TILE_ELEMENTS = [2**power for power in range(14, 21)]
ENVIRONMENT = {"MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_MMAP_THRESHOLD_": str(2**31 - 1)}
SETTINGS = ("none", "mallopt", "environment")

Results = dict[str, list[Timing]]
"""Timings by what was varied, one for each turn."""


class _Bench:
    """Two processes that time cells: one started with the allocator's environment variables, one without."""

    def __init__(self, threads: int, seconds: float, turns: int) -> None:
        self._threads, self._seconds, self._turns = threads, seconds, turns
        self._processes = {False: self._start({}), True: self._start(ENVIRONMENT)}

    def _start(self, extra: dict[str, str]) -> "subprocess.Popen[str]":
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fit_cells"],
            env=clean | {"OMP_NUM_THREADS": str(self._threads)} | extra,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes.values():
            assert process.stdin is not None
            process.stdin.close()
            process.wait()

    def time(self, kind: str, setting: str = "mallopt", **cell: Any) -> Timing:  # noqa: ANN401  the fields of `Cell`
        process = self._processes[setting == "environment"]
        assert process.stdin is not None
        assert process.stdout is not None
        request = Cell(kind, self._threads, self._seconds, mallopt=setting == "mallopt", **cell)
        print(json.dumps(asdict(request)), file=process.stdin, flush=True)
        answer = process.stdout.readline()
        if not answer:
            raise SystemExit(f"no answer to {request}: its process died; see above")
        return Timing(**json.loads(answer))

    def in_turns(self, variants: Iterable[tuple[str, dict[str, Any]]]) -> Results:
        """Times every variant, a name and the arguments of `time`, once in each turn."""
        results: Results = {}
        for _, (name, request) in itertools.product(range(self._turns), variants):
            results.setdefault(name, []).append(self.time(**request))
        return results


def measure(threads: int, quick: bool) -> dict[str, Any]:
    """All timings, as a JSON object."""
    seconds, turns = (0.2, 2) if quick else (0.4, 3)
    machine = describe_machine("torch")
    started = time.perf_counter()
    fits, tiles, matmuls = [], [], []
    with _Bench(threads, seconds, turns) as bench:
        for (signals, points), width in itertools.product(SHAPES[:1] if quick else SHAPES, WIDTHS):
            shape = {"width": width, "signals": signals, "points": points}
            matmuls.append(bench.time("matmul"))
            variants = [
                (f"{kind}, {setting}", {"kind": kind, "setting": setting, **shape})
                for kind, setting in itertools.product(("batched", "loop"), SETTINGS)
            ]
            variants += [
                (f"whole grid, {setting}", {"kind": "batched", "setting": setting, "tile": points, **shape})
                for setting in SETTINGS
            ]
            fits.append({**shape, "results": bench.in_turns(variants)})
        signals, points = SHAPES[-1]
        for width in WIDTHS:
            shape = {"width": width, "signals": signals, "points": points}
            variants = [
                (str(elements), {"kind": "batched", "tile": min(points, elements // (signals * width)), **shape})
                for elements in TILE_ELEMENTS
            ]
            tiles.append({**shape, "results": bench.in_turns(variants)})
        grids = _grids(bench, GRID_POINTS // 4 if quick else GRID_POINTS)
    return {
        "machine": machine | {"load_after": round(os.getloadavg()[0], 1)},
        "threads": threads,
        "turns": turns,
        "seconds_per_cell": seconds,
        "took_s": time.perf_counter() - started,
        "matmul_gflops": [timing.gflops for timing in matmuls],
        "fits": fits,
        "tiles": tiles,
        "grids": grids,
    }


def _grids(bench: _Bench, points: int) -> dict[str, Any]:
    """Interpolation of one signal, and steps of codec `shacira` for several."""
    interpolation = {
        features: bench.in_turns(
            [(kind, {"kind": kind, "width": features, "signals": 1, "points": points}) for kind in ("sparse", "gather")]
        )
        for features in FEATURES
    }
    fits = {
        features: bench.in_turns(
            [
                (kind, {"kind": f"grids {kind}", "width": features, "signals": GRID_SIGNALS, "points": points})
                for kind in ("batched", "loop")
            ]
        )
        for features in FEATURES[:2]
    }
    return {"points": points, "signals": GRID_SIGNALS, "interpolation": interpolation, "fits": fits}


def report(found: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    peak = max(found["matmul_gflops"])
    threads = f"{found['threads']} thread{'s' if found['threads'] > 1 else ''}"
    return "\n".join(
        [
            f"# Training speed, {threads}",
            "",
            machine_line(found["machine"]) + ".",
            "",
            "Work: steps of `BatchFit` (forward, backward, Adam) on a SIREN of depth 3 from 2 coordinates to 3 values, "
            "all points in each step, random targets. "
            f"Every cell ran {found['turns']} times for {found['seconds_per_cell']} s, in turns with those that it is "
            "compared with, each time in a process of its own, in a second thread as under Ray Tune. Figures are "
            "medians over the turns, brackets their smallest and largest; a ratio is taken within each turn. "
            f"The whole took {found['took_s']:.0f} s.",
            "",
            "Left out: other backbones, drawing a part of the points for each step, encoding and decoding, GPUs.",
            "",
            f"The machine's matrix products: {peak:.0f} GFLOP/s in fp32, the best of five square sizes, {threads} "
            f"(over the run: {spread(found['matmul_gflops'], 0)}). The step's rate counts two operations per "
            "multiply-accumulate and nothing for sines and Adam.",
            "",
            "## Batched against a loop over signals",
            "",
            "Both with the allocator setting that workers have, and with the tiles that the fit chooses. The loop "
            "trains one signal after the other with the same code.",
            "",
            table(
                [
                    "width, signals x points",
                    "batched: signals x steps/s",
                    "loop: signals x steps/s",
                    "batched/loop",
                    "the same, no setting",
                    "GFLOP/s",
                    "of matrix product",
                ],
                [_batched_row(fit, peak) for fit in found["fits"]],
            ),
            "",
            "## The allocator setting",
            "",
            "Milliseconds per step of all signals. `mallopt`: `keep_freed_memory` in the running process, as in a "
            f"worker; environment: {' and '.join(f'`{name}`' for name in ENVIRONMENT)} set before it starts. "
            "Whole grid: without tiles, so that every activation is one large block. Faults: page faults per step "
            "without and with `mallopt`.",
            "",
            table(
                [
                    "width, signals x points",
                    "none: ms",
                    "mallopt: ms",
                    "environment: ms",
                    "none/mallopt",
                    "environment/mallopt",
                    "faults",
                ],
                [
                    row
                    for fit in found["fits"]
                    for row in (_allocator_row(fit, work) for work in ("batched", "loop", "whole grid"))
                ],
            ),
            "",
            "## Size of the tiles",
            "",
            "Milliseconds per step against the number of activations that one layer has in a tile "
            "(signals x points x width).",
            "",
            table(
                ["width, signals x points", *(f"2^{elements.bit_length() - 1}" for elements in TILE_ELEMENTS)],
                [[_shape(fit), *(_ms(timings) for timings in fit["results"].values())] for fit in found["tiles"]],
            ),
            *_grid_lines(found["grids"]),
        ]
    )


def _grid_lines(grids: Mapping[str, Any]) -> list[str]:
    interpolation, fits = grids["interpolation"], grids["fits"]
    return [
        "",
        "## Hash grids",
        "",
        f"16 levels of at most 2^11 entries, {grids['points']} points. Interpolation: values and gradient of one "
        "signal, by sparse matrices, or gathered by indices and weights that are there already. Fits: steps of codec "
        f"`shacira` for {grids['signals']} images, as one batch or one after the other.",
        "",
        table(
            ["features", "sparse: ms", "gather: ms", "gather/sparse"],
            [
                [str(features), _ms(of["sparse"]), _ms(of["gather"]), _ratio(of["gather"], of["sparse"])]
                for features, of in interpolation.items()
            ],
        ),
        "",
        table(
            ["features", "batched: ms a step", "loop: ms a step", "loop/batched"],
            [
                [str(features), _ms(of["batched"]), _ms(of["loop"]), _ratio(of["loop"], of["batched"])]
                for features, of in fits.items()
            ],
        ),
    ]


def _batched_row(fit: Mapping[str, Any], peak: float) -> list[str]:
    results: Results = fit["results"]
    batched, loop = results["batched, mallopt"], results["loop, mallopt"]
    gflops = statistics.median(timing.gflops for timing in batched)
    return [
        _shape(fit),
        *(f"{fit['signals'] / _median(timings):.0f}" for timings in (batched, loop)),
        _ratio(loop, batched),
        _ratio(results["loop, none"], results["batched, none"]),
        f"{gflops:.0f}",
        f"{gflops / peak:.0%}",
    ]


def _allocator_row(fit: Mapping[str, Any], work: str) -> list[str]:
    none, mallopt, environment = (fit["results"][f"{work}, {setting}"] for setting in SETTINGS)
    faults = (statistics.median(timing.page_faults for timing in timings) for timings in (none, mallopt))
    return [
        f"{_shape(fit)}, {work}",
        *(_ms(timings) for timings in (none, mallopt, environment)),
        _ratio(none, mallopt),
        _ratio(environment, mallopt),
        " -> ".join(f"{count:.0f}" for count in faults),
    ]


def _shape(fit: Mapping[str, Any]) -> str:
    return f"{fit['width']}, {fit['signals']} x {fit['points']}"


def _median(timings: list[Timing]) -> float:
    return statistics.median(timing.seconds for timing in timings)


def _ms(timings: list[Timing]) -> str:
    return f"{1e3 * _median(timings):.2f}"


def _ratio(slower: list[Timing], faster: list[Timing]) -> str:
    return spread([a.seconds / b.seconds for a, b in zip(slower, faster, strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="threads of a step, 1 or more [1, as a trial has]")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter measurements")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every timing there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there as well")
    options = parser.parse_args()
    found = measure(max(1, options.threads), options.quick)
    save(report(found), found, options.markdown, options.json)


if __name__ == "__main__":
    main()
