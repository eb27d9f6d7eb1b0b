"""Bit-widths of weights, by the role of their tensor."""

from typing import NamedTuple

from searchinr.codecs.fields.contract import Role
from searchinr.codecs.params.network_params import FP16, NetworkParams


class BitWidths(NamedTuple):
    """The bit-widths of weights, by the role of their tensor.

    Attributes:
        weight_bits: Bits for weights between hidden layers, and for look-up tables.
        edge_bits: Bits for the first layer and for biases of hidden layers, which are few and have a wide range.
        last_bits: Bits for the last layer.
    """

    weight_bits: int
    edge_bits: int
    last_bits: int

    def of(self, role: Role) -> int:
        """The bit-width of a tensor with this role."""
        return {"first": self.edge_bits, "bias": self.edge_bits, "last": self.last_bits}.get(role, self.weight_bits)


def bit_widths(params: NetworkParams) -> BitWidths:
    """The bit-widths that a codec's parameters ask for."""
    if params.quantizer == FP16:
        return UNQUANTISED
    assert params.last_bits is not None  # validation has filled it in
    return BitWidths(params.weight_bits, params.edge_bits, params.last_bits)


UNQUANTISED = BitWidths(0, 0, 0)
"""The value that stands for the bit-widths if there is no quantiser."""
