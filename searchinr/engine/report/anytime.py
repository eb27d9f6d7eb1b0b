"""The front as it grew: what it was worth after each result, and what fitting work had been spent by then."""

from dataclasses import dataclass

from searchinr.search.front import Front
from searchinr.search.lines import AssetBuilt, Point
from searchinr.search.objectives import Objectives


@dataclass(frozen=True)
class Moment:
    """The state right after a result.

    Attributes:
        points: Operating points so far.
        macs: Multiply-accumulates of training behind them, over all signals and trials, and of the assets that trials
            share. What failed, or was done twice because a worker died, is not on record; confirmations (and assets
            that only they need) come after the search and are not counted.
        hypervolume: Of the front, see `Objectives.hypervolume`.
        front_points: Points on the front.
    """

    points: int
    macs: float
    hypervolume: float
    front_points: int


class Anytime:
    """Follows the front of one dataset. A result costs time in the size of the front, not in the number of results.

    Attributes:
        front: As it is now.
    """

    def __init__(self, objectives: Objectives) -> None:
        """Nothing measured yet."""
        self.front: Front[Point] = Front(objectives)
        self._objectives = objectives
        self._macs_of_trial: dict[str, float] = {}
        self._macs = 0.0
        self._points = 0

    def spend(self, asset: AssetBuilt) -> None:
        """Takes the next asset of the ledger: work whose fruits are the points to come."""
        if not asset.confirms:
            self._macs += asset.cost.macs

    def add(self, point: Point) -> Moment:
        """Takes the next operating point of the ledger."""
        trial, macs = point.trial, point.cost.macs
        self._macs += macs - self._macs_of_trial.get(trial, 0.0)  # a point's own figure includes its earlier rungs
        self._macs_of_trial[trial] = macs
        self._points += 1
        if self._objectives.is_feasible(point):
            self.front.add(point, self._objectives.vector(point))
        return Moment(self._points, self._macs, self.front.hypervolume, len(self.front.points))
