"""render: a search as a job of another system."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.options import Out
from searchinr.cli.output import say
from searchinr.errors import UserError


class Target(Enum):
    """What a search can be rendered for."""

    KUBERAY = "kuberay"
    SLURM = "slurm"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(render)


def render(
    space: Annotated[Path, typer.Argument(metavar="SPACE", help="A search space, e.g. spaces/kodak.yaml.")],
    target: Annotated[Target, typer.Option("--target", help="Kubernetes with KubeRay, or Slurm.")],
    nodes: Annotated[int, typer.Option("--nodes", metavar="N", min=1, help="Nodes that run trials.")] = 2,
    image: Annotated[
        str | None, typer.Option("--image", metavar="IMAGE", help="kuberay: a container image with searchinr in it.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option("--storage", metavar="URL", help="Where the run is kept; slurm: left out, in a shared folder."),
    ] = None,
    out: Out = None,
) -> None:
    """Write a search as a job for Kubernetes or Slurm.

    It asks for what the space's trials take. What only you know stands in it as a comment. Without -o it is printed.

    Example: searchinr render spaces/kodak.yaml --target slurm -o kodak.sbatch
    """
    from searchinr.engine.catalog import read_space
    from searchinr.engine.cluster.kuberay import kuberay_manifest
    from searchinr.engine.cluster.slurm import slurm_script
    from searchinr.engine.storage import parse_place
    from searchinr.signals.files import write_file

    found = read_space(space)
    if storage is not None:
        parse_place(storage)
    if target is Target.SLURM:
        text = slurm_script(found, space, nodes=nodes, storage=storage)
    elif image is None:
        raise UserError("--target kuberay: --image is missing; give a container image that has searchinr in it")
    elif storage is None:
        raise UserError("--target kuberay: --storage is missing; give a URL, since the disks of pods go with them")
    else:
        text = kuberay_manifest(found, space.read_text(encoding="utf-8-sig"), nodes=nodes, image=image, storage=storage)
    if out is None:
        typer.echo(text, nl=False)
        return
    write_file(out, text.encode())
    say(f"{out}: {'sbatch' if target is Target.SLURM else 'kubectl apply -f'} {out}")
