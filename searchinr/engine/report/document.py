"""What every page is made of: one HTML document that opens offline, light or dark, on a desk or a phone."""

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
        title: Its head, text.
        kind: CSS class of its cells: ``""``, ``"number"`` or ``"wide"``.
    """

    title: str
    kind: str = ""


def document(title: str, body: str) -> str:
    """A complete HTML document of about 5 MB that loads nothing from anywhere: plotly.js is part of it.

    Args:
        title: Text.
        body: HTML.
    """
    return _template().substitute(title=text(title), body=body, plotly=get_plotlyjs())


def plot(figure: go.Figure, name: str, *, small: bool = False) -> str:
    """An interactive figure as HTML.

    Args:
        figure: Its colours may be variables of the page, ``var(--c0)``.
        name: Its id, unique in the document.
        small: Less high.
    """
    figure.update_layout(template="none", **_LAYOUT)
    figure.update_xaxes(**_AXIS)
    figure.update_yaxes(**_AXIS)
    data = str(figure.to_json()).replace("<", "\\u003c")  # nothing in it can end the script element
    return (
        f'<div class="{"plot small" if small else "plot"}" id="{name}"></div>'
        f'<script type="application/json" class="figure" data-of="{name}">{data}</script>'
    )


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], label: str) -> str:
    """A table that scrolls by itself where it is wider than the screen.

    Args:
        columns: Their heads.
        rows: Cells, HTML.
        label: What it is, for screen readers.
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
    """A command and the button that copies it."""
    return f'<button type="button" data-copy="{text(command)}">Copy</button><code>{text(command)}</code>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Key figures, `(name, value)`."""
    cards = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="facts">{cards}</dl>'


def note(words: str) -> str:
    """Small print; lines are joined."""
    return f'<p class="note">{text(words)}</p>'


def text(words: object) -> str:
    """Text as HTML, safe in an attribute too."""
    return html.escape(str(words))


@cache
def _template() -> Template:
    return Template(files(__package__).joinpath("document.html").read_text(encoding="utf-8"))
