"""encode, decode and inspect on files: a config used as a codec."""

import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.bitstream import container
from searchinr.codecs.registry import codec_of
from searchinr.engine.config_file import Config, read_config
from searchinr.files import write_atomic
from searchinr.errors import InvalidFileError, TrialError, UserError
from searchinr.signals.dataset_files import user_files
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Signal
from searchinr.trial import Measurement, run_trial


def encode_file(source: Path, config_file: Path | None, out: Path, *, quiet: bool) -> dict[str, Any]:
    """Compresses one file and writes the `.inr` file.

    Args:
        source: The signal.
        config_file: A config, or None for the default one.
        out: The `.inr` file.
        quiet: Whether to show no progress.

    Returns:
        `out`, `rate`, `rate_unit`, `psnr_db`, `bytes`, `encode_s`, ... as measured on the complete file.
    """
    config = Config() if config_file is None else read_config(config_file)
    check_writable(out)
    if not source.is_file():
        raise UserError(f"{source}: no such file")
    signal = MODALITIES[user_files(str(source), None)[0]].read(source)
    started = time.perf_counter()
    measured = _fit(signal, config, quiet)
    write_atomic(out, measured.files[signal.name])
    row = measured.figures["signals"][0]
    return {
        "out": str(out),
        "rate_unit": measured.figures["rate_unit"],
        **{key: value for key, value in row.items() if key != "name"},
        "encode_s": time.perf_counter() - started,
        "codec": config.codec,
        "steps": config.steps,
        "seed": config.seed,
    }


def _fit(signal: Signal, config: Config, quiet: bool) -> Measurement:
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
    )
    states = run_trial(config.codec, config.params, [signal], [config.steps], seed=config.seed, device=device)
    try:
        with progress:
            task = progress.add_task(f"fitting {signal.name}", total=config.steps)
            for state in states:
                progress.update(task, completed=state.steps)
                if isinstance(state, Measurement):
                    return state
    except TrialError as error:
        raise UserError(f"{signal.name}: {error}; try a lower `lr`, a smaller `width`, or another backbone") from error
    raise AssertionError("a fit ends with a measurement")


def decode_file(source: Path, out: Path | None, scale: float) -> dict[str, Any]:
    """Decodes an `.inr` file and writes the signal in the format of `out`'s suffix (the modality's own by default)."""
    file = read_inr(source)
    modality = MODALITIES[file.layout.modality]
    target = out or source.with_suffix(modality.suffixes[0])
    check_writable(target)
    started = time.perf_counter()
    try:
        signal = codec_of(file).decode(file, scale=scale)
    except InvalidFileError as error:
        raise InvalidFileError(f"{source}: {error}") from error
    decode_s = time.perf_counter() - started
    modality.write(signal, target)
    return {
        "out": str(target),
        "modality": modality.name,
        "grid": list(signal.layout.grid),
        "channels": signal.layout.channels,
        "decode_s": decode_s,
    }


def inspect_file(source: Path) -> dict[str, Any]:
    """What a file says about itself."""
    file = read_inr(source)
    modality = MODALITIES[file.layout.modality]
    codec = codec_of(file)
    try:
        content = codec.inspect(file)
    except InvalidFileError as error:
        raise InvalidFileError(f"{source}: {error}") from error
    layout = file.layout
    return {
        "file": str(source),
        "bytes": file.size,
        "rate": modality.rate(layout, file.size),
        "rate_unit": modality.rate_unit,
        "modality": layout.modality,
        **dict(zip(modality.axes, layout.grid, strict=True)),
        "channels": layout.channels,
        "bit_depth": layout.bit_depth,
        **({"sampling_rate": layout.sampling_rate} if modality.has_sampling_rate else {}),
        "codec": codec.name,
        **content,
    }


def read_inr(path: Path) -> container.Container:
    """Reads and checks an `.inr` file; errors name the path."""
    try:
        return container.unpack(path.read_bytes())
    except InvalidFileError as error:
        raise InvalidFileError(f"{path}: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def check_writable(path: Path) -> None:
    """Finds out before the work, not after it, that a file cannot be written."""
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file with -o")
    probe = path.with_name(f".{path.name}.probe")
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UserError(f"{path}: cannot write there ({error.strerror}); choose another place with -o") from error
