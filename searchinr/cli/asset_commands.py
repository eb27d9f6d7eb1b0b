"""asset list, show, export: what decoding needs besides the files."""

from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.options import Json, Out, Run
from searchinr.cli.output import print_json, say

Hash = Annotated[str, typer.Argument(metavar="HASH", help="The beginning of its SHA-256, as files name it.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    asset = typer.Typer(
        help="The priors that decoding needs, and what else fits share.\n\nExample: searchinr asset list runs/combiner",
        rich_markup_mode=None,
    )
    asset.command("list")(list_)
    asset.command("show")(show)
    asset.command("export")(export)
    app.add_typer(asset, name="asset")


def list_(run: Run, as_json: Json = False) -> None:
    """List the assets that a run has built, and how many of its operating points need each to be decoded.

    Example: searchinr asset list runs/combiner
    """
    from searchinr.engine.results.asset_list import list_assets
    from searchinr.engine.results.opened import open_run

    rows = list_assets(open_run(run))
    if as_json:
        print_json(rows)
        return
    for row in rows:
        params = ", ".join(f"{key} {value}" for key, value in row["params"].items())
        needed = f"{row['points']} operating points decode with it" if row["points"] else "no file names it"
        say(f"{row['label']}: {row['codec']}, {row['bytes']:,} bytes, {row['cost']['train_s']:.1f} s; {needed}")
        say(f"  for {row['dataset']}: {params}")
    if not rows:
        say(f"{run}: no assets")


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An asset's file, or a run folder, with HASH.")],
    sha256: Annotated[str | None, typer.Argument(metavar="[HASH]", help="Of a run: the beginning of its hash.")] = None,
    as_json: Json = False,
) -> None:
    """Show what an asset holds and what it depends on.

    Example: searchinr asset show runs/combiner 3f9a1c
    """
    from searchinr.engine.results.asset_list import find_in, show_asset
    from searchinr.engine.results.opened import open_run

    found = show_asset(file if sha256 is None else find_in(open_run(file), sha256))
    if as_json:
        print_json(found)
        return
    for key, value in found.items():
        if isinstance(value, dict):
            say(f"{key}")
            for name, content in value.items():
                say(f"  {name:16} {content}")
        else:
            say(f"{key:18} {value}")


def export(run: Run, sha256: Hash, out: Out = None) -> None:
    """Write an asset that decoding needs to a file, for `decode --asset` and `encode --asset`.

    Without -o it is written into the working directory under its own name, where `decode` finds it beside files.

    Example: searchinr asset export runs/combiner 3f9a1c -o prior.safetensors
    """
    from searchinr.engine.results.asset_list import find_in
    from searchinr.engine.results.opened import open_run
    from searchinr.signals.files import read_file, write_file

    source = find_in(open_run(run), sha256)
    target = out or Path(source.name)
    write_file(target, read_file(source))
    say(str(target))
