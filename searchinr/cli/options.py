"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, e.g. runs/quickstart.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", envvar="SEARCHINR_DATA", help="Data folder, laid out MODALITY/DATASET/."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Where to write.")]
