"""What stands between a network and the samples, where a sample is not simply the network's value at a point.

For most signals a point has coordinates and the network gives its values there. For others the network describes
something that samples are made of. In a radiance field the network gives density and colour in space, a point is a ray
of a camera, and its value is a pixel: the sum of the colours along the ray, weighted by what the densities let through.

    point (d) -> queries (q, d_in) -> network -> outputs (q, d_out) -> value (c)

Notation used for tensor shapes: B signals, m points, d coordinates of a point, q queries per point, c channels; d_in
coordinates of a query, d_out values that the network gives for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Observation(ABC):
    """How values of points are made of what a network gives, in training as in decoding.

    Both methods work with PyTorch and let gradients through. Decoded values must not depend on how points are cut into
    tiles, so each point's queries depend on that point alone.

    Attributes:
        outputs: d_out.
        queries_per_point: q. Work and memory of a point are q times those of the network at one place.
    """

    outputs: int
    queries_per_point: int

    @abstractmethod
    def queries(self, points: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Where the network is to be asked.

        Args:
            points: Coordinates of points, `(m, d)`, as `Modality.coordinates` gives them.
            rng: In training, for queries that are drawn anew in each step. None where the result must be repeatable:
                in decoding, and where states of a fit are compared.

        Returns:
            `(m * q, d_in)`, float32: the queries of the first point, then those of the second, ...
        """

    @abstractmethod
    def values(self, points: Tensor, queries: Tensor, outputs: Tensor) -> Tensor:
        """What is observed at points.

        Args:
            points: `(m, d)`.
            queries: What `queries` returned for them, `(m * q, d_in)`.
            outputs: What the network gives there, `(B, m * q, d_out)`, not clipped.

        Returns:
            `(B, m, c)`, nominally in [-1, 1], which stands for the samples' range.
        """


def observed(
    network: Callable[[Tensor], Tensor],
    observation: Observation | None,
    points: Tensor,
    rng: torch.Generator | None = None,
) -> Tensor:
    """Values of points `(m, d)`, `(B, m, c)`, whether or not something stands between them and the network.

    The network goes from places `(n, d_in)` to what is there, `(B, n, d_out)`; `rng` is that of `Observation.queries`.
    """
    if observation is None:
        return network(points)
    queries = observation.queries(points, rng)
    return observation.values(points, queries, network(queries))
