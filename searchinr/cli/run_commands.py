"""run, attach, stop, fetch, status: a search, here or on a cluster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchinr.cli.exit_codes import FAILED, INTERRUPTED, OK
from searchinr.cli.options import Assets, Data, Json, Run, SpaceFile, Storage
from searchinr.cli.output import print_json, say
from searchinr.errors import SearchInterrupted, UserError

if TYPE_CHECKING:
    from searchinr.engine.cluster.remote_run import RemoteRun

Cluster = Annotated[
    Path | None, typer.Option("--cluster", metavar="FILE", help="The file of the cluster on which the run is.")
]
Down = Annotated[
    bool, typer.Option("--down", help="End the cluster when the run has finished, if nothing else runs on it.")
]


def run(
    space: SpaceFile,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Run folder (default: runs/NAME).")] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="Trials at the same time (default: as cores allow)."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", metavar="N", min=1, help="Trials per dataset, instead of the space's.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", min=0, max=2**31 - 1, help="Seed, instead of the space's.")
    ] = None,
    data: Data = None,
    assets: Assets = None,
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="HOST:PORT", help="Use the Ray that runs there; auto: on this machine."),
    ] = None,
    storage: Storage = None,
    cluster: Annotated[
        Path | None, typer.Option("--cluster", metavar="FILE", help="Run on this cluster, e.g. clusters/aws.yaml.")
    ] = None,
    down: Down = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Fit one trial at a time in this process, without Ray: breakpoints work.")
    ] = False,
) -> int:
    """Run a search, or continue one that was interrupted.

    Everything goes into the run folder. The same command again continues the run, whatever stopped it. If there are
    nodes that do not see the run folder, name a --storage that all of them see.

    With --cluster everything is checked first. Then the cluster is created or brought up to date, and the search goes
    on there by itself. Ctrl-C leaves it alone, and the same command, or `attach`, comes back to it. In the end the run
    is fetched.

    With --debug the same search runs in this process alone, and takes the same decisions as with --workers 1. An error
    that no fit explains ends the run with its traceback; the same command again tries that fit once more.

    Example: searchinr run spaces/quickstart.yaml --workers 2
    """
    if cluster is not None:
        if debug:
            raise UserError("--debug: found with --cluster, which has other machines fit the trials; leave one out")
        for option, given in (("--address", address), ("--data", data), ("--assets", assets)):
            if given is not None:
                raise UserError(f"{option}: found with --cluster, whose head knows its own; leave it out")
        from searchinr.engine.cluster.remote_run import launch

        return _follow(
            launch(space, cluster, out=out, workers=workers, trials=trials, seed=seed, storage=storage), down
        )
    if down:
        raise UserError("--down: found without --cluster; name the cluster's file")
    from searchinr.engine.run.start import run_search

    try:
        folder = run_search(
            space,
            out=out,
            workers=workers,
            trials=trials,
            seed=seed,
            data_dir=data,
            assets_dir=assets,
            address=address,
            storage=storage,
            debug=debug,
        )
    except SearchInterrupted as interrupt:
        typer.echo(f"searchinr: interrupted; the same command again continues {interrupt.folder}", err=True)
        return INTERRUPTED
    return _ended(folder.path)


def _ended(folder: Path) -> int:
    """Says what there is to do with a run that has ended."""
    from searchinr.engine.results.opened import open_run
    from searchinr.engine.results.status import recorded

    rows = recorded(open_run(folder))
    failures = [reason for row in rows for reason in row["failures"].values()]
    if not any(row["points"] for row in rows):
        typer.echo(f"searchinr: all {len(failures)} trials failed: {'; '.join(sorted(set(failures)))}", err=True)
        return FAILED
    if not any(row["front"] for row in rows):
        say(f"no operating point meets the constraints, so there is no front: searchinr front {folder} says how near")
        return OK
    say(f"next: searchinr report {folder} | verify {folder} | ui {folder} | export {folder} --max-rate R")
    return OK


def _follow(run: "RemoteRun", down: bool) -> int:
    """Shows a run on a cluster until it ends, or until Ctrl-C."""
    folder = run.folder.path
    try:
        finished = run.follow(down=down)
    except KeyboardInterrupt:
        typer.echo(
            "searchinr: left alone, it goes on; `attach`, `status` and `stop` find it, e.g. "
            f"searchinr attach {folder} --cluster {run.cluster.document.file}",
            err=True,
        )
        return INTERRUPTED
    if not finished:
        typer.echo(f"searchinr: stopped; the same command again continues {folder}", err=True)
        return INTERRUPTED
    return _ended(folder)


def attach(run: Run, cluster: Cluster = None, storage: Storage = None, down: Down = False) -> int:
    """Come back to a run on a cluster.

    The run is shown until it ends, and then it is fetched. Ctrl-C leaves it alone. What the run folder says of its
    cluster is not trusted: you name the cluster's file, and the storage if that was not the file's.

    Example: searchinr attach runs/kodak --cluster clusters/aws.yaml
    """
    from searchinr.engine.cluster.remote_run import RemoteRun

    return _follow(RemoteRun.of(run, cluster, storage), down)


def stop(run: Run, cluster: Cluster = None, storage: Storage = None) -> None:
    """Stop a run on a cluster.

    Its trials write their checkpoints first, and what is on record is fetched. The same `run` command again continues
    it. The cluster stays up.

    Example: searchinr stop runs/kodak --cluster clusters/aws.yaml
    """
    from searchinr.engine.cluster.remote_run import RemoteRun

    RemoteRun.of(run, cluster, storage).stop()
    say(f"{run}: stopped; the same command again continues it; `ray down {cluster}` ends the cluster")


def fetch(
    url: Annotated[str, typer.Argument(metavar="URL", help="A run on a storage, e.g. s3://BUCKET/PATH/kodak.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Run folder (default: runs/NAME).")
    ] = None,
) -> None:
    """Bring what there is of a run from its storage.

    The run may still be going on elsewhere. The same command again brings what is new.

    Example: searchinr fetch s3://BUCKET/PATH/kodak
    """
    from searchinr.engine.results.fetch import fetch_run

    folder = fetch_run(url, out)
    say(f"{folder.path}: {len(folder.lines())} lines on record; next: searchinr status {folder.path}")


def status(run: Run, cluster: Cluster = None, storage: Storage = None, as_json: Json = False) -> None:
    """Show how far a run is.

    For a run on a cluster this is what was fetched. With --cluster the cluster is asked, and what is new is fetched.

    Example: searchinr status runs/kodak
    """
    from searchinr.engine.results.status import run_status

    said = None
    if cluster is not None:
        from searchinr.engine.cluster.remote_run import RemoteRun

        said = RemoteRun.of(run, cluster, storage).status()
    state = run_status(run, on_cluster=said)
    if as_json:
        print_json(state)
        return
    say(f"{run}: {state['state']}")
    for row in state["datasets"]:
        trials = f"{row['done']} of {row['total']} trials done, {row['paused']} paused, {row['failed']} failed"
        front = f"{row['front']} on the front, hypervolume {row['hypervolume']:.2f}"
        if row["points"] and not row["front"]:
            front = "none within the constraints"
        confirming = f"; {row['confirmed']} of {row['to_confirm']} fits confirm it" if row["to_confirm"] else ""
        say(f"  {row['dataset']}: {trials}; {row['points']} operating points, {front}{confirming}")
        for trial, reason in row["failures"].items():
            say(f"    {trial} failed: {reason}")
