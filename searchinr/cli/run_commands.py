"""run, status, front, verify, report, export, ui: a search and its results."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.options import Data, Json, Out, Run
from searchinr.errors import UserError

Dataset = Annotated[
    str | None, typer.Option("--dataset", metavar="LABEL", help="One dataset of several; `status` lists them.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (run, status, front, verify, report, export, ui):
        app.command()(command)


def run(
    space: Annotated[Path, typer.Argument(metavar="SPACE", help="A search space, e.g. spaces/kodak.yaml.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Run folder [runs/NAME].")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Trials at the same time [as many as the cores allow].")
    ] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Trials, instead of the space's number.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed, instead of the space's.")] = None,
    data: Data = None,
) -> int:
    """Run a search, or continue one that was interrupted.

    Example: searchinr run spaces/quickstart.yaml --workers 2
    """
    from searchinr.cli.app import FAILED, INTERRUPTED, OK
    from searchinr.engine.run import run_search

    outcome = run_search(space, out=out, workers=workers, trials=trials, seed=seed, data_dir=data)
    folder = outcome.folder.path
    if outcome.interrupted:
        typer.echo(f"searchinr: interrupted; the same command again continues {folder}", err=True)
        return INTERRUPTED
    if outcome.points == 0:
        reasons = sorted(set(outcome.failed.values()))
        typer.echo(f"searchinr: all {len(outcome.failed)} trials failed: {'; '.join(reasons)}", err=True)
        return FAILED
    typer.echo(f"next: searchinr report {folder} | verify {folder} | ui {folder} | export {folder} --max-rate R")
    return OK


def status(run: Run, as_json: Json = False) -> None:
    """Show how far a run is.

    Example: searchinr status runs/kodak
    """
    from searchinr.engine.status import run_status

    state = run_status(run)
    if as_json:
        typer.echo(json.dumps(state))
        return
    typer.echo(f"{run}: {state['state']}")
    for row in state["datasets"]:
        typer.echo(
            f"  {row['dataset']}: {row['done']} of {row['total']} trials done, {row['paused']} paused, "
            f"{row['failed']} failed; {row['points']} operating points, {row['front']} on the front, "
            f"hypervolume {row['hypervolume']:.2f}"
        )
        for trial, reason in row["failures"].items():
            typer.echo(f"    {trial} failed: {reason}")


def front(run: Run, dataset: Dataset = None, as_json: Json = False) -> None:
    """List the front: the operating points that no other dominates.

    Example: searchinr front runs/kodak --json
    """
    from rich.console import Console

    from searchinr.engine.opened import open_run
    from searchinr.engine.report.front import front_json
    from searchinr.engine.report.tables import front_table

    opened = open_run(run)
    reports = [opened.front(label) for label in opened.chosen(dataset)]
    if as_json:
        typer.echo(json.dumps({"run": str(run), "datasets": [front_json(report) for report in reports]}, indent=1))
        return
    for report in reports:
        Console().print(front_table(report))


def verify(run: Run, data: Data = None, as_json: Json = False) -> int:
    """Decode every file of the front and compare it with the ledger; exit 1 if any figure differs.

    Example: searchinr verify runs/kodak
    """
    from searchinr.cli.app import FAILED, OK
    from searchinr.engine.opened import open_run
    from searchinr.engine.verify import verify as verdicts

    rows = list(verdicts(open_run(run), data))
    problems = [problem for row in rows for problem in row.problems]
    files = sum(row.files for row in rows)
    if as_json:
        typer.echo(json.dumps({"points": len(rows), "files": files, "problems": problems}))
    else:
        for problem in problems:
            typer.echo(problem, err=True)
        verdict = "all as the ledger says" if not problems else f"{len(problems)} figures differ"
        typer.echo(f"{run}: {len(rows)} points, {files} files decoded: {verdict}")
    return FAILED if problems else OK


def report(run: Run, out: Out = None, data: Data = None) -> None:
    """Draw the front beside classical codecs measured on the same files, and write it as tables.

    Example: searchinr report runs/kodak
    """
    from rich.console import Console

    from searchinr.engine.opened import open_run
    from searchinr.engine.report.baselines import cached_baselines
    from searchinr.engine.report.tables import front_table
    from searchinr.engine.report.write import write_report
    from searchinr.signals.datasets import load_dataset

    opened = open_run(run)
    entries = {entry.label: entry for entry in opened.space.datasets}
    for label in opened.chosen(None):
        baselines = cached_baselines(load_dataset(entries[label], data), opened.folder.report)
        result = opened.front(label, {label: baselines})
        Console().print(front_table(result))
        for path in write_report(out or opened.folder.report, result):
            typer.echo(path)


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

    Example: searchinr export runs/kodak --max-rate 0.5 -o best.yaml
    """
    from searchinr.engine.coding import check_writable
    from searchinr.engine.config_file import dump_config
    from searchinr.engine.export import best_config
    from searchinr.engine.opened import open_run
    from searchinr.files import write_atomic

    config = best_config(open_run(run), dataset=dataset, max_rate=max_rate, min_psnr=min_psnr, trial=trial)
    text = dump_config(config)
    if out is None:
        typer.echo(text, nl=False)
        return
    check_writable(out)
    write_atomic(out, text.encode())
    found = config.provenance
    typer.echo(f"{out}: trial {found['trial']}, {found['rate']:.3f} {found['rate_unit']}, {found['psnr_db']:.2f} dB")


def ui(
    run: Run,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on this machine.")] = 5000,
) -> None:
    """Open the run in MLflow's pages, on this machine only.

    Example: searchinr ui runs/kodak
    """
    from searchinr.engine.ui import mlflow_command

    command, environment = mlflow_command(run, port)
    typer.echo(f"MLflow: http://127.0.0.1:{port} (Ctrl-C ends it)")
    try:
        os.execve(command[0], command, environment)
    except OSError as error:
        raise UserError(f"{command[0]}: cannot be started ({error.strerror})") from error
