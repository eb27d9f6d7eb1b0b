"""A run as Python sees it: its front and its points as frames, and its best configs."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from searchinr.engine.results.export import Criterion, best_config, export_configs
from searchinr.engine.results.opened import OpenedRun, open_run
from searchinr.engine.results.status import recorded
from searchinr.errors import UserError
from searchinr.space import SpaceError

if TYPE_CHECKING:
    import pandas as pd

FilePath = str | os.PathLike[str]


class Run:
    """What is on record of a search, at the moment when it was opened.

    >>> import numpy as np, searchinr
    >>> from PIL import Image
    >>> Image.fromarray(np.arange(384, dtype=np.uint16).reshape(16, 24).astype(np.uint8)).save("ramp.png")
    >>> space = {
    ...     "name": "tiny",
    ...     "datasets": [{"path": "ramp.png"}],
    ...     "reference_point": {"psnr_db": 8, "rate": 64},
    ...     "fidelity": {"min_steps": 20, "max_steps": 60, "reduction": 3},
    ...     "search": {"sampler": "random", "trials": 3},
    ...     "codecs": {"mlp": {"depth": 2, "width": {"choice": [6, 8, 12]}}},
    ... }
    >>> run = searchinr.search(space, debug=True)  # doctest: +ELLIPSIS
    tiny  runs/tiny
    ...
    >>> run
    Run('runs/tiny')
    >>> bool(run.front()["rate"].is_monotonic_increasing)
    True
    >>> int(run.points()["on_front"].sum()) == len(run.front())
    True
    >>> config = run.best(max_rate=64)
    >>> data = searchinr.encode("ramp.png", config)
    >>> round(searchinr.inspect(data)["rate"], 6) == round(config["provenance"]["rate"], 6)
    True

    Attributes:
        path: The run folder.
        datasets: Labels of the datasets.
    """

    def __init__(self, opened: OpenedRun) -> None:
        self._opened = opened
        self.path = opened.folder.path
        self.datasets = list(opened.labels)

    @classmethod
    def open(cls, path: Path) -> Self:
        """See `searchinr.open_run`."""
        return cls(open_run(path))

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def front(self, dataset: str | None = None) -> "pd.DataFrame":
        """The front: the operating points within the constraints that no other such point dominates.

        Args:
            dataset: The label of one dataset; None for all that have a front, one after the other.

        Returns:
            A row for each point, by rising rate: `dataset`, `trial`, `steps`, `rate`, `psnr_db`, ..., a column
            `params.NAME` for every parameter, and `confirmed.*` where points were fitted again with further seeds.

        Raises:
            UserError: There is no such dataset, or no front yet.
        """
        from searchinr.engine.results.frames import front_frame

        with python_words():
            return front_frame([self._opened.front(label) for label in self._opened.chosen(dataset)])

    def points(self, dataset: str | None = None, *, per_signal: bool = False) -> "pd.DataFrame":
        """All operating points, in the order in which they were measured.

        Args:
            dataset: The label of one dataset; None for all.
            per_signal: One row for each signal at each point, instead of their means.

        Returns:
            A row for each point, with the columns of `front`, and with `feasible` (it meets the constraints) and
            `on_front`. Per signal: `dataset`, `trial`, `rung`, `steps`, `name`, `bytes`, `rate`, `psnr_db`, ...
        """
        from searchinr.engine.results.frames import points_frame, signals_frame

        points = self._opened.points(dataset)
        return signals_frame(points) if per_signal else points_frame(points, self._opened.objectives)

    def best(
        self,
        *,
        max_rate: float | None = None,
        quality: float | None = None,
        min_psnr: float | None = None,
        trial: str | None = None,
        steps: int | None = None,
        dataset: str | None = None,
    ) -> dict[str, Any]:
        """The config that is best, as `encode` takes it. Give one of the first four.

        Args:
            max_rate: The best quality at no more than this rate.
            quality: The lowest rate with a quality at least as good as this: PSNR in dB, or the metric that the run has
                among its objectives instead.
            min_psnr: The lowest rate with at least this PSNR, in dB.
            trial: This trial, trained longest; the beginning of its name will do.
            steps: With `trial`: trained for so many steps instead.
            dataset: The label of one dataset, where the run has several.

        Returns:
            `codec`, `params`, `steps`, `seed`, `asset` if decoding needs one, and `provenance` with the figures.

        Raises:
            UserError: No point meets that.
        """
        with python_words():
            config = best_config(self._opened, dataset, Criterion(max_rate, quality, min_psnr, trial, steps))
        found = config.model_dump(exclude_none=True)
        if config.asset is not None:
            found["asset"] = str((self._opened.folder.kept_assets / config.asset).resolve())
        return found

    def export(
        self,
        out: FilePath,
        *,
        max_rate: float | None = None,
        quality: float | None = None,
        min_psnr: float | None = None,
        trial: str | None = None,
        steps: int | None = None,
        dataset: str | None = None,
        per_signal: bool = False,
        data: FilePath | None = None,
        force: bool = False,
    ) -> list[Path]:
        """Writes the config that is best as a YAML file, and beside it the asset that it needs.

        Args:
            out: The file; with `per_signal` a folder.
            max_rate: See `best`.
            quality: See `best`.
            min_psnr: See `best`.
            trial: See `best`.
            steps: See `best`.
            dataset: See `best`.
            per_signal: One config for each signal, by its own figures.
            data: Where the signals' files are looked for.
            force: Whether files that are there already may be replaced.

        Returns:
            The config files.

        Raises:
            UserError: No point meets that, or a file cannot be written.
        """
        criterion = Criterion(max_rate, quality, min_psnr, trial, steps)
        folder = None if data is None else Path(data)
        with python_words():
            written = export_configs(
                self._opened, dataset, criterion, Path(out), per_signal=per_signal, data_dir=folder, force=force
            )
        return [each.path for each in written]

    @property
    def failures(self) -> dict[str, str]:
        """Why trials failed, by trial."""
        return {trial: reason for row in recorded(self._opened) for trial, reason in row["failures"].items()}


@contextmanager
def python_words() -> Iterator[None]:
    """Errors name options as the command line does; here they are arguments."""
    try:
        yield
    except UserError as error:
        if isinstance(error, SpaceError):  # which speaks of keys, not of options
            raise
        text = re.sub(r"--([a-z][a-z-]*)", lambda option: f"`{option[1].replace('-', '_')}`", str(error))
        if text == str(error):
            raise
        raise type(error)(text) from error
