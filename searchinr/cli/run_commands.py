"""run, status, front, verify, report, export, ui: a search and its results."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.exit_codes import FAILED, INTERRUPTED, OK
from searchinr.cli.options import Data, Json, Out, OutFolder, Run, Storage
from searchinr.cli.output import print_json, print_table, printable, say
from searchinr.errors import UserError

Dataset = Annotated[
    str | None, typer.Option("--dataset", metavar="LABEL", help="One dataset of several; `status` lists them.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (run, fetch, status, front, verify, report, export, ui):
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
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="HOST:PORT", help="Use the Ray that runs there; auto: on this machine."),
    ] = None,
    storage: Storage = None,
) -> int:
    """Run a search, or continue one that was interrupted.

    Everything goes into the run folder. The same command again continues the run, whatever stopped it. With nodes that
    do not all see the run folder, name a --storage that they see.

    Example: searchinr run spaces/quickstart.yaml --workers 2
    """
    from searchinr.engine.run import run_search
    from searchinr.engine.storage import parse_place

    if address is not None and "://" in address:
        raise UserError(f"--address: {address} found; allowed are HOST:PORT and auto, on a node of that cluster")
    outcome = run_search(
        space,
        out=out,
        workers=workers,
        trials=trials,
        seed=seed,
        data_dir=data,
        address=address,
        storage=None if storage is None else parse_place(storage),
    )
    folder = outcome.folder.path
    if outcome.interrupted:
        typer.echo(f"searchinr: interrupted; the same command again continues {folder}", err=True)
        return INTERRUPTED
    if outcome.points == 0:
        reasons = sorted(set(outcome.failed.values()))
        typer.echo(f"searchinr: all {len(outcome.failed)} trials failed: {'; '.join(reasons)}", err=True)
        return FAILED
    if outcome.front == 0:
        say(f"no operating point meets the constraints, so there is no front: searchinr front {folder} says how near")
        return OK
    say(f"next: searchinr report {folder} | verify {folder} | ui {folder} | export {folder} --max-rate R")
    return OK


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
    from searchinr.engine.run_folder import RunFolder
    from searchinr.engine.storage import parse_place
    from searchinr.engine.stored_run import StoredRun

    place = parse_place(url)
    folder = RunFolder(out or Path("runs") / place.name)
    stored = StoredRun(place)
    stored.check()
    folder.create()
    with folder.locked():
        stored.fetch(folder.path)
    say(f"{folder.path}: {len(folder.lines())} lines on record; next: searchinr status {folder.path}")


def status(run: Run, as_json: Json = False) -> None:
    """Show how far a run is.

    Example: searchinr status runs/kodak
    """
    from searchinr.engine.status import run_status

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
    from searchinr.engine.opened import open_run
    from searchinr.engine.report.front import front_json
    from searchinr.engine.report.tables import front_table

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
    from searchinr.engine.opened import open_run
    from searchinr.engine.verify import verify as verdicts

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
    """Draw the front beside classical codecs, and write it as tables.

    The classical codecs are measured on the same files; theirs count whole as well. A second figure shows what the
    front's hypervolume was by the training work spent until then.

    Example: searchinr report runs/kodak
    """
    from searchinr.engine.opened import open_run
    from searchinr.engine.report.baselines import cached_baselines
    from searchinr.engine.report.tables import front_table
    from searchinr.engine.report.write import write_report
    from searchinr.signals.datasets import load_dataset
    from searchinr.signals.files import make_folder

    opened = open_run(run)
    labels = opened.chosen(None)
    folder = out or opened.folder.report
    make_folder(folder)
    entries = {entry.label: entry for entry in opened.space.datasets}
    for label in labels:
        baselines = cached_baselines(load_dataset(entries[label], data), folder)
        result = opened.front(label, {label: baselines})
        print_table(front_table(result))
        for path in write_report(folder, result):
            say(str(path))


def export(
    run: Run,
    max_rate: Annotated[
        float | None, typer.Option("--max-rate", metavar="R", help="The highest PSNR at no more than this rate.")
    ] = None,
    min_psnr: Annotated[
        float | None, typer.Option("--min-psnr", metavar="DB", help="The lowest rate with at least this PSNR.")
    ] = None,
    trial: Annotated[str | None, typer.Option("--trial", metavar="ID", help="This trial, trained longest.")] = None,
    dataset: Dataset = None,
    out: Out = None,
) -> None:
    """Write the config of an operating point, for `encode --config`.

    Give one of --max-rate, --min-psnr and --trial. Without -o the config is printed.

    Example: searchinr export runs/kodak --max-rate 0.5 -o best.yaml
    """
    from searchinr.engine.config_file import dump_config
    from searchinr.engine.export import best_config
    from searchinr.engine.opened import open_run
    from searchinr.signals.files import write_file

    config = best_config(open_run(run), dataset=dataset, max_rate=max_rate, min_psnr=min_psnr, trial=trial)
    text = dump_config(config)
    if out is None:
        typer.echo(text, nl=False)
        return
    write_file(out, text.encode())
    found = config.provenance
    say(f"{out}: trial {found['trial']}, {found['rate']:.3f} {found['rate_unit']}, {found['psnr_db']:.2f} dB")


def ui(
    run: Run,
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Port on this machine.")] = 5000,
) -> int:
    """Open the run in MLflow's pages, on this machine only.

    It serves them until Ctrl-C.

    Example: searchinr ui runs/kodak
    """
    from searchinr.engine.ui import mlflow_server

    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # no server outlives its terminal, unless under nohup
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        with mlflow_server(run, port) as server:
            say(f"MLflow: http://127.0.0.1:{port} (Ctrl-C ends it)")
            sys.stdout.flush()
            code = server.wait()
    except KeyboardInterrupt:  # the way to end it
        return OK
    raise ChildProcessError(f"MLflow ended with exit code {code}")
