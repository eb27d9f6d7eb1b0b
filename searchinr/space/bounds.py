"""Bounds on measured figures, as a space file writes them: `<= 2000`, `>= 0.95`."""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer

from searchinr.space.problems import refused, shown

_WRITTEN = re.compile(r"(<=|>=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


@dataclass(frozen=True)
class Bound:
    """A limit that a figure must not pass.

    Attributes:
        sense: Whether the figure has to be at most or at least the limit.
        limit: The limit in the figure's own unit.
    """

    sense: Literal["<=", ">="]
    limit: float

    def __str__(self) -> str:
        """The bound as a space file writes it."""
        return f"{self.sense} {repr(self.limit).removesuffix('.0')}"

    def excess(self, value: float) -> float:
        """How far a value is beyond the limit, as a fraction of it (of 1 if it is 0); 0 or less if it is within."""
        beyond = value - self.limit if self.sense == "<=" else self.limit - value
        return beyond / (abs(self.limit) or 1.0)


def _parse(given: object) -> object:
    if isinstance(given, Bound):
        return given
    written = _WRITTEN.fullmatch(given.strip()) if isinstance(given, str) else None
    if written is None or not math.isfinite(float(written[2])):
        raise refused(f"found {shown(given)}; allowed '<= NUMBER' or '>= NUMBER', e.g. '<= 2000'")
    return Bound("<=" if written[1] == "<=" else ">=", float(written[2]))


WrittenBound = Annotated[Bound, BeforeValidator(_parse), PlainSerializer(str)]
"""The type of a field of a pydantic model that holds a `Bound`."""
