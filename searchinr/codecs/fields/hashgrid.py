"""Hash grids: features interpolated in tables of many resolutions, and ReLU layers (Instant-NGP, arXiv 2201.05989)."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, ClassVar, Self

import torch
from pydantic import Field as Key
from torch import Tensor

from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.fields.contract import Between, FieldParams, FieldShape, Role, TensorSpec, unchanged
from searchinr.codecs.fields.grid_levels import MAX_AXES, GridLevels
from searchinr.codecs.fields.interpolation import gather
from searchinr.codecs.fields.layers import pytorch_init, uniform
from searchinr.codecs.fields.perceptron import Perceptron
from searchinr.errors import InvalidFileError

MIN_TABLE_LOG2, MAX_TABLE_LOG2 = 4, 24
MAX_LEVELS, MAX_FEATURES = 32, 16
MIN_RESOLUTION, MAX_RESOLUTION = 2, 2**20
_TABLE_BOUND = 1e-4


TableSizeLog2 = Annotated[
    int,
    Key(
        ge=MIN_TABLE_LOG2,
        le=MAX_TABLE_LOG2,
        description="most entries of a level, as a power of two; a grid with fewer vertices has one for each",
        json_schema_extra={"unit": "log2 entries"},
    ),
]
Levels = Annotated[int, Key(ge=1, le=MAX_LEVELS, description="resolutions", json_schema_extra={"unit": "levels"})]
MinResolution = Annotated[
    int,
    Key(
        ge=MIN_RESOLUTION,
        le=MAX_RESOLUTION,
        description="vertices of the coarsest level along the signal's longest axis",
        json_schema_extra={"unit": "vertices"},
    ),
]
MaxResolution = Annotated[
    int | None,
    Key(
        ge=MIN_RESOLUTION,
        le=MAX_RESOLUTION,
        description="vertices of the finest level; left out, as many as the longest axis has samples",
        json_schema_extra={"unit": "vertices"},
    ),
]


class HashgridParams(FieldParams):
    """Parameters of the hash grid."""

    table_size_log2: TableSizeLog2 = 11
    levels: Levels = 16
    features: int = Key(
        2, ge=1, le=MAX_FEATURES, description="numbers per entry", json_schema_extra={"unit": "features"}
    )
    min_resolution: MinResolution = 16
    max_resolution: MaxResolution = None


class Hashgrid(Perceptron):
    """ReLU layers on the concatenated features of all levels; table entries start as 1e-4 U(-1, 1).

    The layers start as in PyTorch. If the finest level would be coarser than the coarsest, all are as coarse as that.
    """

    name: ClassVar[str] = "hashgrid"
    id: ClassVar[int] = 7
    signed: ClassVar[bool] = False
    lr_at_24: ClassVar[float] = 1e-2
    Params: ClassVar[type[FieldParams]] = HashgridParams
    params: HashgridParams
    first: Role = "hidden"

    def __init__(self, shape: FieldShape, params: HashgridParams) -> None:
        super().__init__(shape, params)
        if shape.d_in > MAX_AXES:
            raise ValueError(f"{shape.d_in} coordinates found; hash grids have at most {MAX_AXES}")
        finest = params.max_resolution or min(max(shape.cells), MAX_RESOLUTION)
        self.params = params.model_copy(update={"max_resolution": max(finest, params.min_resolution)})

    @cached_property
    def grid(self) -> GridLevels:
        """The levels of the grid."""
        assert self.params.max_resolution is not None
        return GridLevels.geometric(
            self.shape.extent,
            levels=self.params.levels,
            table_size=2**self.params.table_size_log2,
            min_resolution=self.params.min_resolution,
            max_resolution=self.params.max_resolution,
        )

    @property
    def inputs(self) -> int:
        """The number of features that a point has in all levels together."""
        return self.params.levels * self.params.features

    def tensors(self) -> list[TensorSpec]:
        """See `Field.tensors`; the inputs of the first layer are features, not coordinates."""
        return [TensorSpec("table", (self.grid.entries, self.params.features), "table"), *self.network_tensors()]

    def network_tensors(self) -> list[TensorSpec]:
        """All tensors except the table."""
        return super().tensors()

    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Field.init`."""
        table = uniform(rng, (self.grid.entries, self.params.features), _TABLE_BOUND)
        return {"table": table, **pytorch_init(self.network_tensors(), rng)}

    def layers(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Iterator[Tensor]:
        """See `Field.layers`."""
        return self.layers_on(gather(self.grid, weights["table"], coords), weights, between)  # of (B, n, inputs)

    def network(self, weights: dict[str, Tensor], features: Tensor) -> Tensor:
        """Computes the values that `forward` gives, from features that have been interpolated already.

        Args:
            weights: The weights that `forward` takes; the table is not used.
            features: `(B, inputs, n)`: points come last, since this layout is fastest on a CPU.

        Returns:
            `(B, c, n)`.
        """
        hidden = features
        for layer in range(self.shape.depth):
            hidden = _affine_of_rows(hidden, weights, f"layer{layer}").relu_()
        return _affine_of_rows(hidden, weights, "out")

    def macs_per_point(self) -> int:
        """See `Field.macs_per_point`; every feature is interpolated between 2**d vertices."""
        return (self.inputs << self.shape.d_in) + super().macs_per_point()

    def pack(self, out: Writer) -> None:
        """See `Field.pack`; it writes four bytes, and one more for each resolution above 127."""
        assert self.params.max_resolution is not None
        packed = self.params.table_size_log2 << 9 | (self.params.levels - 1) << 4 | (self.params.features - 1)
        out.data += packed.to_bytes(2, "big")
        out.varint(self.params.min_resolution)
        out.varint(self.params.max_resolution)

    @classmethod
    def unpack(cls, shape: FieldShape, reader: Reader) -> Self:
        """See `Field.unpack`."""
        packed = int.from_bytes(reader.take(2), "big")
        size, levels, features = packed >> 9, (packed >> 4) % MAX_LEVELS + 1, packed % MAX_FEATURES + 1
        coarsest, finest = reader.varint(), reader.varint()
        if coarsest > finest:
            raise InvalidFileError(f"the file claims grids of {coarsest} to {finest} vertices: it is corrupt")
        if shape.d_in > MAX_AXES:
            raise InvalidFileError(f"the file claims a hash grid of {shape.d_in} axes: at most {MAX_AXES} are allowed")
        params = {"table_size_log2": size, "levels": levels, "features": features}
        return cls.of_file(shape, {**params, "min_resolution": coarsest, "max_resolution": finest})


def _affine_of_rows(inputs: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    """Applies an affine map of its own to each signal, `(B, d, n)` -> `(B, w, n)`."""
    return torch.baddbmm(weights[f"{name}.bias"].unsqueeze(2), weights[f"{name}.weight"].mT, inputs)


FIELD = Hashgrid
