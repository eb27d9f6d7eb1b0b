"""The parts of every page: an HTML document that opens offline, in light or dark colours, on any size of screen."""

import html
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, NamedTuple

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

_LAYOUT: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": "var(--ink)", "size": 13, "family": "system-ui, Segoe UI, Roboto, Helvetica, Arial, sans-serif"},
    "hoverlabel": {"bgcolor": "var(--card)", "bordercolor": "var(--line)", "font": {"color": "var(--ink)"}},
    "hovermode": "closest",
    "margin": {"l": 64, "r": 16, "t": 12, "b": 56},
    "legend": {"bgcolor": "rgba(0,0,0,0)", "groupclick": "toggleitem"},
}
_AXIS = {"gridcolor": "var(--grid)", "linecolor": "var(--line)", "zeroline": False, "title_standoff": 8}


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: Head of the column, as text.
        kind: CSS class of the cells: ``""``, ``"number"`` or ``"wide"``.
    """

    title: str
    kind: str = ""


def document(title: str, body: str) -> str:
    """Makes a complete HTML document of about 5 MB. It contains plotly.js and loads nothing from elsewhere.

    Args:
        title: The title, as text.
        body: The body, as HTML.
    """
    return _template().substitute(title=text(title), body=body, plotly=get_plotlyjs())


def plot(figure: go.Figure, name: str, *, small: bool = False) -> str:
    """Makes HTML of an interactive figure.

    Args:
        figure: The figure; its colours may be variables of the page, ``var(--c0)``.
        name: The id of the figure, which must be unique in the document.
        small: Whether the figure is less high than others.
    """
    figure.update_layout(template="none", **_LAYOUT)
    figure.update_xaxes(**_AXIS)
    figure.update_yaxes(**_AXIS)
    data = str(figure.to_json()).replace("<", "\\u003c")  # so that no text in it ends the script element
    return (
        f'<div class="{"plot small" if small else "plot"}" id="{name}"></div>'
        f'<script type="application/json" class="figure" data-of="{name}">{data}</script>'
    )


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], label: str) -> str:
    """Makes a table that scrolls by itself if it is wider than the screen.

    Args:
        columns: The columns.
        rows: The cells, as HTML.
        label: A description of the table for screen readers.
    """
    head = "".join(f'<th scope="col" class="{column.kind}">{text(column.title)}</th>' for column in columns)
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{column.kind}">{cell}</td>' for column, cell in zip(columns, row, strict=True))
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(label)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>"
    )


def copyable(command: str) -> str:
    """Makes a command with a button that copies it."""
    return f'<button type="button" data-copy="{text(command)}">Copy</button><code>{text(command)}</code>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Makes a list of key figures from pairs `(name, value)`."""
    cards = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="facts">{cards}</dl>'


def note(words: str) -> str:
    """Makes small print; line breaks become spaces."""
    return f'<p class="note">{text(words)}</p>'


def text(words: object) -> str:
    """Escapes text for HTML; the result is safe in an attribute, too."""
    return html.escape(str(words))


@cache
def _template() -> Template:
    return Template(files(__package__).joinpath("document.html").read_text(encoding="utf-8"))
