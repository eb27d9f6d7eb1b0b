"""render, plan: a search as a job of another system, and what it will take."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from searchinr.cli.options import Assets, Data, Force, Json, Out, SpaceFile
from searchinr.cli.output import plain_table, print_json, print_table, printable, say


def render(
    space: SpaceFile,
    target: Annotated[Literal["kuberay", "slurm"], typer.Option("--target", help="Kubernetes with KubeRay, or Slurm.")],
    nodes: Annotated[int, typer.Option("--nodes", metavar="N", min=1, help="Nodes that run trials.")] = 2,
    image: Annotated[
        str | None, typer.Option("--image", metavar="IMAGE", help="kuberay: a container image with searchinr in it.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option("--storage", metavar="URL", help="Where the run is kept; slurm: left out, in a shared folder."),
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Write a search as a job for Kubernetes or Slurm.

    It asks for what the space's trials take. What only you know stands in it as a comment. Without -o it is printed.

    Example: searchinr render spaces/kodak.yaml --target slurm -o kodak.sbatch
    """
    from searchinr.engine.cluster.kuberay import kuberay_manifest
    from searchinr.engine.cluster.slurm import slurm_script
    from searchinr.signals.files import check_output, write_file

    if out is not None:
        check_output(out, [".sbatch", ".slurm", ".sh"] if target == "slurm" else [".yaml", ".yml"], force=force)
    if target == "slurm":
        text = slurm_script(space, nodes=nodes, storage=storage)
    else:
        text = kuberay_manifest(space, nodes=nodes, image=image, storage=storage)
    if out is None:
        typer.echo(text, nl=False)
        return
    write_file(out, text.encode())
    say(f"{out}: {'sbatch' if target == 'slurm' else 'kubectl apply -f'} {out}")


def plan(
    space: SpaceFile,
    cluster: Annotated[
        Path | None, typer.Option("--cluster", metavar="FILE", help="Where it is to run: nodes and prices.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Run folder, whose run is compared at its end (default: runs/NAME)."),
    ] = None,
    probes: Annotated[int, typer.Option("--probes", metavar="N", min=2, help="Configs to try, of each dataset.")] = 6,
    data: Data = None,
    assets: Assets = None,
    as_json: Json = False,
) -> None:
    """Estimate how long a search will take, and its cost.

    It fits a few configs for a moment on this machine and simulates the search on 1, 2, 4, ... nodes. An estimate is
    the median of the simulations, with the range of eight in ten of them: the more configs differ, the wider. Nodes
    are taken to be as fast as this machine. At the end of the run what it took is told beside the estimate.

    Example: searchinr plan spaces/kodak.yaml --cluster clusters/aws.yaml
    """
    from dataclasses import asdict

    from searchinr.engine.planning.plan_search import plan_search

    made, notes = plan_search(space, cluster, out=out, probes=probes, data_dir=data, assets_dir=assets)
    if as_json:
        print_json({**asdict(made), "notes": list(notes)})
        return
    say(f"estimate: {made.trials} trials, {made.results} results, {made.fit_hours} hours of training in all")
    columns = ("nodes", "trials at once", "hours", *([f"cost, {made.currency}"] if made.rows[0].cost else []))
    cells = [map(str, (row.nodes, row.at_once, row.hours, *([row.cost] if row.cost else []))) for row in made.rows]
    print_table(plain_table(columns, cells, right=columns))
    for note in notes:
        typer.echo(printable(note), err=True)
