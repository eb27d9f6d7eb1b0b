"""One trial: fit -> bytes -> decode -> operating point, at each rung.

Everything reported is measured on complete files: the rate is their size, the quality comes from decoding them.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.contract import Codec, FitState
from searchinr.codecs.registry import CODECS, decode
from searchinr.errors import InvalidFileError, TrialError
from searchinr.signals.metrics import psnr_of_mean_mse
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal
from searchinr.space import Value, build_params


@dataclass(frozen=True)
class Progress:
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
class Measurement(Progress):
    """An operating point.

    Attributes:
        figures: The keys of a ledger line that are measured: `psnr_db`, `rate`, `signals`, `cost`, ...
        files: The complete `.inr` file of each signal, by the signal's name.
    """

    figures: dict[str, Any]
    files: dict[str, bytes]


def run_trial(
    codec: str,
    params: Mapping[str, Value],
    signals: Sequence[Signal],
    rungs: Sequence[int],
    *,
    seed: int,
    device: torch.device,
    resume: Mapping[str, Tensor] | None = None,
    timeout_s: float | None = None,
) -> Iterator[Progress]:
    """Fits one config to all signals of a dataset and measures it at each rung.

    Args:
        codec: Name of the codec.
        params: Its parameters, flat.
        signals: Signals of one modality.
        rungs: Training lengths in steps, ascending.
        seed: Fixes the result.
        device: Where to train.
        resume: An earlier `Progress.checkpoint()`.
        timeout_s: Training time after which the trial has failed.

    Yields:
        `Progress` every few steps, and a `Measurement` at each rung.

    Raises:
        TrialError: NaN, out of memory, or over the time limit.
    """
    engine = CODECS[codec]
    trained_s = 0.0 if resume is None else float(resume["train_s"])
    states = engine.fit(
        signals,
        build_params(engine.Params, params),
        rungs,
        seed=seed,
        device=device,
        resume=None if resume is None else {k[len("fit.") :]: v for k, v in resume.items() if k.startswith("fit.")},
    )
    while True:
        started = time.perf_counter()
        try:
            state = next(states, None)
            trained_s += time.perf_counter() - started
            if state is None:
                return
            if timeout_s is not None and trained_s > timeout_s:
                raise TrialError(f"over the time limit: {trained_s:.1f} s of training, {timeout_s:g} s allowed")
            if state.is_rung:
                yield _measure(engine, state, signals, trained_s, device)
            else:
                yield Progress(state.steps, trained_s, _checkpoint(state, trained_s))
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise TrialError("out of memory") from error
        except RuntimeError as error:
            if "not enough memory" in str(error) or "can't allocate memory" in str(error):  # torch's CPU allocator
                raise TrialError("out of memory") from error
            raise


def _checkpoint(state: FitState, train_s: float) -> Callable[[], dict[str, Tensor]]:
    def make() -> dict[str, Tensor]:
        fit = {f"fit.{name}": tensor for name, tensor in state.checkpoint().items()}
        return {"train_s": torch.tensor(train_s, dtype=torch.float64), "steps": torch.tensor(state.steps), **fit}

    return make


def _measure(
    codec: Codec, state: FitState, signals: Sequence[Signal], train_s: float, device: torch.device
) -> Measurement:
    started = time.perf_counter()
    files = codec.encode(state)
    # The signals were fitted as one batch, so the time of one of them is its share of the batch's.
    encode_s = (train_s + time.perf_counter() - started) / len(signals)
    rows = [_measure_file(signal, file, encode_s) for signal, file in zip(signals, files, strict=True)]
    modality = MODALITIES[signals[0].layout.modality]
    figures = {
        "modality": modality.name,
        "psnr_db": _mean(rows, "psnr_db"),
        "psnr_of_mean_mse_db": psnr_of_mean_mse([row["psnr_db"] for row in rows]),
        **({"ssim": _mean(rows, "ssim")} if "ssim" in rows[0] else {}),
        "rate": _mean(rows, "rate"),
        "rate_unit": modality.rate_unit,
        "decode_macs_per_sample": state.decode_macs_per_sample,
        "signals": rows,
        "cost": {"macs": state.macs, "train_s": train_s, "device": _device_name(device)},
    }
    return Measurement(
        state.steps,
        train_s,
        _checkpoint(state, train_s),
        figures,
        {signal.name: file for signal, file in zip(signals, files, strict=True)},
    )


def _measure_file(signal: Signal, file: bytes, encode_s: float) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        decoded = decode(file)
    except InvalidFileError as error:  # e.g. a network that gives NaN once its weights are quantised
        raise TrialError(f"the file of {signal.name} cannot be decoded: {error}") from error
    decode_s = time.perf_counter() - started
    return {**file_figures(signal, file, decoded), "encode_s": encode_s, "decode_s": decode_s}


def file_figures(signal: Signal, file: bytes, decoded: Signal) -> dict[str, Any]:
    """What can be measured of a file: name, bytes, rate, quality of the decoded signal, hash."""
    modality = MODALITIES[signal.layout.modality]
    return {
        "name": signal.name,
        "bytes": len(file),
        "rate": modality.rate(signal.layout, len(file)),
        **modality.quality(signal, decoded.samples),
        "sha256": hashlib.sha256(file).hexdigest(),
    }


def _mean(rows: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
