"""A small ledger, as a run would have written it."""

from collections.abc import Callable
from typing import Any

import pytest

from searchinr.search.objectives import Objectives
from searchinr.space import Bound, DatasetEntry, SearchSettings, Space

Line = dict[str, Any]


def trial_line(trial: str, **changes: object) -> Line:
    params = {"backbone": "siren", "depth": 3, "width": 32, "quantizer": "minmax", "weight_bits": 8, "lr": 0.0025}
    line = {
        "kind": "trial", "trial": trial, "number": 0, "dataset": "photos", "codec": "mlp", "params": params, "seed": 0,
        "time": 1_700_000_000.0,
    }  # fmt: skip
    return line | changes


def point_line(trial: str, steps: int, rate: float, psnr_db: float, **changes: object) -> Line:
    signals = [
        {
            "name": name, "bytes": round(rate * 1728) + i, "rate": rate, "psnr_db": psnr_db + 2 * i - 1, "ssim": 0.8,
            "encode_s": 1.5, "decode_s": 0.01, "sha256": f"{i:064x}",
        }
        for i, name in enumerate(("astronaut", "coffee"))
    ]  # fmt: skip
    line = trial_line(trial) | {
        "kind": "point", "rung": {100: 0, 300: 1, 900: 2}[steps], "steps": steps, "modality": "image",
        "init": "scratch", "psnr_db": psnr_db, "psnr_of_mean_mse_db": psnr_db - 0.5, "rate": rate, "rate_unit": "bpp",
        "ssim": 0.8, "decode_macs_per_sample": 2304.0, "signals": signals,
        "cost": {"macs": 1e9, "train_s": steps / 100, "device": "cpu"},
        "time": 1_700_000_000.0 + steps,
    }  # fmt: skip
    return line | changes


def asset_line(**changes: object) -> Line:
    """A supernet that trials share."""
    params = {"backbone": "siren", "supernet.steps": 300, "supernet.depths": "2 3", "supernet.widths": "16 32"}
    line = {
        "kind": "asset", "asset": "supernet-0123456789ab", "name": "supernet", "dataset": "photos", "codec": "mlp",
        "params": params, "needed_to_decode": False, "seed": 0, "sha256": "f" * 64, "bytes": 4096,
        "cost": {"macs": 5e8, "train_s": 2.5, "device": "cpu"}, "time": 1_700_000_050.0,
    }  # fmt: skip
    return line | changes


def confirmation_line(point: Line, seed: int, psnr_db: float, rate: float) -> Line:
    """A further fit of a point with another seed."""
    return point | {"kind": "confirmation", "confirms": True, "seed": seed, "psnr_db": psnr_db, "rate": rate}


def failed_confirmation_line(point: Line, seed: int) -> Line:
    keys = ("trial", "rung", "steps", "dataset", "codec", "params", "time")
    line = {key: point[key] for key in keys}
    return line | {"kind": "failed", "confirms": True, "seed": seed, "reason": "loss is NaN at step 3"}


@pytest.fixture
def make_trial() -> Callable[..., Line]:
    return trial_line


@pytest.fixture
def make_point() -> Callable[..., Line]:
    return point_line


@pytest.fixture
def make_asset() -> Callable[..., Line]:
    return asset_line


@pytest.fixture
def confirm() -> Callable[..., Line]:
    return confirmation_line


@pytest.fixture
def fail_confirmation() -> Callable[..., Line]:
    return failed_confirmation_line


@pytest.fixture
def toy_space() -> Space:
    """A space of two datasets, as the small ledger's run would have had it."""
    return Space(
        name="toy",
        datasets=(DatasetEntry(name="photos"), DatasetEntry(path="other")),
        reference_point={"psnr_db": 20.0, "rate": 4.0},
        search=SearchSettings(trials=3),
        codecs={"mlp": {}},
    )


@pytest.fixture
def objectives() -> Objectives:
    return Objectives({"psnr_db": "max", "rate": "min"}, {"psnr_db": 20, "rate": 4})


@pytest.fixture
def small_decoders() -> Objectives:
    """Only points that decode with at most 2000 multiply-accumulates for each sample."""
    return Objectives(
        {"psnr_db": "max", "rate": "min"},
        {"psnr_db": 20, "rate": 4},
        {"decode_macs_per_sample": Bound("<=", 2000.0)},
    )


@pytest.fixture
def ledger() -> list[Line]:
    """Three trials of one dataset: one to the last rung, one paused, one failed; and a trial of another dataset."""
    mfn = {"backbone": "mfn", "depth": 2, "width": 16, "quantizer": "fp16", "mfn.filter": "gabor"}
    return [
        trial_line("aaa"),
        trial_line("bbb", number=1, params=mfn),
        point_line("aaa", 100, 1.0, 26.0),
        point_line("bbb", 100, 0.5, 24.0, params=mfn),
        trial_line("ccc", number=2),
        {"kind": "failed", "trial": "ccc", "dataset": "photos", "reason": "loss is NaN at step 7", "time": 1.7e9 + 150},
        point_line("aaa", 300, 1.01, 27.5),
        trial_line("zzz", dataset="other", number=0),
        point_line("zzz", 100, 2.0, 20.5, dataset="other"),
        point_line("aaa", 900, 1.02, 27.0),  # dominated by its own shorter training
    ]


@pytest.fixture
def confirmed_ledger(ledger: list[Line]) -> list[Line]:
    """The same, and further seeds: three for bbb's point, one of them in vain, and one for aaa's at 300 steps."""
    bbb, aaa = (next(x for x in ledger if x["kind"] == "point" and x["psnr_db"] == psnr) for psnr in (24.0, 27.5))
    return [
        *ledger,
        confirmation_line(bbb, 1, 23.5, 0.5),
        failed_confirmation_line(bbb, 2),
        confirmation_line(bbb, 3, 23.7, 0.52),
        confirmation_line(aaa, 1, 27.0, 1.03),
    ]
