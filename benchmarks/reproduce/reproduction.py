"""The command of a reproduction: runs its spaces, or takes kept results, and writes the report and its plots."""

import argparse
from collections.abc import Callable
from pathlib import Path

import yaml

from benchmarks.command import Command, Filling, Found
from benchmarks.curves import Panel, draw
from benchmarks.reproduce.points import WRITTEN
from benchmarks.reproduce.study import gather, read_study, spaces, variables

Plots = dict[str, list[Panel]]
"""The panels of each plot, by what its file is called after the report's name."""


def reproduce(
    script: str,
    doc: str | None,
    fill: Callable[[Found, Found], Filling],
    plots: Callable[[Found, Found], Plots] = lambda found, size: {},
    *,
    beside: Callable[[Found], Found] = lambda size: {},
) -> None:
    """Does what its options say.

    Args:
        script: `__file__` of the read-out `NAME.py`, beside which there are `NAME.yaml` and `NAME.md`.
        doc: Its `__doc__`.
        fill: Results, and the variables of their size -> what the holes of the text are filled with beside them, the
            figures of the paper, and the functions of `points.WRITTEN`.
        plots: The same -> the plots.
        beside: Size -> what is measured beside the spaces.
    """
    study = Path(script).stem
    sizes, seeds = list(read_study(study)["sizes"]), read_study(study)["seeds"]
    command = Command(script, doc)
    command.add_argument("--data", choices=sizes, default=sizes[0], help=f"how large [{sizes[0]}]")
    command.add_argument("--seeds", type=int, default=seeds, help=f"of each fit [{seeds}]")
    command.add_argument("--share", type=float, default=1.0, help="of all training lengths [1]")
    command.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="variables of the size")
    command.add_argument("--debug", action="store_true", help="fit one trial after another in this process")
    command.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="of run folders [runs]")

    def measured(options: argparse.Namespace) -> Found:
        given = {name: yaml.safe_load(value) for name, value in (pair.split("=", 1) for pair in options.set)}
        size = variables(study, options.data, given)
        about = {"data": options.data, "seeds": options.seeds, "size": size}
        of = spaces(study, options.data, size, options.share)
        return {**about, **gather(of, options.seeds, options.runs, debug=options.debug), **beside(size)}

    def report(found: Found) -> Filling:
        size, data = found["size"], read_study(study)
        seeds = f"{found['seeds']} seed{'s' * (found['seeds'] > 1)}"
        common = {"seeds": seeds, **{key: data.get(key) for key in ("published", "goals")}}
        return {**size, **found, **WRITTEN, **common, **fill(found, size)}

    options, found = command.run(measured, report)
    for name, panels in plots(found, found["size"]).items() if options.markdown is not None else ():
        draw(panels, options.markdown.with_name(f"{options.markdown.stem}{name}.png"))
