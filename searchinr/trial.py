"""One trial: fit -> bytes -> decode -> operating point, at each rung.

Everything reported is measured on complete files: the rate is their size, the quality comes from decoding them.
"""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.contract import AnyCodec, Asset, AssetSpec, AssetState, FitState, Setup
from searchinr.codecs.fitting.nesting import nested, part_of
from searchinr.codecs.registry import CODECS, decode
from searchinr.codecs.render import Watch
from searchinr.errors import InvalidFileError, OutOfMemoryError, TrialError
from searchinr.search.configs import Config
from searchinr.search.figures import Cost, Figures, SignalFigures, SignalTable
from searchinr.signals.flat import counted
from searchinr.signals.metrics import psnr_of_mean_mse
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal
from searchinr.space import build_params

_FROM_SCRATCH = "scratch"
_WORK = "fit"  # the part of a checkpoint that is the codec's


@dataclass(frozen=True)
class TrialProgress:
    """A trial under way.

    Attributes:
        steps: Training steps done.
        train_s: Seconds spent on training, including those before a checkpoint.
        checkpoint: Makes the checkpoint of this moment; valid until the next state is asked for.
    """

    steps: int
    train_s: float
    checkpoint: Callable[[], dict[str, Tensor]]


@dataclass(frozen=True)
class Measurement(TrialProgress):
    """An operating point.

    Attributes:
        figures: What is measured.
        files: The complete `.inr` file of each signal, by the signal's name.
    """

    figures: Figures
    files: dict[str, bytes]


@dataclass(frozen=True)
class Building:
    """An asset that is being built.

    Attributes:
        steps: Training steps done.
        total: Training steps in all.
        asset: The asset, in the end; None before.
        cost: What its training has cost so far, also before a checkpoint.
        checkpoint: Makes the checkpoint of this moment. It is valid until the next state is asked for, and the last
            state has nothing to go on to.
    """

    steps: int
    total: int
    asset: Asset | None
    cost: Cost
    checkpoint: Callable[[], dict[str, Tensor]]


def asset_spec(config: Config) -> AssetSpec | None:
    """The asset that a fit of this config needs; None if it needs none."""
    engine = CODECS[config.codec]
    return engine.asset_spec(build_params(engine.Params, config.params))


def base_spec(codec: str, spec: AssetSpec) -> AssetSpec | None:
    """The asset from which the building of an asset starts; None if it starts from none."""
    return CODECS[codec].base_spec(spec)


def build_asset(
    codec: str,
    spec: AssetSpec,
    signals: Sequence[Signal],
    *,
    seed: int,
    device: torch.device,
    base: Asset | None = None,
    resume: Mapping[str, Tensor] | None = None,
) -> Iterator[Building]:
    """Builds what fits share from signals of one modality; the seed fixes the result.

    It starts from `base`, what was built for the `base_spec` of `spec`, if there is one, and goes on from `resume`, an
    earlier `Building.checkpoint()`.

    Yields:
        A state several times a second where that is possible, the last one with the asset.

    Raises:
        TrialError: NaN, or out of memory.
    """
    train_s = 0.0 if resume is None else float(resume["train_s"])
    below = None if resume is None else part_of(resume, _WORK)
    states = CODECS[codec].prepare(signals, spec, Setup(seed, device, base, below))
    while True:
        started = time.perf_counter()
        with _out_of_memory_is_a_failure():
            state: AssetState | None = next(states, None)
        train_s += time.perf_counter() - started
        if state is None:
            return
        cost = Cost(macs=state.macs, train_s=train_s, device=device_name(device))
        checkpoint = partial(_under_way, state.steps, train_s, state.checkpoint)
        yield Building(state.steps, state.total, state.asset, cost, checkpoint)


def run_trial(
    config: Config,
    signals: Sequence[Signal],
    rungs: Sequence[int],
    *,
    seed: int,
    device: torch.device,
    asset: Asset | None = None,
    resume: Mapping[str, Tensor] | None = None,
    timeout_s: float | None = None,
    watch: Watch | None = None,
) -> Iterator[TrialProgress]:
    """Fits one config to all signals of a dataset and measures it at each rung; the seed fixes the result.

    Args:
        config: The codec with its parameters; those that are left out have their defaults.
        signals: Signals of one modality.
        rungs: Training lengths in steps, ascending.
        seed: Of the fit.
        device: Where to train.
        asset: What `build_asset` has built for the `asset_spec` of this config; None if that is None.
        resume: An earlier `TrialProgress.checkpoint()`.
        timeout_s: Training time after which the trial has failed.
        watch: Who wants to know how far the decoding of a file is that is measured.

    Yields:
        A `TrialProgress` every few steps, and a `Measurement` at each rung.

    Raises:
        TrialError: NaN, out of memory, or over the time limit.
    """
    engine = CODECS[config.codec]
    trained_s = 0.0 if resume is None else float(resume["train_s"])
    init = _label(asset, resume)
    setup = Setup(seed, device, asset, None if resume is None else part_of(resume, _WORK))
    states = engine.fit(signals, build_params(engine.Params, config.params), rungs, setup)
    while True:
        started = time.perf_counter()
        with _out_of_memory_is_a_failure():
            state = next(states, None)
            trained_s += time.perf_counter() - started
            if state is None:
                return
            if timeout_s is not None and trained_s > timeout_s:
                raise TrialError(f"over the time limit: {trained_s:.1f} s of training, {timeout_s:g} s allowed")
            checkpoint = partial(_under_way, state.steps, trained_s, state.checkpoint, init)
            if state.is_rung:
                figures, files = _measure(engine, state, signals, asset, init, trained_s, device, watch)
                now: TrialProgress = Measurement(state.steps, trained_s, checkpoint, figures, files)
            else:
                now = TrialProgress(state.steps, trained_s, checkpoint)
        yield now


@contextmanager
def _out_of_memory_is_a_failure() -> Iterator[None]:
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise OutOfMemoryError("out of memory") from error
    except RuntimeError as error:
        if "not enough memory" in str(error) or "can't allocate memory" in str(error):  # torch's CPU allocator
            raise OutOfMemoryError("out of memory") from error
        raise


def _label(asset: Asset | None, resume: Mapping[str, Tensor] | None) -> str:
    """What the fit began with; of a resumed one, the asset then: it may have been built anew since."""
    if resume is not None:
        return bytes(resume["init"].tolist()).decode() if "init" in resume else _FROM_SCRATCH
    return _FROM_SCRATCH if asset is None else asset.label


def _under_way(
    steps: int, train_s: float, work: Callable[[], Mapping[str, Tensor]], init: str = _FROM_SCRATCH
) -> dict[str, Tensor]:
    """The checkpoint of a fit or a building: what it began with, how far it is, and what the codec needs to go on."""
    began = {} if init == _FROM_SCRATCH else {"init": torch.tensor(list(init.encode()), dtype=torch.uint8)}
    progress = {"train_s": torch.tensor(train_s, dtype=torch.float64), "steps": torch.tensor(steps)}
    return {**began, **progress, **nested(_WORK, work())}


def _measure(
    codec: AnyCodec,
    state: FitState,
    signals: Sequence[Signal],
    asset: Asset | None,
    init: str,
    train_s: float,
    device: torch.device,
    watch: Watch | None,
) -> tuple[Figures, dict[str, bytes]]:
    """The figures of an operating point, and its files by signal."""
    started = time.perf_counter()
    files = codec.encode(state)
    # The signals were fitted as one batch, so the time of one of them is its share of the batch's.
    encode_s = (train_s + time.perf_counter() - started) / len(signals)
    needed = asset if asset is not None and asset.spec.needed_to_decode else None
    rows = [_measure_file(signal, file, needed, encode_s, watch) for signal, file in zip(signals, files, strict=True)]
    modality = MODALITIES[signals[0].layout.modality]
    means = list(itertools.compress(rows, counted(signals)))
    figures = Figures(
        init=init,
        modality=modality.name,
        psnr_db=_mean([row.psnr_db for row in means]),
        psnr_of_mean_mse_db=psnr_of_mean_mse([row.psnr_db for row in means]),
        metrics={name: _mean([row.metrics[name] for row in means]) for name in rows[0].metrics},
        rate=_mean([row.rate for row in means]),
        rate_unit=modality.rate_unit,
        mean_bytes=_mean([row.bytes for row in means]),
        encode_s=encode_s,
        decode_s=_mean([row.decode_s for row in means]),
        decode_macs_per_sample=state.decode_macs_per_sample,
        decodes_with=None if needed is None else needed.label,
        signals=SignalTable.of(rows),
        cost=Cost(macs=state.macs, train_s=train_s, device=device_name(device)),
    )
    return figures, {signal.name: file for signal, file in zip(signals, files, strict=True)}


def _measure_file(
    signal: Signal, file: bytes, asset: Asset | None, encode_s: float, watch: Watch | None
) -> SignalFigures:
    started = time.perf_counter()
    try:
        decoded = decode(file, asset=asset, watch=watch, layout=signal.judged_at)
        decode_s = time.perf_counter() - started
        fitted = None if signal.held_out is None else decode(file, asset=asset, layout=signal.layout)
    except InvalidFileError as error:  # e.g. a network that gives NaN once its weights are quantised
        raise TrialError(f"the file of {signal.name} cannot be decoded: {error}") from error
    return replace(file_figures(signal, file, decoded, fitted), encode_s=encode_s, decode_s=decode_s)


def file_figures(signal: Signal, file: bytes, decoded: Signal, fitted: Signal | None = None) -> SignalFigures:
    """What can be measured of a file and of what it decodes to, without the time that either took.

    Args:
        signal: What was encoded.
        file: The complete file.
        decoded: What it decodes to at `signal.judged_at`.
        fitted: What it decodes to where it was fitted, if that is another part; its figures stand beside the others.
    """
    modality = MODALITIES[signal.layout.modality]
    metrics = modality.quality(signal.measured, decoded.samples)
    beside = {} if fitted is None else modality.quality(signal, fitted.samples)
    return SignalFigures(
        name=signal.name,
        bytes=len(file),
        rate=modality.rate(signal.layout, len(file)),
        psnr_db=metrics.pop("psnr_db"),
        metrics={
            **metrics,
            **{metric.fitted.name: beside[metric.name] for metric in modality.metrics if metric.name in beside},
        },
        sha256=hashlib.sha256(file).hexdigest(),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def device_name(device: torch.device) -> str:
    """What a cost or an estimate says of where it was measured."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
