"""check, data list, data get: what goes into a search."""

import json
from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.options import Data, Json


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(check)
    data = typer.Typer(help="The datasets that have a name.", no_args_is_help=True)
    data.command("list")(list_data)
    data.command("get")(get_data)
    app.add_typer(data, name="data")


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A search space.")],
    as_json: Json = False,
) -> None:
    """Check a search space whole, without starting anything; every error with its line.

    Example: searchinr check spaces/kodak.yaml
    """
    from searchinr.engine.catalog import read_space

    space = read_space(file)
    labels = [entry.label for entry in space.datasets]
    summary = {
        "file": str(file),
        "name": space.name,
        "datasets": labels,
        "codecs": {codec: len(domains) for codec, domains in space.codecs.items()},
        "trials": space.search.trials,
        "rungs": list(space.fidelity.rungs),
    }
    if as_json:
        typer.echo(json.dumps(summary))
        return
    rungs = ", ".join(map(str, space.fidelity.rungs))
    typer.echo(f"{file}: ok; {space.search.trials} trials on {', '.join(labels)}; rungs at {rungs} steps")


def list_data(data: Data = None, as_json: Json = False) -> None:
    """List the datasets that have a name, and where they are.

    Example: searchinr data list
    """
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from searchinr.signals.datasets import list_datasets

    rows = list_datasets(data)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], default=str))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("dataset", "modality", "signals", "where", "description"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(row.name, row.modality, "?" if row.signals is None else str(row.signals), str(row.folder or 'not here: `searchinr data get` fetches it'), row.description)
    Console().print(table)


def get_data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="E.g. kodak.")],
    data: Data = None,
) -> None:
    """Download a dataset once, its checksums verified.

    Example: searchinr data get kodak
    """
    from searchinr.signals.datasets import get_dataset

    typer.echo(get_dataset(name, data))
