"""asset list, show, export, cache, prune: what fits share, and what decoding needs besides the files.

The cache is where the assets of all runs are kept, so that none of them is built a second time.
"""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from searchinr.cli.options import Assets, Force, Json, Out, Run
from searchinr.cli.output import print_json, say
from searchinr.errors import UserError

if TYPE_CHECKING:
    from searchinr.engine.store.asset_cache import Entry

_DAY_S = 86400.0
_MB = 10**6

app = typer.Typer(
    help="What fits share, and what decoding needs besides the files.\n\nExample: searchinr asset list runs/combiner",
    rich_markup_mode=None,
)
Hash = Annotated[str, typer.Argument(metavar="HASH", help="The beginning of its SHA-256, as files name it.")]


@app.command("list")
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
        source = " (from the cache)" if row["cached"] else ""
        say(f"{row['label']}: {row['codec']}, {row['bytes']:,} bytes, {row['cost']['train_s']:.1f} s{source}; {needed}")
        say(f"  for {row['dataset']}: {params}")
    if not rows:
        say(f"{run}: no assets")


@app.command()
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


@app.command()
def export(run: Run, sha256: Hash, out: Out = None, force: Force = False) -> None:
    """Write an asset that decoding needs to a file, for `decode --asset` and `encode --asset`.

    Without -o it is written into the working directory under its own name, where `decode` finds it beside files.

    Example: searchinr asset export runs/combiner 3f9a1c -o shared.safetensors
    """
    from searchinr.engine.results.asset_list import find_in
    from searchinr.engine.results.opened import open_run
    from searchinr.signals.files import check_output, read_file, write_file

    source = find_in(open_run(run), sha256)
    target = out or Path(source.name)
    check_output(target, [source.suffix], force=force)
    write_file(target, read_file(source))
    say(str(target))


@app.command()
def cache(assets: Assets = None, as_json: Json = False) -> None:
    """List the assets that are kept for all runs: size, age, and which runs have used them.

    A run takes from there what an earlier one has built from the same signals with the same parameters, and leaves
    there what it builds. The least recently used come first.

    Example: searchinr asset cache
    """
    from searchinr.engine.store.asset_cache import cache_folder, entries

    folder = cache_folder(assets)
    rows = list(map(_cache_row, entries(folder)))
    if as_json:
        print_json({"folder": str(folder), "assets": rows})
        return
    for row in rows:
        say(f"{row['asset']}: {row['codec']}, {row['bytes']:,} bytes, built in {row['cost']['train_s']:.1f} s")
        say(f"  built {_ago(row['built'])}, used {_ago(row['used'])} by {', '.join(row['runs'])}")
    say(f"{folder}: {len(rows)} assets, {sum(row['bytes'] for row in rows):,} bytes")


@app.command()
def prune(
    assets: Assets = None,
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", metavar="DAYS", min=0, help="Remove what no run has used for so many days."),
    ] = None,
    max_size: Annotated[
        float | None,
        typer.Option("--max-size", metavar="MB", min=0, help="Remove the least recently used until no more is left."),
    ] = None,
) -> None:
    """Remove assets that are kept for all runs. Run folders keep what they have.

    A later run that needs one of them builds it again. Files that searchinr has not put there are left alone.

    Example: searchinr asset prune --older-than 90 --max-size 2000
    """
    from searchinr.engine.store.asset_cache import cache_folder
    from searchinr.engine.store.asset_cache import prune as remove

    if older_than is None and max_size is None:
        raise UserError("asset prune: give --older-than DAYS, --max-size MB, or both")
    folder = cache_folder(assets)
    gone = remove(
        folder,
        unused_s=None if older_than is None else older_than * _DAY_S,
        max_bytes=None if max_size is None else round(max_size * _MB),
        now=time.time(),
    )
    say(f"{folder}: {len(gone)} assets removed, {sum(entry.bytes for entry in gone):,} bytes")


def _cache_row(entry: "Entry") -> dict[str, Any]:
    """What is listed of an asset in a cache."""
    return {
        "asset": entry.path.stem,
        "file": str(entry.path),
        "codec": entry.about["codec"],
        "bytes": entry.bytes,
        "built": entry.origin.time,
        "used": entry.used,
        "runs": list(entry.runs),
        "cost": asdict(entry.origin.cost),
    }


def _ago(moment: float) -> str:
    """How long ago a moment was, for people."""
    days = max(0.0, time.time() - moment) / _DAY_S
    return "today" if days < 1 else "1 day ago" if days < 2 else f"{days:.0f} days ago"
