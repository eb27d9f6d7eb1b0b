"""What all benchmarks have in common: they measure, keep the figures as JSON, and write a report from kept figures."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

Found = dict[str, Any]
"""Figures as JSON has them: what a benchmark has measured, or a file that was kept of it."""


class Command(argparse.ArgumentParser):
    """The command line of a benchmark; every one can keep its figures, and write its report again from them.

    The report is a text with holes, `NAME.md` beside the script `NAME.py`, so that prose and figures are apart.
    """

    def __init__(self, script: str, doc: str | None) -> None:
        """The options that all have.

        Args:
            script: `__file__` of the benchmark.
            doc: Its `__doc__`.
        """
        super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.template = Path(script).with_suffix(".md")
        self.add_argument("--kept", type=Path, metavar="FILE", help="measure nothing: take the figures of this JSON")
        self.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
        self.add_argument("--markdown", type=Path, metavar="FILE", help="write the report there, and plots beside it")

    def run_command(
        self, measure: Callable[[argparse.Namespace], Found], fill: Callable[[Found], dict[str, str]]
    ) -> tuple[argparse.Namespace, Found]:
        """Measures, or takes what was kept, and reports.

        Args:
            measure: Options -> figures; dataclasses among them become JSON objects.
            fill: Figures -> what the holes of the text are filled with.

        Returns:
            The options and the figures.
        """
        options = self.parse_args()
        if options.kept is not None:
            found = json.loads(options.kept.read_text(encoding="utf-8"))
        else:  # as it comes out of a file, so that there is one way from figures to the report
            found = json.loads(json.dumps(measure(options), default=asdict))
        if options.json is not None:
            options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        text = filled(self.template, {"machine": machine_line(found["machine"]), **fill(found)})
        print(text)
        if options.markdown is not None:
            options.markdown.write_text(text + "\n", encoding="utf-8")
        return options, found


def filled(template: Path, values: dict[str, str]) -> str:
    """A text with its holes, `{name}`, filled; a section in which all of them are empty is left out.

    Sections begin with `## `.
    """
    sections = template.read_text(encoding="utf-8").strip().split("\n\n## ")
    return "\n\n## ".join(section.format_map(values) for section in sections if _has_something(section, values))


def _has_something(section: str, values: dict[str, str]) -> bool:
    holes = [name for name in values if f"{{{name}}}" in section]
    return not holes or any(values[name] for name in holes)


def machine_line(machine: dict[str, Any]) -> str:
    """The description of a machine as one line of text."""
    return "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in machine.items())
