"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, e.g. runs/quickstart.")]
SpaceFile = Annotated[Path, typer.Argument(metavar="SPACE", help="A search space, e.g. spaces/kodak.yaml.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="Data folder, laid out MODALITY/DATASET/ (default: $SEARCHINR_DATA).",
    ),
]
Assets = Annotated[
    Path | None,
    typer.Option(
        "--assets",
        metavar="DIR",
        file_okay=False,
        help="Where what fits share is kept for all runs (default: $SEARCHINR_ASSETS, else in your cache folder).",
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="Keep the run there too, in a folder of its name, for workers anywhere, e.g. s3://BUCKET/PATH.",
    ),
]
AssetFile = Annotated[
    Path | None,
    typer.Option(
        "--asset", metavar="FILE", help="What decoding needs besides the file; by default looked for beside it."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
NoLimit = Annotated[
    bool, typer.Option("--no-limit", help="Decode whatever files claim, even if it takes hours or all memory.")
]
Out = Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Where to write.")]
OutFolder = Annotated[Path | None, typer.Option("-o", "--out", metavar="DIR", help="Where to write (default: in RUN).")]
