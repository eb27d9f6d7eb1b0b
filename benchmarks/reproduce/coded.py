"""Cells of codec `combiner`: signals coded against a prior that is learned once, their files decoded in a new process.

Priors are kept in a folder beside the file of what has been measured, and shared between cells.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.reproduce.cells import Json, Kept
from searchinr.allocator import keep_freed_memory
from searchinr.codecs.combiner import CODEC, CombinerParams
from searchinr.codecs.combiner.fit import CombinerState
from searchinr.codecs.combiner.samples import INDEX_BITS
from searchinr.codecs.contract import Asset, AssetSpec
from searchinr.codecs.registry import decode
from searchinr.engine.catalog import canonicalise
from searchinr.engine.store.asset_files import asset_name, read_asset, write_asset
from searchinr.signals.datasets import load_dataset, load_training
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal
from searchinr.space import Value, build_params, json_hash
from searchinr.space.schema import DatasetEntry
from searchinr.trial import asset_spec, base_spec, build_asset


@dataclass(frozen=True)
class Coded:
    """A config with one seed: means over the signals. Seconds are CPU time of one thread, or what passes on a GPU.

    Attributes:
        seed: Of the prior and of the fits.
        rate: Of the whole files.
        psnr_db: Of what another process has decoded.
        blocks: In a file, mean over signals.
        kl_bits: KL divergence of the posteriors from the prior when they were coded, of a signal.
        file_bits: Of a signal.
        exact: Whether the other process has decoded the very samples that the encoder does.
        fit_s: Of a signal, until its first block is coded.
        code_s: Of a signal, from there on: coding and refinement.
        decode_ms: Of a signal; the median.
        prior_s: Of the prior's learning, those from which it starts left out.
        prior_bytes: Of its file.
        signals: Of each signal, by its name, the rate and the PSNR.
    """

    seed: int
    rate: float
    psnr_db: float
    blocks: float
    kl_bits: float
    file_bits: float
    exact: bool
    fit_s: float
    code_s: float
    decode_ms: float
    prior_s: float
    prior_bytes: int
    signals: Mapping[str, tuple[float, float]]


Cells = list[Coded]
"""One for each seed."""


class Coder:
    """Codes the signals of a dataset, each config once."""

    def __init__(self, entry: DatasetEntry, seeds: int, kept: Path | None) -> None:
        """Loads the signals.

        Args:
            entry: The dataset, with the training signals of its priors.
            seeds: How many of each cell.
            kept: The file of what has been measured; None keeps nothing.
        """
        keep_freed_memory()
        torch.set_num_threads(1)
        dataset = load_dataset(entry)
        training = load_training(entry, dataset)
        if training is None:
            raise SystemExit(f"{entry.label}: name the signals from which priors are learned: --train PATH")
        self.signals: Sequence[Signal] = dataset.signals
        self._training, self._seeds = training.signals, seeds
        self._data, self._training_data = dataset.key[:16], training.key[:16]
        self._keep = Kept(kept)
        self._folder = None if kept is None else kept.with_suffix(".priors")
        self._priors: dict[str, Asset] = {}
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._clock = time.perf_counter if self._device.type == "cuda" else time.process_time

    def code(self, params: Mapping[str, Value], steps: int, first: int | None = None) -> Cells:
        """A config's cells with seeds 0, 1, ...

        Args:
            params: Parameters of codec `combiner`, flat; the others have their defaults.
            steps: Training length.
            first: Only so many of the signals, as a batch; None for all.
        """
        found = []
        for seed in range(self._seeds):
            full = canonicalise(CODEC.name, params)
            key = json_hash([self._data, self._training_data, full, steps, first, seed])[:16]
            found.append(Coded(**self._keep(key, lambda full=full, seed=seed: self._code(full, steps, first, seed))))
        return found

    def _code(self, params: Mapping[str, Value], steps: int, first: int | None, seed: int) -> Json:
        spec = asset_spec(CODEC.name, params)
        assert spec is not None
        asset, about = self._prior(spec, seed)
        signals = self.signals[:first]
        codec, spent, bits = CODEC(), {"fit": 0.0, "code": 0.0}, _BlockBits()
        last = self._clock()
        for state in codec.fit(
            signals, build_params(CombinerParams, params), [steps], seed=seed, device=self._device, asset=asset
        ):
            assert isinstance(state, CombinerState)
            now = self._clock()
            spent["code" if bits.tell(state) else "fit"] += now - last
            last = now
            if state.is_rung:
                files = codec.encode(state)
                blocks = [indices.shape[1] for indices in state.measured for _ in indices]
        decoded, milliseconds = _decoded_afresh(files, asset)
        rows = [_quality(*each) for each in zip(signals, files, decoded, strict=True)]
        return asdict(
            Coded(
                seed=seed,
                rate=statistics.mean(rate for rate, _ in rows),
                psnr_db=statistics.mean(psnr_db for _, psnr_db in rows),
                blocks=statistics.mean(blocks),
                kl_bits=bits.of_a_block * statistics.mean(blocks),
                file_bits=statistics.mean(8 * len(file) for file in files),
                exact=all(
                    np.array_equal(decode(file, asset=asset).samples, samples)
                    for file, samples in zip(files, decoded, strict=True)
                ),
                fit_s=spent["fit"] / len(signals),
                code_s=spent["code"] / len(signals),
                decode_ms=statistics.median(milliseconds),
                prior_s=about["seconds"],
                prior_bytes=about["bytes"],
                signals={signal.name: row for signal, row in zip(signals, rows, strict=True)},
            )
        )

    def _prior(self, spec: AssetSpec, seed: int) -> tuple[Asset, Json]:
        """A prior, and what its learning has cost."""
        key = json_hash(["prior", self._training_data, spec.params, seed])[:16]
        if key not in self._priors:
            path = None if self._folder is None else self._folder / f"{key}.safetensors"
            if path is not None and path.is_file() and key in self._keep:
                self._priors[key] = read_asset(path).asset
            else:
                self._priors[key] = self._learn(spec, seed, key, path)
        return self._priors[key], self._keep(key, dict)

    def _learn(self, spec: AssetSpec, seed: int, key: str, path: Path | None) -> Asset:
        base = base_spec(CODEC.name, spec)
        neighbour = None if base is None else self._prior(base, seed)[0]
        started = self._clock()
        *_, last = build_asset(CODEC.name, spec, self._training, seed=seed, device=self._device, base=neighbour)
        seconds = self._clock() - started
        assert last.asset is not None
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "prior"
            size = write_asset(file, CODEC.name, last.asset)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.read_bytes())
        self._keep(key, lambda: {"seconds": seconds, "bytes": size, "sha256": last.asset.sha256})  # type: ignore[union-attr]
        return last.asset


class _BlockBits:
    """The KL divergence of blocks at the moment at which they are coded; the last of each file is not seen."""

    def __init__(self) -> None:
        self._coded: dict[int, int] = {}
        self._bits: list[float] = []

    @property
    def of_a_block(self) -> float:
        """Mean over blocks and signals."""
        return statistics.mean(self._bits) if self._bits else float(INDEX_BITS)

    def tell(self, state: CombinerState) -> bool:
        """Takes a state of a fit; whether blocks are being coded."""
        if state.is_rung:
            return True
        number = len(state.branches) - 1
        if number < 0 or not 0 < state.branches[number].coded < state.branches[number].blocks:
            return False
        branch = state.branches[number]
        if branch.coded > self._coded.get(number, 0):
            self._coded[number] = branch.coded
            self._bits += branch.block_bits()[:, branch.coded - 1].tolist()
        return True


def _decoded_afresh(files: Sequence[bytes], asset: Asset) -> tuple[list[Any], list[float]]:
    """The samples in files as another process decodes them, and its milliseconds for each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_asset(folder / asset_name(asset.label), CODEC.name, asset)
        names = [f"{number:04}" for number in range(len(files))]
        for each, file in zip(names, files, strict=True):
            (folder / f"{each}.inr").write_bytes(file)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.reproduce.decode_folder", name],
            check=True,
            capture_output=True,
            text=True,
        )
        took = json.loads(done.stdout)
        return [np.load(folder / f"{each}.npy") for each in names], [took[each] for each in names]


def _quality(signal: Signal, file: bytes, samples: Any) -> tuple[float, float]:  # noqa: ANN401  an array
    modality = MODALITIES[signal.layout.modality]
    return modality.rate(signal.layout, len(file)), modality.quality(signal, samples)["psnr_db"]
