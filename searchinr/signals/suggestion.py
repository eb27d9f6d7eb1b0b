"""What `encode` uses where no config is given: a start, which any search should beat."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

_DEPTH = 4
_MIN_WIDTH, _MAX_WIDTH = 8, 64


@dataclass(frozen=True)
class Suggestion:
    """A config.

    Attributes:
        codec: Name of the codec.
        steps: Training steps.
        params: Parameters of the codec by flat key; those left out have their defaults.
    """

    codec: str
    steps: int
    params: Mapping[str, bool | int | float | str] = field(default_factory=dict)


def sized_network(
    points: int,
    *,
    weights_per_point: float = 1 / 16,
    points_per_step: int = 20_000,
    steps: int = 1000,
    params: Mapping[str, bool | int | float | str] | None = None,
) -> Suggestion:
    """A network that grows with the signal, as far as about a minute on two cores suffices.

    Args:
        points: Of the signal.
        weights_per_point: Size of the network. At 8 bits a weight, these are the file's bytes per point.
        points_per_step: At most so many, so that a step takes as long for a large signal as for a small one.
        steps: Training steps.
        params: Parameters of codec `mlp` that differ from its own defaults.
    """
    width = round(math.sqrt(weights_per_point * points / (_DEPTH - 1)))
    return Suggestion(
        "mlp",
        steps,
        {
            "depth": _DEPTH,
            "width": min(max(width, _MIN_WIDTH), _MAX_WIDTH),
            "batch_fraction": min(1.0, points_per_step / points),
            **(params or {}),
        },
    )
