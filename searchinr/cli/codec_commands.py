"""encode, decode, inspect: a config as a codec."""

from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.options import Json, Out
from searchinr.cli.output import print_json, say

Inr = Annotated[Path, typer.Argument(metavar="FILE", help="An .inr file.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (encode, decode, inspect):
        app.command()(command)


def encode(
    file: Annotated[Path, typer.Argument(metavar="SIGNAL", help="PNG, JPEG, WebP or TIFF image, WAV or FLAC audio.")],
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="CONFIG", help="What `searchinr export` wrote, or a file of your own."),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Compress a signal to a self-contained .inr file.

    Without --config it takes settings that suit the kind and the size of the signal and need about a minute on two
    cores; a config that was searched for such signals does better. Without -o the file is written beside the signal.

    Example: searchinr encode photo.png --config best.yaml -o photo.inr
    """
    from searchinr.engine.coding import encode_file

    result = encode_file(file, config, out, quiet=as_json)
    if as_json:
        print_json(result)
        return
    say(
        f"{result['out']}: {result['rate']:.3f} {result['rate_unit']}, {result['psnr_db']:.2f} dB, "
        f"{result['bytes']} bytes, {result['encode_s']:.1f} s"
    )


def decode(
    file: Inr,
    out: Out = None,
    scale: Annotated[float, typer.Option("--scale", metavar="S", help="Render at S times the resolution.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Turn an .inr file back into a signal.

    The suffix of -o decides the format; without -o a PNG or WAV file is written beside the .inr file. Audio at
    another resolution is audio with another sampling rate.

    Example: searchinr decode photo.inr -o photo.png --scale 2
    """
    from searchinr.engine.coding import decode_file

    result = decode_file(file, out, scale)
    if as_json:
        print_json(result)
        return
    size = " x ".join(str(n) for n in result["grid"])
    rate = f" at {result['sampling_rate']} Hz" if "sampling_rate" in result else ""
    say(f"{result['out']}: {result['modality']}, {size}{rate}, {result['decode_s']:.2f} s")


def inspect(
    file: Inr,
    as_json: Json = False,
) -> None:
    """Show what an .inr file holds and where its bits go.

    Example: searchinr inspect photo.inr
    """
    from searchinr.engine.coding import inspect_file

    result = inspect_file(file)
    if as_json:
        print_json(result)
        return
    parts = result.pop("bits")
    total = 8 * result["bytes"]
    width = max(map(len, [*result, *(f"  {part}" for part in parts)]))
    for key, value in result.items():
        say(f"{key:{width}}  {f'{value:.3f}' if isinstance(value, float) else value}")
    say(f"{'bits':{width}}  {total:10}")
    for part, bits in parts.items():
        say(f"{f'  {part}':{width}}  {bits:10.1f}  {bits / total:6.1%}")
