"""The growth of a front: its hypervolume after each result, and the fitting work that had been spent by then."""

from dataclasses import dataclass

from searchinr.search.front import Front
from searchinr.search.lines import AssetBuilt, Point
from searchinr.search.objectives import Objectives


@dataclass(frozen=True)
class Moment:
    """The state right after a result.

    Attributes:
        points: Number of operating points so far.
        macs: Multiply-accumulates of their training, over all signals and trials, and of the assets that trials share.
            Work that failed, or was done twice because a worker died, is not on record. Confirmations (and assets that
            only they need) come after the search and are not counted.
        hypervolume: Hypervolume of the front, see `Objectives.hypervolume`.
        front_points: Number of points on the front.
    """

    points: int
    macs: float
    hypervolume: float
    front_points: int


class Anytime:
    """Follows the front of one dataset. The time for a result grows with the size of the front, not with all results.

    Attributes:
        front: The front as it is now.
    """

    def __init__(self, objectives: Objectives) -> None:
        """Starts with no result."""
        self.front: Front[Point] = Front(objectives)
        self._objectives = objectives
        self._macs_of_trial: dict[str, float] = {}
        self._macs = 0.0
        self._points = 0

    def spend(self, asset: AssetBuilt) -> None:
        """Takes the next asset of the ledger, whose work counts for the points that follow."""
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
