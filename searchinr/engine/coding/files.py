"""encode, decode, trim and inspect on files: a config used as a codec."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset, AssetSpec, Level
from searchinr.codecs.level_names import level_name, matching
from searchinr.codecs.registry import CODECS, codec_of, decode
from searchinr.codecs.render import Watch
from searchinr.engine.catalog import canonicalise
from searchinr.engine.coding.config_file import Config, default_config, read_config
from searchinr.engine.store.asset_files import asset_name, find_asset, read_asset, write_asset
from searchinr.errors import TrialError, UserError
from searchinr.search import configs
from searchinr.signals.contract import Modality
from searchinr.signals.files import check_readable, check_writable, read_file, write_file
from searchinr.signals.registry import MODALITIES, modality_of_file
from searchinr.signals.signal import Layout, Signal
from searchinr.trial import Measurement, asset_spec, base_spec, build_asset, run_trial

INR_SUFFIX = ".inr"
MAX_SCALE = 1000.0


def encode_file(
    source: Path, config_file: Path | None, out: Path | None, asset_file: Path | None = None, *, quiet: bool
) -> dict[str, Any]:
    """Compresses one file and writes the `.inr` file and, beside it, the asset that decoding needs, if it needs one.

    Args:
        source: The signal.
        config_file: A config; None means `default_config`.
        out: The `.inr` file; None means beside the source, with its name.
        asset_file: The asset that the codec needs; None means that which the config names, beside the config.
        quiet: Whether to show no progress.

    Returns:
        `out`, `asset` (what decoding needs beside it), `rate`, `rate_unit`, `psnr_db`, `bytes`, `encode_s`, ... as
        measured on the complete file, and the config: `codec`, `params`, `steps`, `seed`.

    Raises:
        UserError: Something is wrong with a file or the config; nothing was written.
    """
    given = None if config_file is None else read_config(config_file)
    check_readable(source)
    modality = modality_of_file(source)
    target = out or source.with_suffix(INR_SUFFIX)
    if target.suffix != INR_SUFFIX:
        raise UserError(f"{target}: suffix {target.suffix!r} found; allowed is {INR_SUFFIX}")
    signal = modality.read(source)
    check_writable(target)
    config, stored = with_asset(given or default_config(signal.layout), config_file, asset_file)
    started = time.perf_counter()
    with errors_name(source):
        measured = encode_signal(signal, config, stored, quiet=quiet)
    write_file(target, measured.files[signal.name])
    beside = None if stored is None else target.with_name(asset_name(stored.label))
    if stored is not None and beside is not None and not beside.exists():
        write_asset(beside, config.codec, stored)
    row = measured.figures.signals[0]
    return {
        "out": str(target),
        **({} if beside is None else {"asset": str(beside)}),
        "rate_unit": measured.figures.rate_unit,
        **{key: value for key, value in row.as_json().items() if key != "name"},
        "encode_s": time.perf_counter() - started,
        "codec": config.codec,
        "params": canonicalise(config.codec, config.params),
        "steps": config.steps,
        "seed": config.seed,
    }


def encode_signal(signal: Signal, config: Config, asset: Asset | None, *, quiet: bool) -> Measurement:
    """Compresses one signal: its file, and what is measured of it.

    Args:
        signal: The signal.
        config: What `with_asset` returned, with that asset.
        asset: The asset that decoding will need, or None.
        quiet: Whether to show no progress.

    Raises:
        UserError: The signal is too large, or the config does not train on it.
    """
    if signal.samples.size > container.MAX_VALUES:
        raise UserError(f"{signal.samples.size} values found; allowed are {container.MAX_VALUES}; crop it first")
    if (reason := CODECS[config.codec].refusal(signal.layout)) is not None:
        raise UserError(f"codec {config.codec} cannot code it: {reason}")
    try:
        return _fit(signal, config, asset, quiet)
    except TrialError as error:
        raise UserError(f"{error}; try a lower `lr`, a smaller `width`, or another backbone") from error


def with_asset(config: Config, config_file: Path | None, given: Path | None) -> tuple[Config, Asset | None]:
    """A config with the parameters of the asset that its files need to be decoded, and that asset.

    Args:
        config: The config.
        config_file: Where the config is, if it is a file; the asset that it names is looked for from there.
        given: The asset instead of the one that the config names.

    Returns:
        The config as it is, and None, if its files need no asset.

    Raises:
        UserError: The asset is missing, or of another codec, or none is needed.
    """
    stored = _needed_asset(config, config_file, given)
    if stored is None:
        return config, None
    # which was made for these parameters, whatever the config says
    return config.model_copy(update={"params": {**config.params, **stored.spec.params}}), stored


def _needed_asset(config: Config, config_file: Path | None, given: Path | None) -> Asset | None:
    spec = asset_spec(configs.Config(config.codec, config.params))
    if spec is None or not spec.needed_to_decode:
        if given is not None:
            raise UserError(f"--asset: {given} found; codec {config.codec} needs none with these parameters")
        return None
    path = given
    if path is None and config.asset is not None:
        path = (config_file or Path("config")).parent / config.asset
    if path is None or not path.exists():
        raise UserError(
            f"{path or config_file or 'config'}: codec {config.codec} needs a {spec.name}, which is not there; "
            "`searchinr export` writes it beside a config, `searchinr asset export` alone: name it with --asset FILE"
        )
    found = read_asset(path)
    if found.codec != config.codec:
        raise UserError(f"{path}: an asset of codec {found.codec} found; allowed is one of {config.codec}")
    return found.asset


def _fit(signal: Signal, config: Config, stored: Asset | None, quiet: bool) -> Measurement:
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with _progress(quiet) as progress:
        asset = stored or _build(signal, config, device, progress)
        task = progress.add_task("fitting", total=config.steps)
        for state in run_trial(
            configs.Config(config.codec, config.params),
            [signal],
            [config.steps],
            seed=config.seed,
            device=device,
            asset=asset,
            watch=_watch(progress, "measuring"),
        ):
            progress.update(task, completed=state.steps)
            if isinstance(state, Measurement):
                return state
    raise AssertionError("a fit ends with a measurement")


def _progress(quiet: bool) -> Progress:
    """Bars with the time that is left, on a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )


def _watch(progress: Progress, description: str) -> Watch:
    """Shows how far a decoding is by a bar that comes with its first tile."""
    tasks: list[TaskID] = []

    def watch(done: int, total: int) -> None:
        if not tasks:
            tasks.append(progress.add_task(description, total=total))
        progress.update(tasks[0], completed=done)

    return watch


def _build(signal: Signal, config: Config, device: torch.device, progress: Progress) -> Asset | None:
    """What the fit starts from, where its config asks for more than an initialisation."""

    def built(spec: AssetSpec | None) -> Asset | None:
        if spec is None:
            return None
        base = built(base_spec(config.codec, spec))
        task = progress.add_task(f"building the {spec.name}")
        for state in build_asset(config.codec, spec, [signal], seed=config.seed, device=device, base=base):
            progress.update(task, completed=state.steps, total=state.total)
        return state.asset

    return built(asset_spec(configs.Config(config.codec, config.params)))


def decode_file(
    source: Path,
    out: Path | None,
    scale: float,
    level: Level | None = None,
    asset_file: Path | None = None,
    poses: Path | None = None,
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Decodes an `.inr` file and writes the signal.

    Args:
        source: The `.inr` file.
        out: Where to, in the format of its suffix; None means beside the source, in the modality's first format.
        scale: Render at this multiple of the resolution.
        level: Which of several rates, see `Codec.decode`; None for the largest.
        asset_file: The asset that the file names, or a folder that holds it; None means where `find_asset` looks.
        poses: From where to render, a file that the modality reads; None means as the modality has it without.
        quiet: Whether to show no progress.

    Returns:
        `out`, `modality`, `size` in words, `grid`, `channels`, what is particular to the modality, `decode_s`.

    Raises:
        UserError: Not a whole `.inr` file, or something is wrong with `out`, `scale` or `level`; nothing was written.
    """
    file = read_inr(source)
    modality = MODALITIES[file.layout.modality]
    target = out or source.with_suffix(modality.suffixes[0])
    _check_target(source, target, modality)
    check_scale(file.layout, modality, scale)
    started = time.perf_counter()
    with errors_name(source):
        signal = decode_signal(file, source, scale, level, asset_file, poses, quiet=quiet)
    decode_s = time.perf_counter() - started
    modality.write(signal, target)
    return {
        "out": str(target),
        "modality": modality.name,
        "size": modality.size_text(signal.layout),
        "grid": list(signal.layout.grid),
        "channels": signal.layout.channels,
        **modality.facts(signal.layout),
        "decode_s": decode_s,
    }


def decode_signal(
    file: container.Container,
    source: Path | None,
    scale: float = 1.0,
    level: Level | None = None,
    asset_file: Path | None = None,
    poses: Path | None = None,
    *,
    quiet: bool,
) -> Signal:
    """The signal in an `.inr` file.

    Args:
        file: The file.
        source: Where it is, if it is anywhere; the asset that it names is looked for from there.
        scale: See `decode_file`.
        level: See `decode_file`.
        asset_file: See `decode_file`.
        poses: See `decode_file`.
        quiet: Whether to show no progress.
    """
    modality = MODALITIES[file.layout.modality]
    layout = None if poses is None else modality.posed(file.layout_at(scale), poses)
    with _progress(quiet) as progress:
        asset = find_asset(file, source, asset_file)
        watch = _watch(progress, "decoding")
        return decode(file, asset=asset, scale=scale, level=level, watch=watch, layout=layout)


def _check_target(source: Path, target: Path, modality: Modality) -> None:
    check_writable(target)
    if target.exists() and target.samefile(source):
        raise UserError(f"{target}: is the file to decode; name another one with -o")
    if target.suffix.lower() not in modality.suffixes:
        allowed = " ".join(modality.suffixes)
        raise UserError(f"{target}: suffix {target.suffix!r} found; allowed for this {modality.name} are {allowed}")


def check_scale(layout: Layout, modality: Modality, scale: float) -> None:
    """Makes sure that a file can be rendered at a multiple of its resolution; `UserError` if not."""
    if not 0 < scale <= MAX_SCALE:  # nan is not
        raise UserError(f"--scale: {scale:g} found; allowed is a number above 0, at most {MAX_SCALE:g}")
    resized = modality.resized(layout, scale)
    if resized.points * resized.channels > container.MAX_VALUES:
        size = " x ".join(map(str, (*resized.grid, resized.channels)))
        raise UserError(f"--scale: {scale:g} found, which gives {size} values; allowed are {container.MAX_VALUES}")


def inspect_file(
    source: Path, asset_file: Path | None = None, original: Path | None = None, *, quiet: bool
) -> dict[str, Any]:
    """What a file says about itself, and the `bits` of each part, which add up to 8 times its `bytes`.

    Of a file that needs an asset, more where that is found, or given; see `find_asset`.

    A file of several rates has `levels`: of each its name's parts, and `bytes` and `rate` of the file trimmed to it.

    Args:
        source: The `.inr` file.
        asset_file: See `decode_file`.
        original: The signal that was encoded: then all rates are decoded, and have `psnr_db` (images also `ssim`).
        quiet: Whether to show no progress.

    Raises:
        UserError: The file is not a whole `.inr` file, or the signal cannot be what it holds.
    """
    file = read_inr(source)
    signal = None
    if original is not None:
        signal = modality_of_file(original).read(original)
        with errors_name(original):
            checked_layout(signal, file.layout)
    with errors_name(source):
        return {"file": str(source), **inspect_container(file, source, asset_file, signal, quiet=quiet)}


def inspect_container(
    file: container.Container, source: Path | None, asset_file: Path | None, signal: Signal | None, *, quiet: bool
) -> dict[str, Any]:
    """What `inspect_file` says, of a file that need not lie anywhere.

    Args:
        file: The file.
        source: See `decode_signal`.
        asset_file: See `decode_file`.
        signal: What was encoded, with the file's layout; then all rates are decoded.
        quiet: Whether to show no progress.
    """
    layout, modality = file.layout, MODALITIES[file.layout.modality]
    with _progress(quiet) as progress:
        codec, asset = codec_of(file), find_asset(file, source, asset_file)
        content = codec.inspect(file, asset=asset)

        def quality(level: Level | None) -> dict[str, float]:
            if signal is None:
                return {}
            watch = _watch(progress, "decoding" if level is None else f"decoding {level_name(level)}")
            decoded = decode(file, asset=asset, level=level, watch=watch, layout=signal.judged_at)
            return modality.quality(signal.measured, decoded.samples)

        rows = [
            {**level, "bytes": size, "rate": modality.rate(layout, size), **quality(level)}
            for level, size in codec.levels(file)
        ]
        of_whole = quality(None)
    observation = modality.observation(layout)
    queries = 1 if observation is None else observation.queries_per_point
    return {
        "bytes": file.size,
        "rate": modality.rate(layout, file.size),
        "rate_unit": modality.rate_unit,
        **of_whole,
        "modality": layout.modality,
        "grid": list(layout.grid),
        "channels": layout.channels,
        "bit_depth": layout.bit_depth,
        **modality.facts(layout),
        "codec": codec.name,
        **content.about,
        **({} if content.macs_per_point is None else {"macs_per_point": queries * content.macs_per_point}),
        "bits": dict(content.bits),
        **({"levels": rows} if rows else {}),
    }


def checked_layout(signal: Signal, layout: Layout) -> Signal:
    """The signal, which must have this layout; `UserError` if it has another."""
    if signal.layout.in_file != layout:
        found, allowed = (MODALITIES[each.modality].described(each) for each in (signal.layout, layout))
        raise UserError(f"{found} found; the encoded signal has {allowed}")
    return signal


def trim_file(source: Path, out: Path, level: Level, max_bytes: int | None) -> dict[str, Any]:
    """Writes the part of an `.inr` file that one of its levels needs.

    Args:
        source: The `.inr` file.
        out: The `.inr` file to write.
        level: Some or all of the level's name: the largest of those that agree.
        max_bytes: Among these the largest whose file is no larger; or None.

    Returns:
        `out`, `level`, `bytes`, `rate`, `rate_unit`.

    Raises:
        UserError: There is no such level, or something is wrong with a file; nothing was written.
    """
    if not level and max_bytes is None:
        raise UserError("trim: give --depth, --width, --level, --max-bytes, or several of them")
    file = read_inr(source)
    check_writable(out)
    if out.suffix != INR_SUFFIX:
        raise UserError(f"{out}: suffix {out.suffix!r} found; allowed is {INR_SUFFIX}")
    if out.exists() and out.samefile(source):
        raise UserError(f"{out}: is the file to trim; name another one with -o")
    with errors_name(source):
        codec = codec_of(file)
        found = matching(codec.levels(file), level)
        fitting = [(name, size) for name, size in found if max_bytes is None or size <= max_bytes]
        if not fitting:
            least, smallest = min(found, key=itemgetter(1))
            raise UserError(f"--max-bytes {max_bytes}: allowed are {smallest} or more ({level_name(least)})")
        chosen, size = fitting[-1]
        trimmed = codec.trim(file, chosen)
    write_file(out, trimmed)
    modality = MODALITIES[file.layout.modality]
    return {
        "out": str(out),
        "level": dict(chosen),
        "bytes": size,
        "rate": modality.rate(file.layout, size),
        "rate_unit": modality.rate_unit,
    }


@contextmanager
def errors_name(path: Path | str) -> Iterator[None]:
    """Puts what an error is about before its text."""
    try:
        yield
    except UserError as error:
        raise type(error)(f"{path}: {error}") from error


def read_inr(path: Path) -> container.Container:
    """Reads and checks an `.inr` file; errors name the path."""
    data = read_file(path)
    with errors_name(path):
        return container.unpack(data)
