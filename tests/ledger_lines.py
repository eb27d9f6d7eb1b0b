"""Ledger lines for tests, as a run would have written them."""

from dataclasses import replace
from typing import Any, TypeVar

from searchinr.search.configs import Config
from searchinr.search.figures import Cost, SignalFigures, SignalTable
from searchinr.search.lines import AssetBuilt, Confirmation, FitFailed, Line, Point, TrialStarted

L = TypeVar("L", bound=Line)
_TIME = 1_700_000_000.0
_PARAMS = {"backbone": "siren", "depth": 3, "width": 32, "quantizer": "minmax", "weight_bits": 8, "lr": 0.0025}
_RUNGS = {100: 0, 300: 1, 900: 2}


def changed(line: L, **changes: Any) -> L:  # noqa: ANN401
    """The line with other fields; `codec` and `params` go into its config, `ssim` into its metrics."""
    config = {key: changes.pop(key) for key in ("codec", "params") if key in changes}
    if "ssim" in changes:
        changes["metrics"] = {"ssim": changes.pop("ssim")}
    return replace(line, config=replace(line.config, **config), **changes)


def trial_line(trial: str, **changes: object) -> TrialStarted:
    line = TrialStarted(
        trial=trial, number=0, dataset="photos", config=Config("mlp", dict(_PARAMS)), seed=0, time=_TIME
    )
    return changed(line, **changes)


def signal_figures(name: str, number: int, rate: float, psnr_db: float, **changes: object) -> SignalFigures:
    row = SignalFigures(
        name=name,
        bytes=round(rate * 1728) + number,
        rate=rate,
        psnr_db=psnr_db,
        metrics={"ssim": 0.8},
        encode_s=1.5,
        decode_s=0.01,
        sha256=f"{number:064x}",
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def point_line(trial: str, steps: int, rate: float, psnr_db: float, **changes: object) -> Point:
    signals = [signal_figures(name, i, rate, psnr_db + 2 * i - 1) for i, name in enumerate(("astronaut", "coffee"))]
    line = Point(
        **trial_line(trial).shared(Point) | {"time": _TIME + steps},
        rung=_RUNGS[steps],
        steps=steps,
        init="scratch",
        modality="image",
        psnr_db=psnr_db,
        psnr_of_mean_mse_db=psnr_db - 0.5,
        metrics={"ssim": 0.8},
        rate=rate,
        rate_unit="bpp",
        mean_bytes=sum(row.bytes for row in signals) / len(signals),
        encode_s=1.5,
        decode_s=0.01,
        decode_macs_per_sample=2304.0,
        signals=SignalTable.of(signals),
        cost=Cost(macs=1e9, train_s=steps / 100, device="cpu"),
    )
    return changed(line, **changes)


def asset_line(**changes: object) -> AssetBuilt:
    """A supernet that trials share."""
    params = {"backbone": "siren", "supernet.steps": 300, "supernet.depths": "2 3", "supernet.widths": "16 32"}
    line = AssetBuilt(
        asset="supernet-0123456789ab",
        name="supernet",
        dataset="photos",
        built_from="photos",
        config=Config("mlp", params),
        seed=0,
        sha256="f" * 64,
        bytes=4096,
        cost=Cost(macs=5e8, train_s=2.5, device="cpu"),
        time=_TIME + 50,
    )
    return changed(line, **changes)


def confirmation_line(point: Point, seed: int, psnr_db: float, rate: float) -> Confirmation:
    """A further fit of a point with another seed."""
    line = Confirmation(**point.shared(Confirmation))
    return replace(line, confirms=True, seed=seed, psnr_db=psnr_db, rate=rate)


def failed_line(trial: str, steps: int = 100, **changes: object) -> FitFailed:
    line = FitFailed(
        **trial_line(trial).shared(FitFailed) | {"time": _TIME + 150},
        rung=_RUNGS[steps],
        steps=steps,
        reason="loss is NaN at step 7",
    )
    return changed(line, **changes)


def failed_confirmation_line(point: Point, seed: int) -> FitFailed:
    line = FitFailed(**point.shared(FitFailed), reason="loss is NaN at step 3")
    return replace(line, confirms=True, seed=seed)
