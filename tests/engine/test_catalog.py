from pathlib import Path
from typing import Any

import pytest

from searchinr.codecs.combiner.codec import CombinerCodec
from searchinr.codecs.contract import AssetSpec
from searchinr.engine.catalog import read_space
from searchinr.errors import UserError

SPACE = """
name: some
datasets: [{name: photos, limit: 2%s}]
reference_point: {psnr_db: 2, rate: 64}
search: {trials: 2}
codecs:
  combiner:
    %s
"""
LEARNED, LAYERWISE = "prior: learned", "prior: layerwise"
EITHER = "prior: {choice: [layerwise, learned]}"
HIDDEN = "{beta: {choice: [0.1, 0.2]}, lr: {log: [0.01, 0.1]}, prior: {choice: [layerwise, learned]}}"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return tmp_path / "space.yaml"


def _learned_only(self: CombinerCodec, params: Any) -> AssetSpec | None:  # noqa: ANN401  CombinerParams
    """As if files of the others needed nothing."""
    return AssetSpec("prior", {}, needed_to_decode=True) if params.prior == "learned" else None


@pytest.mark.parametrize(("domains", "needs"), [(LEARNED, True), (LAYERWISE, False), (EITHER, True), (HIDDEN, True)])
def test_training_signals_must_be_there_if_any_config_needs_them(
    space: Path, monkeypatch: pytest.MonkeyPatch, domains: str, needs: bool
) -> None:
    monkeypatch.setattr(CombinerCodec, "asset_spec", _learned_only)
    space.write_text(SPACE % (", train: {name: photos, skip: 2}", domains))
    read_space(space)
    space.write_text(SPACE % ("", domains))
    if not needs:
        read_space(space)
        return
    with pytest.raises(UserError, match=r"space\.yaml:3: datasets\[0\]: train: missing") as refused:
        read_space(space)
    assert "from which the prior is built that files of codec combiner need" in str(refused.value)


def test_what_decoding_does_not_need_asks_for_no_training_signals(space: Path) -> None:
    space.write_text((SPACE % ("", "init: supernet")).replace("combiner", "mlp"))
    read_space(space)
