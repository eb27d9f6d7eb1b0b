"""What all benchmarks have in common: they measure, keep the figures as JSON, and write a report from kept figures."""

import argparse
import json
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from benchmarks.machine import describe_machine

Found = dict[str, Any]
"""Figures as JSON has them: what a benchmark has measured, or a file that was kept of it."""
Rows = Sequence[Sequence[str]]
Filling = Mapping[str, Any]
"""What the holes of a text are filled with, beside the figures themselves: words, figures, cells or rows of a table."""


class Command(argparse.ArgumentParser):
    """The command line of a benchmark: it can keep its figures, and write its report again from them."""

    def __init__(self, script: str, doc: str | None, text: str | None = None) -> None:
        """The options that all have.

        Args:
            script: `__file__` of the benchmark.
            doc: Its `__doc__`.
            text: The name of the report's text, in which holes are options; left out, `NAME.md` of `NAME.py`.
        """
        super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        self._text = Path(script).with_name(text or f"{Path(script).stem}.md")
        self.add_argument("--kept", type=Path, metavar="FILE", help="measure nothing: take the figures of this JSON")
        self.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
        self.add_argument("--markdown", type=Path, metavar="FILE", help="write the report there, and plots beside it")

    def run(
        self,
        measure: Callable[[argparse.Namespace], Found],
        fill: Callable[[Found], Filling] = lambda _: {},
    ) -> tuple[argparse.Namespace, Found]:
        """Measures, or takes what was kept, and reports; the options and the figures.

        Args:
            measure: Options -> figures, to which those of the machine are added.
            fill: Figures -> what the holes of the text are filled with beside them.
        """
        options = self.parse_args()
        if options.kept is not None:
            found = json.loads(options.kept.read_text(encoding="utf-8"))
        else:  # as it comes out of a file, so that there is one way from figures to the report
            machine = describe_machine()
            figures = measure(options)
            machine["load_after"] = round(os.getloadavg()[0], 1)
            found = json.loads(json.dumps({"machine": machine, **figures}))
        if options.json is not None:
            options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        about = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in found["machine"].items())
        template = Path(str(self._text).format_map(vars(options)))
        text = rendered(template, {**found, **fill(found), "machine": about})
        print(text)
        if options.markdown is not None:
            options.markdown.write_text(text + "\n", encoding="utf-8")
        return options, found


def rendered(template: Path, context: Filling) -> str:
    """A text with its holes filled, a Jinja template, and its tables aligned.

    Filters are Jinja's own, the functions in the context, and: `fmt(spec)`,
    Python's formatting; `spread(digits)`; `cells`, a part of a table's row; `rows`, whole rows of a table.
    """
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)
    environment.filters |= {"fmt": format, "spread": spread, "cells": " | ".join, "rows": _rows}
    environment.filters |= {name: each for name, each in context.items() if callable(each)}
    text = template.read_text(encoding="utf-8").strip()
    blocks = environment.from_string(text).render(context).split("\n\n")
    return "\n\n".join(_aligned(block) if block.startswith("|") else block for block in blocks)


def _rows(rows: Rows) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _aligned(block: str) -> str:
    """A Markdown table that is also readable in a terminal: the first column is text, the others are figures."""
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()]
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [[row[0].ljust(first), *(c.rjust(w) for c, w in zip(row[1:], others, strict=True))] for row in rows]
    lines.insert(1, [":" + "-" * (first - 1), *("-" * (width - 1) + ":" for width in others)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median and, in brackets, the smallest and the largest value."""
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}-{max(values):.{digits}f}]"
