"""Opens a run folder for reading: its space, its ledger and its fronts."""

import re
from dataclasses import dataclass
from pathlib import Path

from searchinr.engine.catalog import read_space
from searchinr.engine.report.baselines import NO_BASELINES, Baselines
from searchinr.engine.report.front import FrontReport, collect_front, none_feasible
from searchinr.engine.report.published import published
from searchinr.engine.store.identity import read_identity
from searchinr.engine.store.run_folder import RunFolder
from searchinr.engine.store.stored_run import IDENTITY
from searchinr.errors import UserError
from searchinr.search.lines import Line, Point
from searchinr.search.objectives import Objectives
from searchinr.signals.datasets import Dataset, files_here, load_dataset
from searchinr.space import DatasetEntry, Space


@dataclass(frozen=True)
class OpenedRun:
    """A run as it is on record.

    Attributes:
        folder: The run folder.
        space: The space that was run.
        lines: The lines of the ledger.
        objectives: The objectives and constraints of the search.
    """

    folder: RunFolder
    space: Space
    lines: list[Line]
    objectives: Objectives

    @property
    def labels(self) -> list[str]:
        """Labels of the datasets."""
        return [entry.label for entry in self.space.datasets]

    def entry(self, label: str) -> DatasetEntry:
        """The dataset of this label, as the space names it."""
        return self.space.datasets[self.labels.index(label)]

    @property
    def content(self) -> dict[str, str]:
        """Label of a dataset -> the first digits of its key when the run began, from the head of the space as run."""
        head = re.search(rf"^{IDENTITY}\w+-(\S+)$", self.folder.space.read_text(encoding="utf-8"), re.MULTILINE)
        return {} if head is None else dict(zip(self.labels, head[1].split("-"), strict=False))

    def dataset(self, label: str, data_dir: Path | None) -> Dataset:
        """The signals of a dataset, which must be those that the run has measured.

        Raises:
            UserError: They cannot be read, or are others now; the message names the files.
        """
        entry = self.entry(label)
        dataset = load_dataset(entry, data_dir)
        if dataset.key.startswith(self.content.get(label, "")):
            return dataset
        identity, files = read_identity(self.folder.identity), files_here(entry, data_dir)
        changes = {} if identity is None else identity.changes(label, dataset)
        named = [f"{files.get(name, name)} {what}" for name, what in changes.items()] or ["its content has changed"]
        raise UserError(
            f"dataset {label}: not what {self.folder.path} has measured: {', '.join(named[:3])}"
            f"{f' (and {len(named) - 3} more)' * (len(named) > 3)}; restore it, or run on it with another --out"
        )

    def chosen(self, dataset: str | None) -> list[str]:
        """The dataset that is named or, for None, all datasets that have a front.

        Raises:
            UserError: There is no such dataset, no operating point at all, or none that meets the constraints.
        """
        points = self.points(dataset)
        if not points:
            raise UserError(f"{self.folder.path}: no operating point yet; let `searchinr run` go on first")
        with_front = {point.dataset for point in points if self.objectives.is_feasible(point)}
        if not with_front:
            raise UserError(f"{self.folder.path}: {none_feasible(points, self.objectives)}")
        return [label for label in self.labels if label in with_front]

    def points(self, dataset: str | None) -> list[Point]:
        """The operating points of one dataset or, for None, of all; `UserError` if there is no such dataset."""
        if dataset is not None and dataset not in self.labels:
            raise UserError(f"{self.folder.path}: no dataset {dataset!r}; it has {', '.join(self.labels)}")
        return [line for line in self.lines if isinstance(line, Point) and dataset in (None, line.dataset)]

    def front(self, label: str, baselines: Baselines = NO_BASELINES) -> FrontReport:
        """The front of one dataset, with classical codecs that were measured on it."""
        return collect_front(self.lines, label, self.objectives, baselines, published(self.entry(label)))


def open_run(path: Path) -> OpenedRun:
    """Reads a run folder; `UserError` if there is none or it is damaged."""
    folder = RunFolder.existing(path)
    space = read_space(folder.space)
    return OpenedRun(folder, space, folder.lines(), Objectives.of(space))
