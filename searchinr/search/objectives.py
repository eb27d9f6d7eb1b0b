"""What the search optimises: turns the figures of a point into a vector whose entries are all minimised."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from searchinr.errors import UserError
from searchinr.search import pareto
from searchinr.search.figures import Figures
from searchinr.space import OF_FILES, PSNR, STANDARD, Bound, Direction, Metric, Space


class Objectives:
    """The objectives of a search and its constraints, and the geometry of its front.

    Attributes:
        names: The objectives, in the order of the space file; the k axes of every vector.
        reference_point: Objective -> the worst value that counts, in the objective's own unit.
        reference: `(k,)`: the reference point as a vector.
        constraints: Figure -> the bound that a point on the front must meet.
    """

    def __init__(
        self,
        directions: Mapping[str, Direction],
        reference_point: Mapping[str, float],
        constraints: Mapping[str, Bound] | None = None,
        metrics: Mapping[str, Metric] = STANDARD,
    ) -> None:
        """Makes the objectives of a search.

        Args:
            directions: ``"max"`` or ``"min"`` for each of ``psnr_db`` (dB), ``rate`` (the modality's unit),
                ``encode_s``, ``decode_s`` (seconds, mean over signals), and further metrics such as ``ssim``.
            reference_point: A value for each objective, in the same units. Points that are worse in any objective add
                nothing to the hypervolume.
            constraints: Bounds by the name of a figure: a possible objective or ``decode_macs_per_sample``. A point
                that breaks a bound is not on the front.
            metrics: The metrics that can be named, each with the axis on which its differences are compared.
        """
        self._metrics = metrics
        self.names = tuple(directions)
        self.constraints = dict(constraints or {})
        self.reference_point = {name: reference_point[name] for name in self.names}
        self._signs = {name: -1.0 if direction == "max" else 1.0 for name, direction in directions.items()}
        self.reference: NDArray[np.float64] = np.array(
            [self._place(name, reference_point[name]) for name in self.names]
        )

    @classmethod
    def of(cls, space: Space) -> "Objectives":
        """The objectives and constraints of a space."""
        return cls(space.objectives, space.reference_point, space.constraints, space.metrics)

    @property
    def quality(self) -> Metric:
        """The metric of decoded signals that fronts are drawn, compared and exported by, against the rate.

        It is PSNR if that is an objective, or if no objective says how good decoded signals are. Otherwise it is the
        first objective that does.
        """
        own = [name for name in self.names if name not in OF_FILES]
        return PSNR if not own or PSNR.name in own else self._metrics[own[0]]

    def vector(self, point: Figures) -> NDArray[np.float64]:
        """The places of a point on the axes of its metrics (rates as log2), each oriented so that less is better.

        Args:
            point: The figures of the point.

        Returns:
            `(k,)`: PSNR in -dB, rate in octaves, seconds in octaves.

        Raises:
            UserError: The figure of an objective was not measured (such as the SSIM of audio).
            ValueError: A figure is NaN, or a rate or time is not positive.
        """
        return np.array([self._place(name, self._figure(name, point)) for name in self.names])

    def vectors(self, points: Sequence[Figures]) -> NDArray[np.float64]:
        """The vectors of n points, `(n, k)`."""
        return np.array([self.vector(point) for point in points]).reshape(len(points), len(self.names))

    def excess(self, point: Figures) -> NDArray[np.float64]:
        """How far a point is beyond the limit of each constraint, `(c,)`, as a fraction of it; 0 or less is within.

        Raises:
            UserError: A constrained figure was not measured.
        """
        return np.array([bound.excess(self._figure(name, point)) for name, bound in self.constraints.items()])

    def is_feasible(self, point: Figures) -> bool:
        """Whether a point meets every constraint."""
        return bool((self.excess(point) <= 0).all())

    def violation(self, point: Figures) -> float:
        """By how much a point breaks the constraints, summed over all of them; 0 if it meets every one."""
        return float(np.maximum(self.excess(point), 0.0).sum())

    def broken(self, point: Figures) -> list[str]:
        """The constraints that a point breaks, in words: ``"decode_macs_per_sample is 2304, allowed <= 2000"``."""
        return [
            f"{name} is {self._figure(name, point):.6g}, allowed {bound}"
            for (name, bound), excess in zip(self.constraints.items(), self.excess(point), strict=True)
            if excess > 0
        ]

    def hypervolume(self, points: Sequence[Figures]) -> float:
        """The volume that the feasible points dominate, up to the reference point.

        For ``psnr_db`` and ``rate`` the unit is dB x octaves: 1 dB more PSNR over a range of 1:2 in rate adds 1.
        """
        return pareto.hypervolume(self.vectors(list(filter(self.is_feasible, points))), self.reference)

    def front(self, points: Sequence[Figures]) -> list[int]:
        """Indices of the feasible points that no other feasible point dominates, by ascending rate."""
        feasible = [index for index, point in enumerate(points) if self.is_feasible(point)]
        mask = pareto.front_mask(self.vectors([points[index] for index in feasible]))
        on_front = [feasible[position] for position in np.flatnonzero(mask)]
        return sorted(on_front, key=lambda index: points[index].rate)

    def _place(self, name: str, value: float) -> float:
        """A figure's place on its axis, oriented so that less is better."""
        try:
            place = self._signs[name] * self._metrics[name].place(value)
        except ValueError:
            raise ValueError(f"{name} must be above 0, not {value}") from None
        if math.isnan(place):
            raise ValueError(f"{name} is NaN")
        return place

    def _figure(self, name: str, point: Figures) -> float:
        value = point.figure(name)
        if value is None:
            where = "objectives" if name in self.names else "constraints"
            raise UserError(
                f"{where}: {name!r} is not measured for {point.modality}; "
                f"choose among {', '.join(figure for figure in self._metrics if figure != name)}"
            )
        return value
