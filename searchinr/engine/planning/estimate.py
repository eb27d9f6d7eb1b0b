"""Estimates with their spread, and what became of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from searchinr.search.lines import Confirmation, Line, Point

_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Estimate:
    """An estimated quantity: that one in ten simulations stayed below, half of them did, and nine in ten did."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Estimate":
        """The quantiles of what the simulations say."""
        return cls(*(float(value) for value in np.quantile(values, _QUANTILES)))

    def times(self, factor: float) -> "Estimate":
        """The estimate in another unit."""
        return Estimate(self.low * factor, self.median * factor, self.high * factor)

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def fit_hours(lines: Sequence[Line]) -> float:
    """Hours of training that a ledger has on record, added up over fits; of failed ones what they had measured."""
    longest: dict[str, float] = {}
    for line in lines:
        if isinstance(line, Point | Confirmation):
            longest[line.fit_name] = max(longest.get(line.fit_name, 0.0), line.cost.train_s)
    return sum(longest.values()) / 3600


def compared_with_plan(plan: Path, lines: Sequence[Line]) -> str | None:
    """What was estimated and what it took, in a line; None where no plan was made.

    Args:
        plan: Where `searchinr plan` leaves its estimate.
        lines: The ledger.
    """
    try:
        estimate = Estimate(**json.loads(plan.read_bytes())["fit_hours"])
    except (OSError, ValueError, KeyError, TypeError):  # none, or somebody's own file
        return None
    took = fit_hours(lines)
    return f"estimated {estimate} hours of training in all; it took {took:.3g}"
