"""Printing: text that any terminal can show, JSON, and tables that are not squeezed where there is no terminal."""

import json
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_NO_TERMINAL_WIDTH = 1000


def printable(text: str) -> str:
    """The text with line breaks, control characters and undecodable bytes (as in file names) escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def say(text: str) -> None:
    """Prints one line."""
    typer.echo(printable(text))


def print_json(value: object) -> None:
    """Prints a value as JSON."""
    typer.echo(json.dumps(value, indent=1))


def plain_table(
    columns: Sequence[str],
    rows: Iterable[Iterable["RenderableType"]],
    right: Collection[str] = (),
    *,
    fold: bool = False,
) -> "Table":
    """A table without lines. The columns in `right` are aligned there; with `fold` long cells go on below."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold" if fold else "ellipsis")
    for row in rows:
        table.add_row(*row)
    return table


def print_table(table: "RenderableType") -> None:
    """Prints a table, as wide as it needs to be where it goes into a file or a pipe."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else _NO_TERMINAL_WIDTH).print(table)
