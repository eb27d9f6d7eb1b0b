"""encode, decode, trim and inspect on files: a config used as a codec."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Level
from searchinr.codecs.level_names import level_name, matching
from searchinr.codecs.registry import codec_of
from searchinr.engine.catalog import canonicalise
from searchinr.engine.coding.config_file import default_config, read_config
from searchinr.engine.coding.signals import (
    check_scale,
    checked_layout,
    decode_signal,
    encode_signal,
    inspect_container,
    with_asset,
)
from searchinr.engine.store.asset_files import asset_name, write_asset
from searchinr.engine.store.place import LocalPlace
from searchinr.errors import UserError
from searchinr.signals.files import check_output, check_readable, read_file, write_file
from searchinr.signals.registry import MODALITIES, modality_of_file

INR_SUFFIX = ".inr"


def encode_file(
    source: Path,
    config_file: Path | None,
    out: Path | None,
    asset_file: Path | None = None,
    *,
    force: bool = False,
    quiet: bool,
) -> dict[str, Any]:
    """Compresses one file and writes the `.inr` file and, beside it, the asset that decoding needs, if it needs one.

    Args:
        source: The signal.
        config_file: A config; None means `default_config`.
        out: The `.inr` file; None means beside the source, with its name.
        asset_file: The asset that the codec needs; None means that which the config names, beside the config.
        force: Whether an `.inr` file that is there already may be replaced.
        quiet: Whether to show no progress.

    Returns:
        `out`, `asset` (what decoding needs beside it), `rate`, `rate_unit`, `psnr_db`, `bytes`, `encode_s`, ... as
        measured on the complete file, and the config: `codec`, `params`, `steps`, `seed`. `not_kept` names what the
        source holds beside its samples, such as an ICC profile.

    Raises:
        UserError: Something is wrong with a file or the config; nothing was written.
    """
    given = None if config_file is None else read_config(config_file)
    check_readable(source)
    modality = modality_of_file(source)
    target = out or source.with_suffix(INR_SUFFIX)
    check_output(target, [INR_SUFFIX], force=force)
    signal = modality.read(source)
    config, stored = with_asset(given or default_config(signal.layout), config_file, asset_file)
    started = time.perf_counter()
    with errors_name(source):
        measured = encode_signal(signal, config, stored, quiet=quiet)
    check_output(target, [INR_SUFFIX], force=force)
    write_file(target, measured.files[signal.name])
    beside = None if stored is None else target.with_name(asset_name(stored.label))
    if stored is not None and beside is not None and not beside.exists():
        write_asset(LocalPlace(beside), config.codec, stored)
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
        "not_kept": modality.beside_samples(source),
    }


def decode_file(
    source: Path,
    out: Path | None,
    scale: float,
    level: Level | None = None,
    asset_file: Path | None = None,
    poses: Path | None = None,
    *,
    force: bool = False,
    no_limit: bool = False,
    quiet: bool,
) -> dict[str, Any]:
    """Decodes an `.inr` file and writes the signal.

    Args:
        source: The `.inr` file.
        out: Where to, in the format of its suffix; None means beside the source, in the modality's first format
            and with a name that no original has: `photo.decoded.png`.
        scale: Render at this multiple of the resolution.
        level: Which of several rates, see `Codec.decode`; None for the largest.
        asset_file: The asset that the file names, or a folder that holds it; None means where `find_asset` looks.
        poses: From where to render, a file that the modality reads; None means as the modality has it without.
        force: Whether a file that is there already may be replaced.
        no_limit: Whether to decode even what takes unreasonably long, or too much memory.
        quiet: Whether to show no progress.

    Returns:
        `out`, `modality`, `size` in words, `grid`, `channels`, what is particular to the modality, `decode_s`.

    Raises:
        UserError: Not a whole `.inr` file, or something is wrong with `out`, `scale` or `level`; nothing was written.
    """
    file = read_inr(source)
    modality = MODALITIES[file.layout.modality]
    target = out or source.with_suffix(f".decoded{modality.suffixes[0]}")
    check_output(target, modality.suffixes, force=force)
    check_scale(file.layout, modality, scale)
    if (misfit := modality.misfit(modality.resized(file.layout, scale), target.suffix.lower())) is not None:
        raise UserError(f"{target}: {misfit}")
    started = time.perf_counter()
    with errors_name(source):
        signal = decode_signal(file, source, scale, level, asset_file, poses, no_limit=no_limit, quiet=quiet)
    decode_s = time.perf_counter() - started
    check_output(target, modality.suffixes, force=force)
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


def trim_file(source: Path, out: Path, level: Level, max_bytes: int | None, *, force: bool = False) -> dict[str, Any]:
    """Writes the part of an `.inr` file that one of its levels needs.

    Args:
        source: The `.inr` file.
        out: The `.inr` file to write.
        level: Some or all of the level's name: the largest of those that agree.
        max_bytes: Among these the largest whose file is no larger; or None.
        force: Whether a file that is there already may be replaced.

    Returns:
        `out`, `level`, `bytes`, `rate`, `rate_unit`.

    Raises:
        UserError: There is no such level, or something is wrong with a file; nothing was written.
    """
    if not level and max_bytes is None:
        raise UserError("trim: give --depth, --width, --level, --max-bytes, or several of them")
    file = read_inr(source)
    check_output(out, [INR_SUFFIX], force=force)
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
