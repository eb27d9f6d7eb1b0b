"""check, data list, data get: what goes into a search."""

from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.options import Data, Json
from searchinr.cli.output import plain_table, print_json, print_table, printable, say

app = typer.Typer(help="The datasets that have a name.\n\nExample: searchinr data list", rich_markup_mode=None)


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A search space or a cluster file.")],
    cluster: Annotated[
        Path | None, typer.Option("--cluster", metavar="FILE", help="Check a space together with this cluster file.")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Check a search space or a cluster file; start nothing.

    Prints every error with its line, and what is allowed there. What is allowed and will hurt is a warning. The signals
    of a space are read if they are on this machine: it is said which files your paths stand for, which files there are
    left out, and which signals are flat, so that no mean counts them.

    Example: searchinr check spaces/kodak.yaml
    """
    from searchinr.engine.check import check_file

    report = check_file(file, cluster, data)
    if as_json:
        print_json({**report.summary, "warnings": list(report.warnings)})
        return
    for warning in report.warnings:
        typer.echo(printable(f"warning: {warning}"), err=True)
    say(f"{file}: ok; {report.text}")
    for line in report.data:
        say(f"  {line}")


@app.command("list")
def list_data(data: Data = None, as_json: Json = False) -> None:
    """List the datasets that have a name, and where they are.

    Example: searchinr data list
    """
    from dataclasses import asdict

    from rich.text import Text

    from searchinr.signals.dataset_registry import REGISTRY
    from searchinr.signals.datasets import list_datasets

    rows = list_datasets(data)
    if as_json:
        print_json([{**asdict(row), "folder": None if row.folder is None else str(row.folder)} for row in rows])
        return
    cells = []
    for row in rows:
        missing = "not here; " + (
            f"`searchinr data get {row.name}` fetches it"
            if REGISTRY[row.name].remote
            else f"put its files into DIR/{row.modality}/{REGISTRY[row.name].folder} and name DIR with --data"
        )
        where = missing if row.folder is None else printable(str(row.folder))
        count = "?" if row.signals is None else str(row.signals)
        cells.append((row.name, row.modality, count, Text(where), row.description))
    print_table(plain_table(("dataset", "modality", "signals", "where", "description"), cells, fold=True))


@app.command("get")
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
