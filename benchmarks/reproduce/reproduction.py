"""The command of a reproduction: runs its spaces, or takes kept results, and writes the report and its plots."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from benchmarks.command import Command, Found
from benchmarks.curves import Panel, draw
from benchmarks.machine import describe_machine
from benchmarks.reproduce.study import measure, read_study, variables

Plots = dict[str, list[Panel]]
"""The panels of each plot, by what its file is called after the report's name."""


class Reproduction(Command):
    """The command line of a reproduction."""

    def __init__(
        self,
        script: str,
        doc: str | None,
        *,
        seeds: int,
        packages: Sequence[str] = ("torch", "numpy"),
        beside: Callable[[Found], Found] = lambda size: {},
    ) -> None:
        """The options.

        Args:
            script: `__file__` of the read-out `NAME.py`, beside which there are `NAME.yaml` and `NAME.md`.
            doc: Its `__doc__`.
            seeds: How many of each fit, where nothing else is said.
            packages: Whose versions the report names.
            beside: Size -> what is measured beside the spaces.
        """
        super().__init__(script, doc)
        self._name, self._packages, self._beside = Path(script).stem, packages, beside
        sizes = list(read_study(self._name)["sizes"])
        first = sizes[0]
        self.add_argument("--data", choices=sizes, default=first, help=f"how large [{first}]")
        self.add_argument("--seeds", type=int, default=seeds, help=f"of each fit [{seeds}]")
        self.add_argument("--share", type=float, default=1.0, help="of all training lengths [1]")
        self.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="variables of the size")
        self.add_argument("--runs", type=Path, metavar="DIR", help="where run folders are kept, to go on from")

    def run(
        self,
        fill: Callable[[Found, Found], dict[str, str]],
        plots: Callable[[Found, Found], Plots] | None = None,
    ) -> None:
        """Does what the options say.

        Args:
            fill: Results and size -> what the holes of the text are filled with.
            plots: Results and size -> the plots.
        """

        def size(found: Found) -> Found:
            return found.get("size") or variables(self._name, found["data"])

        def report(found: Found) -> dict[str, str]:
            seeds = f"{found['seeds']} seed{'s' * (found['seeds'] > 1)}"
            common = {"data": found["data"], "seeds": seeds, "pictures": str(size(found)["pictures"])}
            return {**common, **fill(found, size(found))}

        options, found = super().run_command(self._measure, report)
        if options.markdown is not None and plots is not None:
            for name, panels in plots(found, size(found)).items():
                draw(panels, options.markdown.with_name(f"{options.markdown.stem}{name}.png"))

    def _measure(self, options: argparse.Namespace) -> Found:
        if options.runs is None:
            self.error("name a folder for the runs (--runs DIR), or the figures that were kept (--kept FILE)")
        size = variables(
            self._name, options.data, {key: yaml.safe_load(v) for key, v in (s.split("=", 1) for s in options.set)}
        )
        about = {"machine": describe_machine(*self._packages), "data": options.data, "seeds": options.seeds}
        points = measure(self._name, options.data, size, options.seeds, options.runs, options.share)
        return {**about, "share": options.share, "size": size, **points, **self._beside(size)}
