"""run, status, front, verify, report, compare, export, ui: a search and its results."""

import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from searchinr.cli.exit_codes import FAILED, INTERRUPTED, OK
from searchinr.cli.options import Assets, Data, Json, Out, OutFolder, Run, Storage
from searchinr.cli.output import print_json, print_table, printable, say
from searchinr.errors import UserError

if TYPE_CHECKING:
    from searchinr.engine.cluster.remote_run import RemoteRun

Down = Annotated[
    bool, typer.Option("--down", help="End the cluster when the run has finished, if nothing else runs on it.")
]
Dataset = Annotated[
    str | None, typer.Option("--dataset", metavar="LABEL", help="One dataset of several; `status` lists them.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (run, attach, stop, fetch, status, front, verify, report, compare, export, ui):
        app.command()(command)


def run(
    space: Annotated[Path, typer.Argument(metavar="SPACE", help="A search space, e.g. spaces/kodak.yaml.")],
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

    Everything goes into the run folder. The same command again continues the run, whatever stopped it. With nodes that
    do not all see the run folder, name a --storage that they see.

    With --cluster everything is checked, the cluster is created or brought up to date, and the search goes on there by
    itself: Ctrl-C leaves it alone, and the same command, or `attach`, comes back to it. In the end the run is fetched.

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
    from searchinr.engine.store.place import parse_place

    outcome = run_search(
        space,
        out=out,
        workers=workers,
        trials=trials,
        seed=seed,
        data_dir=data,
        assets_dir=assets,
        address=address,
        storage=None if storage is None else parse_place(storage),
        debug=debug,
    )
    folder = outcome.folder.path
    if outcome.interrupted:
        typer.echo(f"searchinr: interrupted; the same command again continues {folder}", err=True)
        return INTERRUPTED
    return _ended(folder, outcome.points, outcome.front, list(outcome.failed.values()))


def _ended(folder: Path, points: int, front: int, failures: Sequence[str]) -> int:
    """Says what there is to do with a run that has ended."""
    if points == 0:
        typer.echo(f"searchinr: all {len(failures)} trials failed: {'; '.join(sorted(set(failures)))}", err=True)
        return FAILED
    if front == 0:
        say(f"no operating point meets the constraints, so there is no front: searchinr front {folder} says how near")
        return OK
    say(f"next: searchinr report {folder} | verify {folder} | ui {folder} | export {folder} --max-rate R")
    return OK


def _follow(run: "RemoteRun", down: bool) -> int:
    """Shows a run on a cluster until it ends, or until Ctrl-C."""
    from searchinr.engine.results.opened import open_run
    from searchinr.engine.results.status import recorded

    folder = run.folder.path
    try:
        finished = run.follow(down=down)
    except KeyboardInterrupt:
        typer.echo(
            f"searchinr: left alone, it goes on; searchinr attach {folder} | status {folder} | stop {folder}", err=True
        )
        return INTERRUPTED
    if not finished:
        typer.echo(f"searchinr: stopped; the same command again continues {folder}", err=True)
        return INTERRUPTED
    rows = recorded(open_run(folder))
    failures = [reason for row in rows for reason in row["failures"].values()]
    return _ended(folder, sum(row["points"] for row in rows), sum(row["front"] for row in rows), failures)


def attach(run: Run, down: Down = False) -> int:
    """Come back to a run on a cluster.

    It is shown until it ends, and fetched. Ctrl-C leaves it alone.

    Example: searchinr attach runs/kodak
    """
    return _follow(_on_cluster(run), down)


def stop(run: Run) -> None:
    """Stop a run on a cluster.

    Its trials write their checkpoints first, and what is on record is fetched. The same `run` command again continues
    it. The cluster stays up.

    Example: searchinr stop runs/kodak
    """
    found = _on_cluster(run)
    found.stop()
    say(f"{run}: stopped; the same command again continues it; `ray down {found.note.cluster}` ends the cluster")


def _on_cluster(path: Path) -> "RemoteRun":
    from searchinr.engine.cluster.remote_run import RemoteRun

    if (found := RemoteRun.of(path)) is None:
        raise UserError(
            f"{path}: not a run on a cluster (it has no cluster.json); `searchinr run` with --cluster starts one"
        )
    return found


def fetch(
    url: Annotated[str, typer.Argument(metavar="URL", help="A run on a storage, e.g. s3://BUCKET/PATH/kodak.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Run folder (default: runs/NAME).")
    ] = None,
) -> None:
    """Bring a run from its storage, as far as it is.

    The run may still be going on elsewhere. Again, it brings what is new.

    Example: searchinr fetch s3://BUCKET/PATH/kodak
    """
    from searchinr.engine.results.fetch import fetch_run

    folder = fetch_run(url, out)
    say(f"{folder.path}: {len(folder.lines())} lines on record; next: searchinr status {folder.path}")


def status(run: Run, as_json: Json = False) -> None:
    """Show how far a run is.

    Of a run on a cluster, what is new is fetched first.

    Example: searchinr status runs/kodak
    """
    from searchinr.engine.results.status import run_status

    state = run_status(run)
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


def front(run: Run, dataset: Dataset = None, as_json: Json = False) -> None:
    """List the front: the operating points that no other dominates.

    Points that were confirmed have the mean and standard deviation over further seeds beside them.

    Example: searchinr front runs/kodak --json
    """
    from searchinr.engine.report.front import front_json
    from searchinr.engine.report.tables import front_table
    from searchinr.engine.results.opened import open_run

    opened = open_run(run)
    reports = [opened.front(label) for label in opened.chosen(dataset)]
    if as_json:
        print_json({"run": str(run), "datasets": [front_json(report) for report in reports]})
        return
    for report in reports:
        print_table(front_table(report))


def verify(run: Run, data: Data = None, as_json: Json = False) -> int:
    """Decode every file of the front and compare it with the ledger.

    Exits with 1 if a file is missing or damaged, or any figure differs by more than 0.01 dB or one byte.

    Example: searchinr verify runs/kodak
    """
    from searchinr.engine.results.opened import open_run
    from searchinr.engine.results.verify import verify as verdicts

    rows = list(verdicts(open_run(run), data))
    problems = [problem for row in rows for problem in row.problems]
    files = sum(row.files for row in rows)
    if as_json:
        print_json({"run": str(run), "points": len(rows), "files": files, "problems": problems})
    else:
        for problem in problems:
            typer.echo(printable(problem), err=True)
        verdict = "all as the ledger says" if not problems else f"{len(problems)} problems"
        say(f"{run}: {len(rows)} points, {files} files: {verdict}")
    return FAILED if problems else OK


def report(run: Run, out: OutFolder = None, data: Data = None) -> None:
    """Write a page about the results, figures and tables.

    report.html opens in any browser, offline: the fronts beside classical codecs measured on the same files (and, of a
    published dataset, beside published curves), BD-rates, originals beside decoded signals, the hypervolume by training
    work, which parameters matter, and each signal's own results. The same is written as PNG and TSV files.

    Example: searchinr report runs/kodak
    """
    from searchinr.engine.report.tables import front_table
    from searchinr.engine.results.opened import open_run
    from searchinr.engine.results.report import write_report

    written = write_report(open_run(run), out, data)
    for found in written.fronts:
        print_table(front_table(found))
    for path in (written.page, *written.files):
        say(str(path))


def compare(
    first: Run,
    second: Annotated[Path, typer.Argument(metavar="RUN", help="Another, on the same signals.")],
    dataset: Dataset = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="A figure to write as well: .html or .png.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Lay the fronts of two runs over each other.

    The runs must be on the same signals. BD-rate says how many bits the second needs more than the first at equal PSNR.
    Both hypervolumes are measured from the reference point of the first run.

    Example: searchinr compare runs/tpe runs/random -o both.html
    """
    from searchinr.engine.report.comparison import comparison_json, comparison_table
    from searchinr.engine.report.comparison_figures import comparison_html, comparison_png
    from searchinr.engine.results.compare import compare as compare_runs
    from searchinr.engine.results.opened import open_run
    from searchinr.errors import UserError
    from searchinr.signals.files import check_writable, write_file

    if out is not None and out.suffix not in (".html", ".png"):
        raise UserError(f"{out}: suffix {out.suffix!r} found; allowed are .html and .png")
    if out is not None:
        check_writable(out)
    found = compare_runs(open_run(first), open_run(second), dataset)
    if out is not None and out.suffix == ".png" and len(found) > 1:
        raise UserError(f"{out}: one figure for {len(found)} datasets; choose one with --dataset, or write .html")
    if out is not None:
        write_file(out, comparison_html(found).encode() if out.suffix == ".html" else comparison_png(found[0]))
    if as_json:
        print_json([comparison_json(each) for each in found])
        return
    for each in found:
        print_table(comparison_table(each))
    if out is not None:
        say(str(out))


def export(
    run: Run,
    max_rate: Annotated[
        float | None, typer.Option("--max-rate", metavar="R", help="The highest PSNR at no more than this rate.")
    ] = None,
    min_psnr: Annotated[
        float | None, typer.Option("--min-psnr", metavar="DB", help="The lowest rate with at least this PSNR.")
    ] = None,
    trial: Annotated[str | None, typer.Option("--trial", metavar="ID", help="This trial, trained longest.")] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", help="With --trial: trained for N steps instead.")
    ] = None,
    per_signal: Annotated[
        bool, typer.Option("--per-signal", help="One config for each signal, by its own figures; -o names a folder.")
    ] = False,
    dataset: Dataset = None,
    out: Out = None,
    data: Data = None,
) -> None:
    """Write the config of an operating point, for `encode --config`.

    Give one of --max-rate, --min-psnr and --trial. Without -o the config is printed. With --per-signal there is a file
    for each signal, of the operating point that is best for that signal, be it on the front or not. The commands that
    use what was written are printed.

    Example: searchinr export runs/kodak --max-rate 0.5 -o best.yaml
    """
    from searchinr.engine.coding.config_file import dump_config
    from searchinr.engine.results.export import Criterion, best_config, export_best, export_per_signal
    from searchinr.engine.results.opened import open_run

    criterion = Criterion(max_rate, min_psnr, trial, steps)
    opened = open_run(run)
    if out is None and not per_signal:
        typer.echo(dump_config(best_config(opened, dataset, criterion)), nl=False)
        return
    if out is None:
        raise UserError("export: --per-signal writes several files; name a folder for them with -o")
    written = (
        export_per_signal(opened, dataset, criterion, out, data)
        if per_signal
        else [export_best(opened, dataset, criterion, out)]
    )
    for each in written:
        say(f"{each.path}: {_of_config(each.config.provenance)}")
        if each.asset is not None:
            say(f"{each.asset}: what decoding needs beside the files")
    for each in written:
        command = ["searchinr", "encode", str(each.signal or "SIGNAL"), "--config", str(each.path)]
        say(shlex.join([*command, *(["-o", str(each.path.with_suffix(".inr"))] if per_signal else [])]))


def _of_config(found: Mapping[str, Any]) -> str:
    """What an exported config gave in the search."""
    return f"trial {found['trial']}, {found['rate']:.3f} {found['rate_unit']}, {found['psnr_db']:.2f} dB"


def ui(
    run: Run,
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Port on this machine.")] = 5000,
) -> int:
    """Open the run in MLflow's pages, on this machine only.

    It serves them until Ctrl-C.

    Example: searchinr ui runs/kodak
    """
    from searchinr.engine.tracking.server import fronts, mlflow_server

    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # no server outlives its terminal, unless under nohup
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        with mlflow_server(run, port) as server:
            say(f"MLflow: http://127.0.0.1:{port} (Ctrl-C ends it)")
            for label, address in fronts(run, port).items():
                say(f"front of {label}: {address}")
            sys.stdout.flush()
            code = server.wait()
    except KeyboardInterrupt:  # the way to end it
        return OK
    raise ChildProcessError(f"MLflow ended with exit code {code}")
