"""Operating points as pandas frames."""

import itertools
from collections.abc import Sequence
from typing import Any

import pandas as pd

from searchinr.engine.report.front import FrontReport
from searchinr.search.front import Front
from searchinr.search.lines import Point
from searchinr.search.objectives import Objectives

_WHICH = ("dataset", "trial", "rung", "steps")
_ABOUT = ("seed", "init", "modality", "rate", "rate_unit", "psnr_db", "psnr_of_mean_mse_db")
_FURTHER = ("decode_macs_per_sample", "decodes_with", "mean_bytes")


def front_frame(reports: Sequence[FrontReport]) -> pd.DataFrame:
    """Makes a row for each point of the fronts of several datasets, dataset after dataset, by rising rate.

    The columns are those of `points_frame`. If points were confirmed, there are `confirmed.seeds`, `.failed`,
    `.psnr_db.mean`, `.psnr_db.std` (or those of another metric that was searched), `.rate.mean` and `.rate.std` as
    well, which count only the further seeds.
    """
    return pd.DataFrame.from_records(
        [
            _row(point) | ({f"confirmed.{key}": value for key, value in confirmed.flat().items()} if confirmed else {})
            for report in reports
            for point, confirmed in zip(report.front, report.confirmed, strict=True)
        ]
    )


def points_frame(points: Sequence[Point], objectives: Objectives) -> pd.DataFrame:
    """Makes a row for each operating point, in the order in which they were measured.

    Returns:
        `dataset`, `trial`, `rung`, `steps`, `codec`, `seed`, ... as in the ledger; `mean_bytes`; `cost.macs` and
        `cost.train_s`; a column `params.NAME` for every parameter that any point has; `feasible`, which tells whether
        the point meets the constraints; `on_front`.
    """
    feasible = [objectives.is_feasible(point) for point in points]
    fronts: dict[str, Front[Point]] = {}
    for point in itertools.compress(points, feasible):
        fronts.setdefault(point.dataset, Front(objectives)).add(point, objectives.vector(point))
    on_front = {id(point) for front in fronts.values() for point in front.points}
    frame = pd.DataFrame.from_records(list(map(_row, points)), columns=None if points else [*_WHICH, "codec", *_ABOUT])
    return frame.assign(feasible=feasible, on_front=[id(point) in on_front for point in points])


def signals_frame(points: Sequence[Point]) -> pd.DataFrame:
    """Makes a row for each signal at each operating point.

    Returns:
        `dataset`, `trial`, `rung` and `steps` of the point, and `name`, `bytes`, `rate`, `psnr_db`, further metrics,
        `encode_s`, `decode_s` and `sha256` of the signal.
    """
    if not points:
        return pd.DataFrame(columns=[*_WHICH, "name", "bytes", "rate", "psnr_db"])
    return pd.concat(
        [pd.DataFrame({**_fields(point, _WHICH), **point.signals.columns()}) for point in points], ignore_index=True
    )


def _row(point: Point) -> dict[str, Any]:
    return {
        **_fields(point, _WHICH),
        "codec": point.config.codec,
        **_fields(point, _ABOUT),
        **point.metrics,
        **{key: value for key, value in _fields(point, _FURTHER).items() if value is not None},
        **{f"cost.{key}": value for key, value in vars(point.cost).items()},
        **{f"params.{key}": value for key, value in point.config.params.items()},
    }


def _fields(point: Point, keys: Sequence[str]) -> dict[str, Any]:
    return {key: getattr(point, key) for key in keys}
