"""A codec some of whose configs need an asset to be decoded and some none: both in one search, and in files."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from searchinr.codecs.bitstream.container import Container
from searchinr.codecs.combiner.codec import CombinerCodec, CombinerState
from searchinr.codecs.combiner.params import CombinerParams
from searchinr.codecs.contract import Asset, AssetSpec, Decoder, Inspection, Level, Setup
from searchinr.codecs.registry import CODECS
from searchinr.engine.coding.files import decode_file
from searchinr.engine.results.asset_list import list_assets
from searchinr.engine.results.opened import open_run
from searchinr.engine.results.verify import verify
from searchinr.engine.run.start import run_search
from searchinr.errors import MissingAssetError
from searchinr.signals.signal import Layout, Signal
from searchinr.space import Value, build_params

SPACE = """
name: either
datasets: [{name: photos, downscale: [12, 18], limit: 2, train: {name: photos, downscale: [12, 18], skip: 2}}]
reference_point: {psnr_db: 2, rate: 64}
fidelity: {min_steps: 10, max_steps: 10}
search: {trials: 2, sampler: grid, scheduler: fifo, seed: 3}
codecs:
  either:
    prior: {choice: [learned, layerwise]}
    width: 6
    depth: 1
    features: 2
    max_frequency: 4.0
    prior_steps: 60
    refinement_steps: 0
    candidates: 2
"""
KEYS: dict[str, Value] = {"width": 6, "depth": 1, "features": 2, "max_frequency": 4.0, "prior_steps": 60}


class EitherCodec(CombinerCodec):
    """As `combiner`; but with `prior: layerwise` all files have a prior that is a part of the codec."""

    name: ClassVar[str] = "either"
    id: ClassVar[int] = 29

    def __init__(self) -> None:
        params = build_params(CombinerParams, {**KEYS, "prior": "layerwise"})
        assert isinstance(params, CombinerParams)
        layout, rng = Layout("image", (12, 18), 3, 8), np.random.default_rng(0)
        signals = [Signal(name, rng.integers(0, 256, (12, 18, 3)), layout) for name in "abcd"]
        setup = Setup(0, torch.device("cpu"))
        *_, last = CombinerCodec.prepare(self, signals, CombinerCodec.asset_spec(self, params), setup)
        assert last.asset is not None
        self._built_in = last.asset

    def asset_spec(self, params: CombinerParams) -> AssetSpec | None:  # type: ignore[override]
        return super().asset_spec(params) if params.prior == "learned" else None

    def fit(
        self, signals: Sequence[Signal], params: CombinerParams, rungs: Sequence[int], setup: Setup
    ) -> Iterator[CombinerState]:
        used = setup.asset or self._built_in
        return super().fit(signals, params, rungs, replace(setup, asset=used))

    def needed_asset(self, file: Container) -> str | None:  # type: ignore[override]
        found = super().needed_asset(file)
        return None if self._built_in.sha256.startswith(found) else found

    def decoder(self, file: Container, *, asset: Asset | None = None, level: Level | None = None) -> Decoder:
        return CombinerCodec().decoder(file, asset=self._used(file, asset), level=level)

    def inspect(self, file: Container, *, asset: Asset | None = None) -> Inspection:
        return CombinerCodec().inspect(file, asset=self._used(file, asset))

    def _used(self, file: Container, asset: Asset | None) -> Asset | None:
        return self._built_in if self.needed_asset(file) is None else asset


def test_one_search_over_configs_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODECS, "either", EitherCodec())
    space, run = tmp_path / "either.yaml", tmp_path / "run"
    space.write_text(SPACE)
    run_search(space, out=run, debug=True)
    opened = open_run(run)
    assert not any(verdict.problems for verdict in verify(opened, None))
    (asset,) = list_assets(opened)
    assert asset["points"] == 1, "that of the other config names none"
    outcomes = set()
    for number, file in enumerate(sorted(run.glob("front/*/*/*.inr"))):
        alone = tmp_path / f"{number}.inr"
        shutil.copy(file, alone)
        try:
            decode_file(alone, None, 1.0, quiet=True)
        except MissingAssetError:
            outcomes.add("needs the asset")
        else:
            outcomes.add("needs none")
    assert outcomes == {"needs the asset", "needs none"}
