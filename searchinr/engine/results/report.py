"""A run's report: gathers everything that is shown of a dataset."""

from pathlib import Path

from searchinr.engine.catalog import canonicalise
from searchinr.engine.report.baselines import cached_baselines
from searchinr.engine.report.decoded import decoded_signals
from searchinr.engine.report.page import DatasetReport
from searchinr.engine.results.opened import OpenedRun
from searchinr.search.configs import ConfigSpace
from searchinr.search.importance import importance
from searchinr.signals.datasets import Dataset


def dataset_report(run: OpenedRun, dataset: Dataset, cache: Path) -> DatasetReport:
    """Everything that is shown of a dataset. Measuring classical codecs for the first time may take minutes.

    Args:
        run: The run; the dataset has a front.
        dataset: The signals.
        cache: The folder where the figures of the classical codecs are kept.
    """
    front = run.front(dataset.name, cached_baselines(dataset, cache))
    return DatasetReport(
        front,
        importance(front.points, ConfigSpace(run.space.codecs, canonicalise), run.objectives),
        decoded_signals(run.folder, front, dataset),
    )
