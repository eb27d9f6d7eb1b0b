"""ids: what the numbers in files mean here, and which are free."""

from itertools import groupby

import typer

from searchinr.cli.options import Json
from searchinr.cli.output import print_json, print_table, say


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(ids)


def ids(as_json: Json = False) -> None:
    """List whom the ids in files belong to, and which are free.

    Modalities, codecs, backbones and quantisers have ids, those of other packages that are installed here among them.
    A free id can be reserved for a package: CONTRIBUTING.md says how.

    Example: searchinr ids
    """
    from dataclasses import asdict

    from searchinr.engine.ids import list_ids

    rows = list_ids()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("kind", "id", "name", "package", "state"):
        table.add_column(name, justify="right" if name == "id" else "left")
    for row in rows:
        if row.state != "free":
            table.add_row(row.kind, str(row.id), row.name or "-", row.package or "-", row.state)
    print_table(table)
    for kind, group in groupby(rows, key=lambda row: row.kind):
        free = [row.id for row in group if row.state == "free"]
        say(f"free for a {kind}: {' '.join(map(str, free)) or 'none'}")
