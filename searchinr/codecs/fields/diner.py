"""DINER: a table of learned coordinates before a small network (Xie et al. 2023, arXiv 2211.11871)."""

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
from pydantic import Field as Key
from torch import Tensor

from searchinr.codecs.bitstream.bits import ByteFloat
from searchinr.codecs.fields.contract import Between, Field, FieldParams, FieldShape, TensorSpec, unchanged
from searchinr.codecs.fields.layers import uniform
from searchinr.codecs.fields.shared_random import random_bits
from searchinr.codecs.fields.siren import Siren, SirenParams

_TABLE_BOUND = 1e-4


class DinerParams(FieldParams):
    """Parameters of DINER."""

    table_size_log2: int = Key(
        10,
        ge=4,
        le=24,
        description="table entries, as a power of two; a table never has more entries than the signal has points",
        json_schema_extra={"unit": "log2 entries"},
    )
    omega: ByteFloat = Key(
        30.0,
        description="frequency factor of every layer of the network behind the table",
        json_schema_extra={"unit": "rad"},
    )


class Diner(Field):
    """A SIREN to whose input coordinates learned table entries are added; entries start as 1e-4 U(-1, 1).

    In the paper, every grid point has an entry of its own, which replaces the coordinate; this costs two or more
    numbers per pixel. Here the table may be shorter, and points share entries by hashing. If an entry replaced the
    coordinates, points that share it could not be told apart; so it is added to them. If every point has an entry of
    its own, the sum can be any coordinate: this is the paper's method, except for the initial values.

    An entry belongs to a cell of the signal's own grid, whatever the resolution of the coordinates is.
    """

    name: ClassVar[str] = "diner"
    id: ClassVar[int] = 4
    lr_at_24: ClassVar[float] = Siren.lr_at_24
    Params: ClassVar[type[FieldParams]] = DinerParams
    params: DinerParams

    def __init__(self, shape: FieldShape, params: DinerParams) -> None:
        super().__init__(shape, params)
        self.entries = min(2**params.table_size_log2, math.prod(shape.cells))
        self._network = Siren(shape, SirenParams(omega_first=params.omega, omega=params.omega))

    def tensors(self) -> list[TensorSpec]:
        """See `Field.tensors`."""
        return [TensorSpec("table", (self.entries, self.shape.d_in), "table"), *self._network.tensors()]

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Field.init`."""
        return {"table": uniform(rng, (self.entries, self.shape.d_in), _TABLE_BOUND), **self._network.init(rng)}

    def entry_of(self, coords: Tensor) -> Tensor:
        """Finds the table entry of each coordinate: `(n, d_in)` -> `(n,)`, int64.

        The cells of the grid are numbered in row-major order. The number of the coordinate's cell is the entry if the
        table is long enough; otherwise it is hashed.
        """
        cell = torch.zeros(coords.shape[0], dtype=torch.int64, device=coords.device)
        for axis, (length, half) in enumerate(zip(self.shape.cells, self.shape.extent, strict=True)):
            # float64, since float32 cannot tell the cells of an axis with some million samples apart
            position = (coords[:, axis].double() / half + 1) * (length / 2)
            cell = cell * length + position.floor().long().clamp(0, length - 1)
        if self.entries == math.prod(self.shape.cells):
            return cell
        return random_bits(cell, self.params.table_size_log2)

    def layers(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Iterator[Tensor]:
        """See `Field.layers`."""
        table = weights["table"].mT  # (B, d_in, T): gathering along contiguous rows is 2-4 times as fast
        index = self.entry_of(coords).expand(table.shape[0], table.shape[1], -1)  # (B, d_in, n)
        yield from self._network.layers_on(coords + table.gather(2, index).mT, weights, between)

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`; a look-up does not count."""
        return self._network.macs_per_point()


FIELD = Diner
