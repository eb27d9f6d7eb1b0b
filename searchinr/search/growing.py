"""An array that grows row by row."""

import numpy as np
from numpy.typing import NDArray


class GrowingRows:
    """Rows of float64 that are appended one at a time. Room is doubled when it is full: a row costs O(1) on average."""

    def __init__(self) -> None:
        self._room: NDArray[np.float64] = np.empty((0, 0))
        self._count = 0

    def append(self, row: NDArray[np.float64]) -> None:
        """Adds a row, `(k,)`; the first row sets k."""
        if self._count == len(self._room):
            room = np.empty((max(16, 2 * self._count), len(row)))
            room[: self._count] = self._room.reshape(self._count, len(row))
            self._room = room
        self._room[self._count] = row
        self._count += 1

    @property
    def rows(self) -> NDArray[np.float64]:
        """All rows, `(n, k)`, as a view that is valid until the next `append`."""
        return self._room[: self._count]
