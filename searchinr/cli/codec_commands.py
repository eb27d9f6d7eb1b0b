"""encode, decode, inspect: a config as a codec."""

import json
from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.options import Json, Out


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(encode)
    app.command()(decode)
    app.command()(inspect)


def encode(
    file: Annotated[Path, typer.Argument(metavar="SIGNAL", help="An image (PNG, JPEG, WebP, TIFF) or WAV/FLAC audio.")],
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="What `searchinr export` wrote, or your own; else the defaults."),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Compress a signal to a self-contained .inr file.

    Example: searchinr encode photo.png --config best.yaml -o photo.inr
    """
    from searchinr.engine.coding import encode_file

    result = encode_file(file, config, out or file.with_suffix(".inr"), quiet=as_json)
    if as_json:
        typer.echo(json.dumps(result))
        return
    typer.echo(
        f"{result['out']}: {result['rate']:.3f} {result['rate_unit']}, {result['psnr_db']:.2f} dB, "
        f"{result['bytes']} bytes, {result['encode_s']:.1f} s"
    )


def decode(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An .inr file.")],
    out: Out = None,
    scale: Annotated[
        float, typer.Option("--scale", min=0.01, max=64.0, help="Render at this multiple of the resolution.")
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Turn an .inr file back into a signal.

    Example: searchinr decode photo.inr -o photo.png --scale 2
    """
    from searchinr.engine.coding import decode_file

    result = decode_file(file, out, scale)
    if as_json:
        typer.echo(json.dumps(result))
        return
    size = " x ".join(str(n) for n in result["grid"])
    typer.echo(f"{result['out']}: {result['modality']}, {size}, {result['decode_s']:.2f} s")


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An .inr file.")],
    as_json: Json = False,
) -> None:
    """Show what an .inr file holds and where its bits go.

    Example: searchinr inspect photo.inr
    """
    from searchinr.engine.coding import inspect_file

    result = inspect_file(file)
    if as_json:
        typer.echo(json.dumps(result))
        return
    bits = result.pop("bits")
    for key, value in result.items():
        shown = f"{value:.3f}" if isinstance(value, float) else value
        typer.echo(f"{key:16} {shown}")
    typer.echo(f"{'bits':16} {8 * result['bytes']}")
    for part, value in bits.items():
        typer.echo(f"  {part:14} {value:10.1f}  {100 * value / (8 * result['bytes']):5.1f} %")
