"""Exports the best config of a run, or the best one for each signal, as files that `encode --config` takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchinr.engine.coding.config_file import EncodeConfig, dump_config
from searchinr.engine.results.opened import OpenedRun
from searchinr.engine.store.asset_files import asset_name, copy_asset
from searchinr.engine.store.run_folder import safe_name
from searchinr.errors import UserError
from searchinr.search.figures import Figures, SignalFigures
from searchinr.search.lines import Point
from searchinr.signals.datasets import files_here
from searchinr.signals.files import check_new, check_output, make_folder, write_file
from searchinr.space import PSNR, Metric

CONFIG_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Criterion:
    """The criterion by which a config is the best; exactly one of the first four is given.

    Attributes:
        max_rate: The best config has the best quality (see `Objectives.quality`) at no more than this rate.
        quality: The best config has the lowest rate with a quality that is at least as good as this one.
        min_psnr: The best config has the lowest rate with at least this PSNR.
        trial: The best config is that of this trial (a prefix of its name is enough).
        steps: Training length of that trial.
    """

    max_rate: float | None = None
    quality: float | None = None
    min_psnr: float | None = None
    trial: str | None = None
    steps: int | None = None

    def check(self) -> None:
        """Raises `UserError` unless exactly one criterion is given."""
        if [self.max_rate, self.quality, self.min_psnr, self.trial].count(None) != 3:
            raise UserError("export: give exactly one of --max-rate, --quality, --min-psnr and --trial")
        if self.steps is not None and self.trial is None:
            raise UserError("export: --steps goes with --trial; give --trial as well")


def best_config(run: OpenedRun, dataset: str | None, criterion: Criterion) -> EncodeConfig:
    """Finds the config that is best for a dataset, by the means over its signals.

    Args:
        run: The run.
        dataset: Label of the dataset; may be None if the run has only one.
        criterion: What is best. For a trial without `steps`, its longest training within the constraints is taken.

    Raises:
        UserError: Not exactly one criterion is given, or no point meets it.
    """
    criterion.check()
    label = _one_dataset(run, dataset)
    if criterion.trial is None:
        front = run.front(label)
        point = front.front[_best(front.front, criterion, run.objectives.quality, front.rate_unit)]
    else:
        point = max(_of_trial(run, label, criterion), key=lambda point: point.steps)
    return _config(run, point, point, {"signals": len(point.signals)})


def best_config_per_signal(run: OpenedRun, dataset: str | None, criterion: Criterion) -> dict[str, EncodeConfig]:
    """Finds the config that is best for each signal of a dataset, by the signal's own figures.

    Every operating point within the constraints is a candidate, since the best one for a signal need not be on the
    front, which is made of means.

    The arguments are those of `best_config`. For a trial without `steps`, the training with the signal's best quality
    is taken.

    Returns:
        Signal -> config, in the order of the dataset.

    Raises:
        UserError: As `best_config`, for one of the signals.
    """
    criterion.check()
    label = _one_dataset(run, dataset)
    if criterion.trial is None:
        points = [point for point in run.front(label).points if run.objectives.is_feasible(point)]
    else:
        points = _of_trial(run, label, criterion)
    configs = {}
    for place, name in enumerate(points[0].signals.names):  # all points have the same signals in the same order
        rows = [point.signals[place] for point in points]
        try:
            best = _best(rows, criterion, run.objectives.quality, points[0].rate_unit)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
        configs[name] = _config(run, points[best], rows[best], {"signal": name})
    return configs


@dataclass(frozen=True)
class Exported:
    """A config that was written.

    Attributes:
        path: The file of the config.
        config: The config.
        asset: The asset that decoding will need, copied beside the config; None if it needs none.
        signal: The file of the signal for which the config is best, or the signal's name if the file is not on this
            machine; None if the config is for all signals.
    """

    path: Path
    config: EncodeConfig
    asset: Path | None
    signal: Path | None = None


def export_configs(
    run: OpenedRun,
    dataset: str | None,
    criterion: Criterion,
    out: Path,
    *,
    per_signal: bool = False,
    data_dir: Path | None = None,
    force: bool = False,
) -> list[Exported]:
    """Writes the config that `best_config` finds, or those of `best_config_per_signal`, each with the asset it names.

    `out` is the file; with `per_signal` a folder, which is created if it does not exist. The signals' files are looked
    for in `data_dir`. Files that are there already are replaced with `force` alone.

    Raises:
        UserError: No point meets the criterion, or a file is there already or cannot be written; nothing was written.
    """
    if not per_signal:
        check_output(out, CONFIG_SUFFIXES, force=force)
        return [_write(run, best_config(run, dataset, criterion), out, force)]
    configs, label = best_config_per_signal(run, dataset, criterion), _one_dataset(run, dataset)
    files = files_here(run.entry(label), data_dir)
    if files:
        run.dataset(label, data_dir)  # which makes sure that the figures are those of these files
    make_folder(out)
    paths = {name: out / f"{safe_name(name)}.yaml" for name in configs}
    for path in paths.values():
        check_new(path, force=force)
    return [_write(run, config, paths[name], force, files.get(name, Path(name))) for name, config in configs.items()]


def _write(run: OpenedRun, config: EncodeConfig, path: Path, force: bool, signal: Path | None = None) -> Exported:
    kept = None if config.asset is None else run.folder.kept_assets / config.asset
    asset = None if kept is None else copy_asset(kept, path.parent, force=force)  # first, since it may refuse
    write_file(path, dump_config(config).encode())
    return Exported(path, config, asset, signal)


def _one_dataset(run: OpenedRun, dataset: str | None) -> str:
    labels = run.chosen(dataset)
    if len(labels) > 1:
        raise UserError(f"{run.folder.path}: has several datasets; choose one with --dataset: {', '.join(labels)}")
    return labels[0]


def _of_trial(run: OpenedRun, label: str, criterion: Criterion) -> list[Point]:
    """The points of the criterion's trial within the constraints; only those of its training length, if it has one."""
    trial = criterion.trial
    assert trial is not None
    points = [point for point in run.front(label).points if point.trial.startswith(trial)]
    names = {point.trial for point in points}
    if len(names) != 1:
        found = f"{len(names)} trials begin with it" if names else "no trial with an operating point has it"
        raise UserError(f"--trial {trial}: {found}; `searchinr front {run.folder.path}` lists those on the front")
    if criterion.steps is not None:
        lengths = ", ".join(str(point.steps) for point in points)
        points = [point for point in points if point.steps == criterion.steps]
        if not points:
            raise UserError(f"--steps {criterion.steps}: trial {names.pop()} was measured at {lengths} steps")
    feasible = [point for point in points if run.objectives.is_feasible(point)]
    if not feasible:
        raise UserError(f"--trial {trial}: breaks the constraints: {', '.join(run.objectives.broken(points[-1]))}")
    return feasible


def _best(rows: Sequence[Figures | SignalFigures], criterion: Criterion, quality: Metric, rate_unit: str) -> int:
    """The index of the row that is best by the criterion; for a trial, the row with the best quality."""

    def merit(place: int) -> tuple[float, float]:
        return quality.merit(rows[place]), -rows[place].rate

    if criterion.quality is not None:
        return _cheapest(rows, quality, criterion.quality, "--quality")
    if criterion.min_psnr is not None:
        return _cheapest(rows, PSNR, criterion.min_psnr, "--min-psnr")
    if criterion.max_rate is None:
        return max(range(len(rows)), key=merit)
    within = [place for place, row in enumerate(rows) if row.rate <= criterion.max_rate]
    if not within:
        found = f"the lowest rate found is {min(row.rate for row in rows):.3f} {rate_unit}"
        raise UserError(f"--max-rate {criterion.max_rate:g}: no point is that low; {found}")
    return max(within, key=merit)


def _cheapest(rows: Sequence[Figures | SignalFigures], metric: Metric, least: float, option: str) -> int:
    """The index of the row with the lowest rate among those that are at least as good by a metric."""
    merits = list(map(metric.merit, rows))
    good = [place for place, merit in enumerate(merits) if merit >= metric.sign * least]
    if not good:
        best = metric.text(metric.sign * max(merits))
        most = "highest" if metric.direction == "max" else "lowest"
        found = f"the {most} {metric.title} found is {best} {metric.unit}".rstrip()
        raise UserError(f"{option} {least:g}: no point is that good; {found}")
    return min(good, key=lambda place: (rows[place].rate, -merits[place]))


def _config(run: OpenedRun, point: Point, figures: Figures | SignalFigures, of: Mapping[str, Any]) -> EncodeConfig:
    """Makes a point's config, with the figures for which it was chosen and what these figures belong to."""
    return EncodeConfig(
        codec=point.config.codec,
        params=point.config.params,
        steps=point.steps,
        seed=point.seed,
        asset=None if point.decodes_with is None else asset_name(point.decodes_with),
        provenance={
            "run": str(run.folder.path),
            "dataset": point.dataset,
            "trial": point.trial,
            "rate": figures.rate,
            "rate_unit": point.rate_unit,
            "psnr_db": figures.psnr_db,
            **figures.metrics,
            **of,
        },
    )
