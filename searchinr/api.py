"""The functions of the public Python API: a config as a codec, and the search for one.

Everything here is a few lines over `engine`, as the command line is: a file that one writes the other reads.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike, NDArray

from searchinr.codecs.bitstream import container
from searchinr.engine.coding.arrays import NAME, array_of, signal_of
from searchinr.engine.coding.config_file import default_config, read_config
from searchinr.engine.coding.files import errors_name
from searchinr.engine.coding.signals import (
    check_scale,
    checked_layout,
    decode_signal,
    encode_signal,
    inspect_container,
    with_asset,
)
from searchinr.errors import UserError
from searchinr.run import FilePath, Run, python_words
from searchinr.signals.files import check_readable, read_file
from searchinr.signals.registry import MODALITIES, modality_of_file
from searchinr.signals.signal import Signal


def encode(
    samples: ArrayLike | FilePath,
    config: Mapping[str, Any] | FilePath | None = None,
    *,
    modality: str = "image",
    asset: FilePath | None = None,
    progress: bool = False,
    **extras: int,
) -> bytes:
    """Compresses a signal to a complete `.inr` file.

    >>> import numpy as np, searchinr
    >>> y, x = np.mgrid[:16, :24]
    >>> picture = np.stack([8 * x, 12 * y, 4 * (x + y)], axis=-1).astype(np.uint8)  # (16, 24, 3)
    >>> config = {"codec": "mlp", "params": {"width": 8, "depth": 2}, "steps": 30}
    >>> data = searchinr.encode(picture, config)
    >>> searchinr.decode(data).shape
    (16, 24, 3)

    Sound is an array of whole numbers as well, and needs its sampling rate:

    >>> tone = (8000 * np.sin(np.arange(800) / 9)).astype(np.int16)  # (800,)
    >>> data = searchinr.encode(tone, config, modality="audio", sampling_rate=8000)
    >>> searchinr.decode(data).dtype
    dtype('int16')

    Args:
        samples: A file that the commands read as well (PNG, WAV, ...), or an array. An image is uint8 `(height, width)`
            or `(height, width, channels)` of up to four channels, or uint16 `(height, width)`; audio is int8, int16 or
            int32 `(samples,)` or `(samples, channels)`.
        config: What `Run.best` returns or `Run.export` writes: a mapping with `codec`, `params`, `steps` and `seed`,
            all of which have defaults, or the path of a YAML file. None takes settings that suit the kind and the size
            of the signal and need about a minute on two cores.
        modality: Of an array: its modality. A file's follows from its suffix.
        asset: The asset that the codec needs, if it is not where the config says.
        progress: Whether to show on a terminal how far it is.
        extras: Of an array: what else the modality needs, `sampling_rate` for audio.

    Returns:
        The file. `inspect` says its rate and, with `original`, its PSNR.

    Raises:
        UserError: Something is wrong with the signal or the config, or training on it diverged.
    """
    with python_words():
        settings = None if config is None else read_config(_source(config))
        signal = _signal(samples, modality, extras)
        place = Path(config) if isinstance(config, str | os.PathLike) else None
        chosen, needed = with_asset(settings or default_config(signal.layout), place, _path(asset))
        with errors_name(_where(samples)):
            return encode_signal(signal, chosen, needed, quiet=not progress).files[signal.name]


def decode(
    file: bytes | FilePath,
    *,
    scale: float = 1.0,
    level: Mapping[str, int] | None = None,
    asset: FilePath | None = None,
    poses: FilePath | None = None,
    no_limit: bool = False,
    progress: bool = False,
) -> NDArray[Any]:
    """The samples in an `.inr` file, as an array of the type and shape that was encoded.

    >>> import numpy as np, searchinr
    >>> grey = np.full((12, 20), 128, np.uint8)
    >>> data = searchinr.encode(grey, {"params": {"width": 8, "depth": 2}, "steps": 20})
    >>> searchinr.decode(data).shape, searchinr.decode(data, scale=2).shape
    ((12, 20), (24, 40))

    Args:
        file: The file's bytes, or its path.
        scale: Render at this multiple of the resolution. Audio at another resolution has another sampling rate.
        level: Of a file that holds several rates, which one: `{"depth": 3, "width": 24}` or `{"level": 9}`, as
            `inspect` lists them. None is the largest.
        asset: The asset that the file names, or a folder that holds it. By default it is looked for beside the file.
        poses: A file that says from where to render, for modalities whose signals have poses.
        no_limit: Whether to decode even what takes more than half an hour or 1.5 GiB, or 2**28 points.
        progress: Whether to show on a terminal how far it is.

    Returns:
        `(*grid, channels)`, or `(*grid)` if there is one channel: the samples that `searchinr decode` writes.

    Raises:
        InvalidFileError: It is no `.inr` file, or a damaged one.
        MissingAssetError: The asset that it names is not there.
        UserError: Something is wrong with an option.
    """
    with python_words(), _opened(file) as (parsed, source):
        check_scale(parsed.layout, MODALITIES[parsed.layout.modality], scale)
        return array_of(
            decode_signal(
                parsed, source, scale, level, _path(asset), _path(poses), no_limit=no_limit, quiet=not progress
            )
        )


def inspect(
    file: bytes | FilePath, *, original: ArrayLike | FilePath | None = None, asset: FilePath | None = None
) -> dict[str, Any]:
    """What an `.inr` file says about itself, and where its bits go.

    >>> import numpy as np, searchinr
    >>> grey = np.full((12, 20), 128, np.uint8)
    >>> data = searchinr.encode(grey, {"params": {"width": 8, "depth": 2}, "steps": 20})
    >>> found = searchinr.inspect(data, original=grey)
    >>> found["codec"], found["grid"], found["bytes"] == len(data), "psnr_db" in found
    ('mlp', [12, 20], True, True)
    >>> sum(found["bits"].values()) == 8 * len(data)
    True

    Args:
        file: The file's bytes, or its path.
        original: What was encoded, an array or a path: then the file is decoded, at every rate that it holds, and
            compared with it.
        asset: See `decode`.

    Returns:
        `bytes`, `rate`, `rate_unit`, `modality`, `grid`, `codec`, what the codec says, and the `bits` of each part.
        With `original` also `psnr_db` and further metrics; `levels` if the file holds several rates.

    Raises:
        InvalidFileError: It is no `.inr` file, or a damaged one.
        UserError: `original` cannot be what was encoded.
    """
    with python_words(), _opened(file) as (parsed, source):
        signal = None
        if original is not None:
            layout = parsed.layout
            extras = dict(zip(MODALITIES[layout.modality].extras, layout.extras, strict=True))
            with errors_name("original"):
                signal = checked_layout(_signal(original, layout.modality, extras), layout)
        return inspect_container(parsed, source, _path(asset), signal, quiet=True)


def search(
    space: Mapping[str, Any] | FilePath,
    *,
    out: FilePath | None = None,
    workers: int | None = None,
    trials: int | None = None,
    seed: int | None = None,
    data: FilePath | None = None,
    assets: FilePath | None = None,
    address: str | None = None,
    storage: str | None = None,
    debug: bool = False,
) -> Run:
    """Runs a search, or continues one that was interrupted: the same call again goes on from what is on record.

    Args:
        space: A search space: the path of a YAML file, or what that would say as a mapping.
        out: The run folder; None is `runs/NAME` in the working directory.
        workers: Trials at the same time; None is as many as cores and GPUs allow.
        trials: Instead of the space's number of trials.
        seed: Instead of the space's seed.
        data: Where datasets are looked for, laid out MODALITY/DATASET/; None is `$SEARCHINR_DATA`.
        assets: Where what fits share is kept for all runs; None is `$SEARCHINR_ASSETS`, else in the user's cache.
        address: `HOST:PORT` of a Ray to join, or `auto`; None starts one on this machine.
        storage: A URL where the run is kept too, for workers anywhere.
        debug: Fit one trial after another in this process, without Ray: breakpoints work, and an error that no fit
            explains is raised.

    Returns:
        The finished run. Its `failures` say which trials failed.

    Raises:
        UserError: The space, a dataset or the run folder is not usable. Nothing was started.
        SearchInterrupted: It was asked to stop, by Ctrl-C or SIGTERM. Nothing that is on record is lost.
    """
    from searchinr.engine.run.start import run_search  # which imports what only searches need

    for name, given, least in (("workers", workers, 1), ("trials", trials, 1), ("seed", seed, 0)):
        if given is not None and given < least:
            raise UserError(f"`{name}`: {given} found; allowed is {least} or more")
    with python_words():
        folder = run_search(
            _source(space),
            out=_path(out),
            workers=workers,
            trials=trials,
            seed=seed,
            data_dir=_path(data),
            assets_dir=_path(assets),
            address=address,
            storage=storage,
            debug=debug,
        )
    return Run.open(folder.path)


def open_run(path: FilePath) -> Run:
    """Opens a run folder, also one whose search is still going on: what is on record at that moment.

    Raises:
        UserError: There is no run, or it is damaged.
    """
    return Run.open(Path(path))


def _path(given: FilePath | None) -> Path | None:
    return None if given is None else Path(given)


def _source(given: Mapping[str, Any] | FilePath) -> Path | Mapping[str, Any]:
    return given if isinstance(given, Mapping) else Path(given)


def _where(samples: ArrayLike | FilePath) -> str:
    """What a signal is called in errors."""
    return os.fspath(samples) if isinstance(samples, str | os.PathLike) else NAME


def _signal(samples: ArrayLike | FilePath, modality: str, extras: Mapping[str, int]) -> Signal:
    """The signal that a file or an array holds."""
    if isinstance(samples, str | os.PathLike):
        path = Path(samples)
        check_readable(path)
        return modality_of_file(path).read(path)
    if modality not in MODALITIES:
        raise UserError(f"modality: {modality!r} found; allowed are {', '.join(MODALITIES)}")
    return signal_of(MODALITIES[modality], samples, extras)


@contextmanager
def _opened(file: bytes | FilePath) -> Iterator[tuple[container.Container, Path | None]]:
    """The parsed file, and where it lies, if it does; errors name that place."""
    path = None if isinstance(file, bytes) else Path(file)
    data = file if isinstance(file, bytes) else read_file(Path(file))
    with nullcontext() if path is None else errors_name(path):
        yield container.unpack(data), path
