"""encode, decode, trim, inspect: a config as a codec."""

from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.options import AssetFile, Force, Json, NoLimit, Out
from searchinr.cli.output import print_json, say

Inr = Annotated[Path, typer.Argument(metavar="FILE", help="An .inr file.")]
Depth = Annotated[
    int | None, typer.Option("--depth", metavar="D", help="Of a once_for_all file: the network of this depth.")
]
Width = Annotated[int | None, typer.Option("--width", metavar="W", help="And of this width (default: the largest).")]
LevelOption = Annotated[
    int | None, typer.Option("--level", metavar="L", help="Of a shacira file: this level of its grid and all coarser.")
]


def encode(
    file: Annotated[Path, typer.Argument(metavar="SIGNAL", help="PNG, JPEG, WebP or TIFF image, WAV or FLAC audio.")],
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="CONFIG", help="What `searchinr export` wrote, or a file of your own."),
    ] = None,
    out: Out = None,
    asset: AssetFile = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Compress a signal to a self-contained .inr file.

    Without --config it takes settings that suit the kind and the size of the signal and need about a minute on two
    cores; a config that was searched for such signals does better. Without -o the file is written beside the signal.
    Only samples are kept: it is said what else the signal holds, such as an ICC profile, a resolution in dpi or EXIF.
    What some codecs need to decode, beside the file, is taken from beside the config, or from --asset, and left beside
    the file.

    Example: searchinr encode photo.png --config best.yaml -o photo.inr
    """
    from searchinr.engine.coding.files import encode_file

    result = encode_file(file, config, out, asset, force=force, quiet=as_json)
    if as_json:
        print_json(result)
        return
    say(
        f"{result['out']}: {result['rate']:.3f} {result['rate_unit']}, {result['psnr_db']:.2f} dB, "
        f"{result['bytes']} bytes, {result['encode_s']:.1f} s"
    )
    if "asset" in result:
        say(f"{result['asset']}: needed to decode it")
    if result["not_kept"]:
        say(f"not kept of {file}, since .inr files hold samples alone: {', '.join(result['not_kept'])}")


def decode(
    file: Inr,
    out: Out = None,
    scale: Annotated[float, typer.Option("--scale", metavar="S", help="Render at S times the resolution.")] = 1.0,
    depth: Depth = None,
    width: Width = None,
    level: LevelOption = None,
    asset: AssetFile = None,
    poses: Annotated[
        Path | None,
        typer.Option("--poses", metavar="FILE", help="Render from there: of modalities whose signals have poses."),
    ] = None,
    force: Force = False,
    no_limit: NoLimit = False,
    as_json: Json = False,
) -> None:
    """Turn an .inr file back into a signal.

    The suffix of -o decides the format; without -o photo.inr becomes photo.decoded.png, and speech.inr
    speech.decoded.wav. Audio at another resolution is audio with another sampling rate. What would take more than half
    an hour or 1.5 GiB, or is larger than 16,384 pixels square, is refused before it begins, unless --no-limit is given.

    Example: searchinr decode photo.inr -o large.png --scale 2
    """
    from searchinr.engine.coding.files import decode_file

    chosen = _level(depth, width, level) or None
    result = decode_file(file, out, scale, chosen, asset, poses, force=force, no_limit=no_limit, quiet=as_json)
    if as_json:
        print_json(result)
        return
    say(f"{result['out']}: {result['modality']}, {result['size']}, {result['decode_s']:.2f} s")


def trim(
    file: Inr,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Where to write.")],
    depth: Depth = None,
    width: Width = None,
    level: LevelOption = None,
    max_bytes: Annotated[
        int | None,
        typer.Option("--max-bytes", metavar="N", help="The largest part of the file that has at most N bytes."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Cut an .inr file down to a smaller network or coarser levels.

    For files of the codecs once_for_all and shacira; `inspect` lists what they can be cut to. Nothing is decoded or
    trained: sections of the file are copied.

    Example: searchinr trim photo.inr --depth 3 --width 24 -o small.inr
    """
    from searchinr.engine.coding.files import trim_file

    result = trim_file(file, out, _level(depth, width, level), max_bytes, force=force)
    if as_json:
        print_json(result)
        return
    name = ", ".join(f"{key} {value}" for key, value in result["level"].items())
    say(f"{result['out']}: {name}, {result['bytes']} bytes, {result['rate']:.3f} {result['rate_unit']}")


def _level(depth: int | None, width: int | None, level: int | None) -> dict[str, int]:
    given = {"depth": depth, "width": width, "level": level}
    return {key: value for key, value in given.items() if value is not None}


def inspect(
    file: Inr,
    original: Annotated[
        Path | None,
        typer.Option("--original", metavar="SIGNAL", help="What was encoded: then the PSNR is shown, at every rate."),
    ] = None,
    asset: AssetFile = None,
    as_json: Json = False,
) -> None:
    """Show what an .inr file holds and where its bits go.

    Of a file that holds several rates it lists all that it can be trimmed to.

    Example: searchinr inspect photo.inr --original photo.png
    """
    from searchinr.engine.coding.files import inspect_file

    result = inspect_file(file, asset, original, quiet=as_json)
    if as_json:
        print_json(result)
        return
    parts, models, levels = result.pop("bits"), result.pop("models", {}), result.pop("levels", [])
    total = 8 * result["bytes"]
    width = max(map(len, [*result, *(f"  {part}" for part in parts)]))
    for key, value in result.items():
        say(f"{key:{width}}  {f'{value:.3f}' if isinstance(value, float) else value}")
    say(f"{'bits':{width}}  {total:10}")
    for part, bits in parts.items():
        say(f"{f'  {part}':{width}}  {bits:10.1f}  {bits / total:6.1%}  {models.get(part, '')}".rstrip())
    if levels:
        say(f"{'levels':{width}}  {'  '.join(f'{key:>10}' for key in levels[0])}")
        for level in levels:
            cells = (f"{value:10.3f}" if isinstance(value, float) else f"{value:10}" for value in level.values())
            say(f"{'':{width}}  {'  '.join(cells)}")
