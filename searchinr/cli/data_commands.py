"""check, data list, data get: what goes into a search."""

from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.options import Data, Json
from searchinr.cli.output import print_json, print_table, printable, say


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(check)
    data = typer.Typer(help="The datasets that have a name.\n\nExample: searchinr data list", rich_markup_mode=None)
    data.command("list")(list_data)
    data.command("get")(get_data)
    app.add_typer(data, name="data")


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A search space or a cluster file.")],
    cluster: Annotated[
        Path | None, typer.Option("--cluster", metavar="FILE", help="Check a space together with this cluster file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a search space or a cluster file; start nothing.

    Prints every error with its line, and what is allowed there. What is allowed and will hurt is a warning.

    Example: searchinr check spaces/kodak.yaml
    """
    from searchinr.engine.check import check_file

    report = check_file(file, cluster)
    if as_json:
        print_json({**report.summary, "warnings": list(report.warnings)})
        return
    for warning in report.warnings:
        typer.echo(printable(f"warning: {warning}"), err=True)
    say(f"{file}: ok; {report.text}")


def list_data(data: Data = None, as_json: Json = False) -> None:
    """List the datasets that have a name, and where they are.

    Example: searchinr data list
    """
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from searchinr.signals.datasets import REGISTRY, list_datasets

    rows = list_datasets(data)
    if as_json:
        print_json([{**asdict(row), "folder": None if row.folder is None else str(row.folder)} for row in rows])
        return
    table = Table(box=None, pad_edge=False)
    for name in ("dataset", "modality", "signals", "where", "description"):
        table.add_column(name, overflow="fold")
    for row in rows:
        missing = "not here; " + (
            f"`searchinr data get {row.name}` fetches it"
            if REGISTRY[row.name].remote
            else f"put its files into DIR/{row.modality}/{REGISTRY[row.name].folder} and name DIR with --data"
        )
        where = missing if row.folder is None else printable(str(row.folder))
        count = "?" if row.signals is None else str(row.signals)
        table.add_row(row.name, row.modality, count, Text(where), row.description)
    print_table(table)


def get_data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="E.g. kodak.")],
    data: Data = None,
) -> None:
    """Download a dataset unless it is here, and print its folder.

    Checksums are verified.

    Example: searchinr data get kodak
    """
    from searchinr.signals.datasets import get_dataset

    say(str(get_dataset(name, data)))
