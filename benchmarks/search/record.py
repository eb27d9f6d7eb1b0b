"""Records real learning curves: every config of `curves.yaml`, trained to its end and measured at every rung.

    python -m benchmarks.search.record

About an hour on two cores. It writes `curves.npz`; interrupted, it goes on where it was (`--partial`). Configs that
differ in their bit-widths alone share a fit, since weights are rounded after training: each is encoded from the same
state into files of its own, which are decoded and measured like any other.
"""

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time

import torch
from torch import Tensor

from benchmarks.search.table import BIT_WIDTHS, SPACE_FILE, TABLE_FILE, Cell, grid, pack
from searchinr.allocator import keep_freed_memory
from searchinr.codecs.mlp.body import parts_of
from searchinr.codecs.mlp.codec import MlpCodec, MlpState
from searchinr.codecs.mlp.params import MlpParams
from searchinr.codecs.params.bit_widths import bit_widths
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.registry import decode
from searchinr.engine.catalog import read_space
from searchinr.errors import InvalidFileError, TrialError
from searchinr.signals.datasets import load_dataset
from searchinr.signals.signal import Signal
from searchinr.space import Space, Value, build_params
from searchinr.trial import file_figures

Params = dict[str, Value]


def fits(space: Space) -> dict[str, list[tuple[str, Params]]]:
    """The configs of the grid, those that share a fit together, by a key that names the fit."""
    shared: dict[str, list[tuple[str, Params]]] = defaultdict(list)
    for codec, params in grid(space):
        rest = {key: value for key, value in params.items() if key not in BIT_WIDTHS}
        shared[json.dumps([codec, rest], sort_keys=True)].append((codec, params))
    return dict(shared)


def record(configs: Sequence[tuple[str, Params]], signals: Sequence[Signal], rungs: Sequence[int]) -> list[Cell]:
    """One fit, measured at every rung in every precision. A fit that diverges has the rungs before that."""
    keep_freed_memory()
    torch.set_num_threads(1)
    codec = MlpCodec()  # whose configs differ by their quantisation only
    given = [build_params(codec.Params, params) for _, params in configs]
    cells: list[Cell] = []
    train_s, started = 0.0, time.process_time()
    try:
        for state in codec.fit(signals, given[0], rungs, seed=0, device=torch.device("cpu")):
            if not state.is_rung:
                continue
            train_s += time.process_time() - started
            trained = state.measured
            for (_, params), typed in zip(configs, given, strict=True):
                _quantise(state, trained, typed)
                cells += _measure(codec, params, state, signals, rungs.index(state.steps), train_s)
            started = time.process_time()
    except TrialError:
        pass
    return cells


def _quantise(state: MlpState, trained: Sequence[Mapping[str, Tensor]], params: MlpParams) -> None:
    """Makes the state one of other bit-widths, which act after training: among latents there are trained weights."""
    state.params, state.measured = params, []
    for group, latents in zip(state.groups, trained, strict=True):
        parts = parts_of(group.architecture, bit_widths(params), per_channel=False)
        group.quantizer = QUANTIZERS[params.quantizer](parts)
        state.measured.append(group.quantizer.start(latents))


def _measure(
    codec: MlpCodec, params: Params, state: MlpState, signals: Sequence[Signal], rung: int, train_s: float
) -> list[Cell]:
    """One config at one rung, or nothing where its files cannot be decoded."""
    started = time.process_time()
    files = codec.encode(state)
    encoded = time.process_time()
    try:
        decoded = [decode(file) for file in files]
    except InvalidFileError:
        return []
    decode_s = (time.process_time() - encoded) / len(signals)
    rows = [file_figures(*each) for each in zip(signals, files, decoded, strict=True)]
    return [
        Cell(
            params=params,
            rung=rung,
            bytes=[row["bytes"] for row in rows],
            psnr_db=[row["psnr_db"] for row in rows],
            macs=state.macs,
            train_s=train_s,
            encode_s=(encoded - started) / len(signals),
            decode_s=decode_s,
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="fits at the same time [all cores]")
    parser.add_argument(
        "--partial", type=Path, default=TABLE_FILE.with_suffix(".jsonl"), help="where finished fits are kept meanwhile"
    )
    options = parser.parse_args()
    space = read_space(SPACE_FILE)
    dataset = load_dataset(space.datasets[0])
    done = _read(options.partial)
    todo = {key: configs for key, configs in fits(space).items() if key not in done}
    print(f"{len(todo)} fits to do, {len(done)} done", flush=True)
    with ProcessPoolExecutor(options.workers) as pool, options.partial.open("a") as partial:
        running = {
            pool.submit(record, configs, dataset.signals, space.fidelity.rungs): key for key, configs in todo.items()
        }
        for number, future in enumerate(as_completed(running), start=1):
            cells = [cell._asdict() for cell in future.result()]
            partial.write(json.dumps({"fit": running[future], "cells": cells}) + "\n")
            partial.flush()
            print(f"{number} of {len(running)}", flush=True)
    cells = [Cell(**cell) for found in _read(options.partial).values() for cell in found]
    pack(space, dataset, cells, TABLE_FILE)


def _read(partial: Path) -> Mapping[str, list[dict[str, Any]]]:
    if not partial.is_file():
        return {}
    return {row["fit"]: row["cells"] for row in map(json.loads, partial.read_text().splitlines())}


if __name__ == "__main__":
    main()
