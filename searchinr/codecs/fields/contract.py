"""The contract of a backbone: a network from coordinates to values, evaluated for many signals at once.

Notation used for tensor shapes:
    B: signals that are fitted together, each with weights of its own
    n: coordinates, shared by the B signals
    w: width
"""

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Self

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.fields.affine import affine
from searchinr.errors import InvalidFileError, UserError
from searchinr.space import Value, build_params

Role = Literal["first", "hidden", "bias", "last", "table"]
"""The purpose of a tensor: a first layer's inputs are coordinates, a last layer gives values, tables are looked up."""

Between = Callable[[int, Tensor], Tensor]
"""A function that changes activations between one layer and the next: `(layer, activations) -> activations`.

Layers are numbered from 0; the activations of the last nonlinear layer are changed before `Field.output` takes them.
The shapes are those that `Field.layers` yields.
"""


def unchanged(layer: int, hidden: Tensor) -> Tensor:
    """A `Between` that does nothing."""
    return hidden


class FieldParams(BaseModel):
    """Base of a backbone's own parameters: everything beyond depth and width."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class FieldShape:
    """The sizes from which every backbone is built.

    Attributes:
        d_in: Number of coordinates of a point.
        d_out: Number of values of a point.
        depth: Number of nonlinear layers, 1 or more (depth - 1 matrices are `width x width`).
        width: Number of channels of every hidden layer.
        cells: Number of cells into which tables and hash grids cut the domain along each coordinate, for example the
            `(height, width)` of the signal's own grid. Coordinates may come from a grid of another resolution.
        extent: Coordinates of axis `a` lie in `[-extent[a], extent[a]]`.
    """

    d_in: int
    d_out: int
    depth: int
    width: int
    cells: tuple[int, ...]
    extent: tuple[float, ...]


class TensorSpec(NamedTuple):
    """One weight tensor of one signal.

    Attributes:
        name: Key in the weight dictionaries.
        shape: Shape for one signal; the batched tensor is `(B, *shape)`.
        role: Purpose of the tensor. The first layer is more sensitive to quantisation than the others (ANI, table 4);
            biases of hidden layers (``"bias"``) have a wider range than weights, and there are few of them.
    """

    name: str
    shape: tuple[int, ...]
    role: Role


class Field(ABC):
    """A backbone. It holds only the architecture; the weights are passed in, so that one object serves B signals.

    Attributes:
        name: Name in space files.
        id: Number in `.inr` files (0 to 15), never reused.
        signed: Whether activations can be negative.
        lr_at_24: Adam's learning rate for the log-MSE loss at width 24, where the user gives none.
        Params: The backbone's own parameters; defaults are the published ones.
    """

    name: ClassVar[str]
    id: ClassVar[int]
    signed: ClassVar[bool] = True
    lr_at_24: ClassVar[float]
    Params: ClassVar[type[FieldParams]]

    def __init__(self, shape: FieldShape, params: FieldParams) -> None:
        self.shape, self.params = shape, params

    @classmethod
    def default_lr(cls, width: int) -> float:
        """Adam's learning rate for the log-MSE loss if the user gives none; it falls with the root of the width."""
        return cls.lr_at_24 * math.sqrt(24 / width)

    @abstractmethod
    def tensors(self) -> list[TensorSpec]:
        """The weights of one signal, in the order in which files hold them.

        The names of the last layer's tensors begin with ``out.``. This layer is linear in them: if they are multiplied
        by a factor, so are the values.
        """

    @abstractmethod
    def init(self, rng: torch.Generator) -> dict[str, Tensor]:
        """The published initialisation for one signal: `{spec.name: tensor of spec.shape}`, float32 on the CPU."""

    @abstractmethod
    def layers(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Iterator[Tensor]:
        """Computes the activations of each nonlinear layer, from the first to the last.

        Args:
            weights: `{name: (B, *shape)}` for every entry of `tensors()` except those of the last layer.
            coords: `(n, d_in)`, shared by all signals.
            between: Changes each layer's activations before they are yielded and the next layer takes them.

        Yields:
            The activations of one layer, which `output` takes. They have three axes; the first one is the signals'.
        """

    def output(self, weights: dict[str, Tensor], hidden: Tensor) -> Tensor:
        """Applies the last layer to the activations of one of the nonlinear layers.

        Args:
            weights: `out.weight` and `out.bias`, `(B, *shape)`.
            hidden: `(B, n, w)`, or activations of another shape if the backbone's `layers` yields such.

        Returns:
            `(B, n, d_out)`, nominally in [-1, 1] (not clipped).
        """
        return affine(hidden, weights["out.weight"], weights["out.bias"])

    def forward(self, weights: dict[str, Tensor], coords: Tensor, between: Between = unchanged) -> Tensor:
        """Computes the values at coordinates.

        Args:
            weights: `{name: (B, *shape)}` for every entry of `tensors()`.
            coords: `(n, d_in)`, shared by all signals.
            between: Changes each layer's activations, as in `layers`.

        Returns:
            `(B, n, d_out)`, nominally in [-1, 1] (not clipped).
        """
        [last] = deque(self.layers(weights, coords, between), maxlen=1)
        return self.output(weights, last)

    @abstractmethod
    def macs_per_point(self) -> int:
        """Multiply-accumulate operations of one forward pass at one coordinate of one signal."""

    def pack(self, out: Writer) -> None:
        """Writes the parameters that `forward` needs (not those that only shape the initialisation).

        By default these are all of them, and each is a byte: that of a `ByteFloat`, or a whole number.
        """
        for _, value in self.params:
            out.byte_float(value) if isinstance(value, float) else out.byte(value)

    @classmethod
    def unpack(cls, shape: FieldShape, reader: Reader) -> Self:
        """Makes the field whose parameters `pack` wrote; `InvalidFileError` if they are out of range."""
        fields = cls.Params.model_fields.items()
        return cls.of_file(
            shape, {key: reader.byte_float() if of.annotation is float else reader.byte() for key, of in fields}
        )

    @classmethod
    def of_file(cls, shape: FieldShape, params: Mapping[str, Value]) -> Self:
        """Makes the field with the parameters that a file claims; `InvalidFileError` if they are out of range."""
        try:
            return cls(shape, build_params(cls.Params, params))
        except UserError as error:
            found = str(error).replace("\n", "; ")
            raise InvalidFileError(f"the file claims a backbone {cls.name} with {found}: it is corrupt") from None
