"""Where the seconds and the bits of codec `combiner` go: its blocks, seen while they are coded."""

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.command import Found
from benchmarks.machine import afresh
from searchinr.codecs.combiner import CODEC, CombinerParams
from searchinr.codecs.combiner.posterior_fit import PosteriorFit
from searchinr.codecs.combiner.samples import INDEX_BITS
from searchinr.codecs.contract import Asset, AssetSpec, Setup
from searchinr.codecs.registry import decode
from searchinr.engine.store.asset_files import asset_name, decode_data, write_asset
from searchinr.engine.store.place import LocalPlace
from searchinr.search.configs import Config
from searchinr.signals.signal import Signal
from searchinr.space import Value, build_params
from searchinr.trial import asset_spec, base_spec, build_asset, file_figures


def coded_points(
    params: Mapping[str, Value],
    signals: Sequence[Signal],
    training: Sequence[Signal],
    rungs: Sequence[int],
    seed: int,
    device: torch.device,
) -> Iterator[Found]:
    """The point of each rung: means over the signals. Seconds are CPU time of this thread, or what passes on a GPU.

    `kl_bits` is the divergence of the posteriors from the prior when they were coded, `fit_s` the seconds until the
    first block is coded, `code_s` those of coding and refinement, `prior_s` those of the prior without the ones from
    which it starts.
    """
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    spec = asset_spec(Config(CODEC.name, dict(params)))
    assert spec is not None
    torch.set_num_threads(1)
    prior, prior_s = _learn(spec, training, seed, device)
    codec, spent, last = CODEC(), {"fit_s": 0.0, "code_s": 0.0}, clock()
    bits: dict[tuple[int, int], list[float]] = {}  # of every block but the last of each file
    typed = build_params(CombinerParams, params)
    for state in codec.fit(signals, typed, rungs, Setup(seed, device, prior)):
        now, branch, is_coding = clock(), next(reversed(state.branches), None), state.is_rung
        if isinstance(branch, PosteriorFit) and 0 < branch.coded < branch.blocks:
            is_coding, block = True, (len(state.branches), branch.coded)
            if block not in bits:  # it has been coded just now
                bits[block] = branch.block_bits()[:, branch.coded - 1].tolist()
        spent["code_s" if is_coding else "fit_s"] += now - last
        last = now
        if state.is_rung:
            files = codec.encode(state)
            blocks = statistics.mean(indices.shape[1] for indices in state.measured for _ in indices)
            decoded, milliseconds, prior_bytes = _decoded_afresh(files, prior)
            here = [decode(file, asset=prior) for file in files]
            rows = [file_figures(*each) for each in zip(signals, files, here, strict=True)]
            yield {
                "params": dict(params),
                "steps": state.steps,
                "seed": seed,
                "blocks": blocks,
                **{key: statistics.mean(getattr(row, key) for row in rows) for key in ("psnr_db", "rate")},
                "kl_bits": blocks * (statistics.mean(chain(*bits.values())) if bits else float(INDEX_BITS)),
                "file_bits": 8 * statistics.mean(map(len, files)),
                **{key: seconds / len(signals) for key, seconds in spent.items()},
                "exact": all(np.array_equal(a.samples, b) for a, b in zip(here, decoded, strict=True)),
                "decode_ms": statistics.median(milliseconds),
                "prior_s": prior_s,
                "prior_bytes": prior_bytes,
                "signals": {row.name: [row.rate, row.psnr_db] for row in rows},
            }
            last = clock()


def _learn(spec: AssetSpec, training: Sequence[Signal], seed: int, device: torch.device) -> tuple[Asset, float]:
    """A prior, and the seconds of its learning, without those of the one from which it starts."""
    base = base_spec(CODEC.name, spec)
    neighbour = None if base is None else _learn(base, training, seed, device)[0]
    *_, last = build_asset(CODEC.name, spec, training, seed=seed, device=device, base=neighbour)
    assert last.asset is not None
    return last.asset, last.cost.train_s


def _decoded_afresh(files: Sequence[bytes], prior: Asset) -> tuple[list[NDArray[Any]], list[float], int]:
    """The samples in files as another process decodes them, its milliseconds for each, and the bytes of the prior."""
    with tempfile.TemporaryDirectory() as name:
        size = write_asset(LocalPlace(Path(name) / asset_name(prior.label)), CODEC.name, prior)
        return *afresh(_decode, files, Path(name) / "one.inr"), size


def _decode(files: Sequence[bytes], source: Path) -> tuple[list[NDArray[Any]], list[float]]:
    """Samples, and milliseconds of CPU time from the bytes and a prior that is read each time.

    A file is decoded once before, so that nothing is imported in that time.
    """
    torch.set_num_threads(1)
    decode_data(files[0], source)
    samples, took = [], []
    for data in files:
        started = time.process_time()
        samples.append(decode_data(data, source).samples)
        took.append(1e3 * (time.process_time() - started))
    return samples, took
