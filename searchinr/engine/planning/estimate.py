"""Estimates with their spread, and their comparison with what a run took."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from searchinr.search.lines import Confirmation, Line, Point

_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Estimate:
    """An estimated quantity, as the values below which one in ten, half and nine in ten of the simulations stayed."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Estimate":
        """Makes an estimate from the quantiles of simulated values."""
        return cls(*(float(value) for value in np.quantile(values, _QUANTILES)))

    def times(self, factor: float) -> "Estimate":
        """The estimate multiplied by a factor, for example into another unit."""
        return Estimate(self.low * factor, self.median * factor, self.high * factor)

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def fit_hours(lines: Sequence[Line]) -> float:
    """Hours of training on record in a ledger, summed over fits; failed fits count up to their last measurement."""
    longest: dict[str, float] = {}
    for line in lines:
        if isinstance(line, Point | Confirmation):
            longest[line.fit_name] = max(longest.get(line.fit_name, 0.0), line.cost.train_s)
    return sum(longest.values()) / 3600


def compared_with_plan(plan: Path, lines: Sequence[Line]) -> str | None:
    """A line that compares the estimate that a plan has left with what the run took; None if there is no plan."""
    try:
        estimate = Estimate(**json.loads(plan.read_bytes())["fit_hours"])
    except (OSError, ValueError, KeyError, TypeError):  # there is no plan, or the file is not ours
        return None
    took = fit_hours(lines)
    return f"estimated {estimate} hours of training in all; it took {took:.3g}"
