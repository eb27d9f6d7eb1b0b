"""Gathers everything that a run's report shows of its datasets, and writes the report."""

from pathlib import Path

from searchinr.codecs.work import Approve
from searchinr.engine.catalog import canonicalise
from searchinr.engine.report.baselines import cached_baselines
from searchinr.engine.report.decoded import decoded_signals
from searchinr.engine.report.front import FrontReport
from searchinr.engine.report.page import DatasetReport, report_html
from searchinr.engine.report.write import figure_files
from searchinr.engine.results.opened import OpenedRun
from searchinr.search.configs import ConfigSpace
from searchinr.search.importance import importance
from searchinr.signals.datasets import Dataset
from searchinr.signals.files import check_new, make_folder, write_file


def write_report(
    run: OpenedRun, out: Path | None, data_dir: Path | None, *, force: bool = False, approve: Approve | None = None
) -> tuple[list[FrontReport], list[Path]]:
    """Writes the page about a run's results, figures and tables.

    Without `out`, the report's folder has its usual place in the run folder, and replaces the report that is there.
    Elsewhere files that are there already are replaced with `force` alone. For `approve` see `codecs.registry.decode`.

    Returns:
        The fronts, and the files: the page, which needs none of the others, and figures and tables of each dataset.

    Raises:
        UserError: The run has no front yet, or a dataset or the folder cannot be used, or data have changed.
    """
    labels = run.chosen(None)
    folder = out or run.folder.report
    make_folder(folder)
    check_new(folder / "report.html", force=force or out is None)  # before classical codecs take minutes
    reports = [dataset_report(run, run.dataset(label, data_dir), folder, approve) for label in labels]
    page = report_html(str(run.folder.path), run.space.name, reports, several=len(labels) > 1)
    contents = {"report.html": page.encode()}
    for report in reports:
        contents |= figure_files(report)
    files = {folder / name: content for name, content in contents.items()}
    for path in files:
        check_new(path, force=force or out is None)
    for path, content in files.items():
        write_file(path, content)
    return [report.front for report in reports], list(files)


def dataset_report(run: OpenedRun, dataset: Dataset, cache: Path, approve: Approve | None = None) -> DatasetReport:
    """Gathers everything that is shown of a dataset. Classical codecs are measured once, which may take minutes.

    The run has a front of this dataset; the figures of the classical codecs are kept in the folder `cache`.
    """
    front = run.front(dataset.name, cached_baselines(dataset, cache))
    return DatasetReport(
        front,
        importance(front.points, ConfigSpace(run.space.codecs, canonicalise), run.objectives),
        decoded_signals(run.folder, front, dataset, approve),
        dataset.uncounted,
    )
