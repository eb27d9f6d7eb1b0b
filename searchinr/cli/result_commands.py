"""front, verify, report, compare, export, ui: what a search has found."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from searchinr.cli.exit_codes import FAILED, OK
from searchinr.cli.options import Data, Force, Json, NoLimit, Out, OutFolder, Run
from searchinr.cli.output import print_json, print_table, printable, say
from searchinr.errors import UserError

Dataset = Annotated[
    str | None, typer.Option("--dataset", metavar="LABEL", help="One dataset of several; `status` lists them.")
]


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


def verify(run: Run, data: Data = None, no_limit: NoLimit = False, as_json: Json = False) -> int:
    """Decode every file of the front and compare it with the ledger.

    Exits with 1 if a file is missing or damaged, or any figure differs by more than 0.01 dB or one byte.

    Example: searchinr verify runs/kodak
    """
    from searchinr.codecs.work import refuse_too_much
    from searchinr.engine.results.opened import open_run
    from searchinr.engine.results.verify import verify as verdicts

    rows = list(verdicts(open_run(run), data, None if no_limit else refuse_too_much))
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


def report(run: Run, out: OutFolder = None, data: Data = None, force: Force = False, no_limit: NoLimit = False) -> None:
    """Write a page about the results, figures and tables.

    report.html opens in any browser, offline. It shows the fronts beside classical codecs that were measured on the
    same files, and beside published curves if the dataset has any; BD-rates; originals beside decoded signals; the
    hypervolume by training work; which parameters matter; and each signal's own results. The same is written as PNG and
    TSV files.

    Example: searchinr report runs/kodak
    """
    from searchinr.codecs.work import refuse_too_much
    from searchinr.engine.report.tables import front_table
    from searchinr.engine.results.opened import open_run
    from searchinr.engine.results.report import write_report

    approve = None if no_limit else refuse_too_much
    fronts, files = write_report(open_run(run), out, data, force=force, approve=approve)
    for found in fronts:
        print_table(front_table(found))
    for path in files:
        say(str(path))


def compare(
    first: Run,
    second: Annotated[Path, typer.Argument(metavar="RUN", help="Another, on the same signals.")],
    dataset: Dataset = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="A figure to write as well: .html or .png.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Lay the fronts of two runs over each other.

    The runs must be on the same signals. BD-rate says how many bits the second needs more than the first at equal
    quality. Both hypervolumes are measured from the reference point of the first run.

    Example: searchinr compare runs/tpe runs/random -o both.html
    """
    from searchinr.engine.report.comparison import comparison_json, comparison_table
    from searchinr.engine.report.more_figures import comparison_png
    from searchinr.engine.report.page import comparison_html
    from searchinr.engine.results.compare import compare as compare_runs
    from searchinr.engine.results.opened import open_run
    from searchinr.signals.files import check_output, write_file

    if out is not None:
        check_output(out, [".html", ".png"], force=force)
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
        float | None, typer.Option("--max-rate", metavar="R", help="The best quality at no more than this rate.")
    ] = None,
    quality: Annotated[
        float | None,
        typer.Option("--quality", metavar="Q", help="The lowest rate with a quality at least as good as this."),
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
    force: Force = False,
) -> None:
    """Write the config of an operating point, for `encode --config`.

    Give one of --max-rate, --quality, --min-psnr and --trial. Quality is PSNR, or the metric that the run has among its
    objectives instead. Without -o the config is printed. With --per-signal each signal gets a file, with the config of
    the operating point that is best for that signal, whether or not it is on the front. The commands that use the files
    are printed.

    Example: searchinr export runs/kodak --max-rate 0.5 -o best.yaml
    """
    from searchinr.engine.coding.config_file import dump_config
    from searchinr.engine.results.export import Criterion, best_config, export_configs
    from searchinr.engine.results.opened import open_run

    criterion = Criterion(max_rate, quality, min_psnr, trial, steps)
    opened = open_run(run)
    if out is None and not per_signal:
        typer.echo(dump_config(best_config(opened, dataset, criterion)), nl=False)
        return
    if out is None:
        raise UserError("export: --per-signal writes several files; name a folder for them with -o")
    written = export_configs(opened, dataset, criterion, out, per_signal=per_signal, data_dir=data, force=force)
    metric = opened.objectives.quality
    for each in written:
        found = each.config.provenance
        reached = metric.in_words(metric.text(found[metric.name]))
        figures = f"{found['rate']:.3f} {found['rate_unit']}, {reached}"
        say(f"{each.path}: trial {found['trial']}, {figures}")
        if each.asset is not None:
            say(f"{each.asset}: what decoding needs beside the files")
    for each in written:
        command = ["searchinr", "encode", str(each.signal or "SIGNAL"), "--config", str(each.path)]
        say(shlex.join([*command, *(["-o", str(each.path.with_suffix(".inr"))] if per_signal else [])]))


def ui(
    run: Run,
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Port on this machine.")] = 5000,
) -> int:
    """Open the run in MLflow's pages, on this machine only.

    The pages are served until Ctrl-C. Their address, which is a new one each time, lets whoever has it read and change
    them: other users of this machine do not get in without it.

    Example: searchinr ui runs/kodak
    """
    from searchinr.engine.tracking.server import mlflow_pages

    with mlflow_pages(run, port) as pages:
        say(f"MLflow: {pages.address} (Ctrl-C ends it)")
        for label, address in pages.fronts.items():
            say(f"front of {label}: {address}")
        sys.stdout.flush()
        pages.server.serve_forever()  # returns after Ctrl-C
    return OK
