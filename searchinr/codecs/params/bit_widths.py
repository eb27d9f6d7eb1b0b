"""Bit-widths of weights, by what their tensor is for."""

from typing import NamedTuple

from searchinr.codecs.fields.contract import Role
from searchinr.codecs.params.network_params import NetworkParams


class BitWidths(NamedTuple):
    """The bit-widths of weights, by what their tensor is for.

    Attributes:
        weight_bits: For weights between hidden layers, and for look-up tables.
        edge_bits: For the first layer, and for biases of hidden layers, which are few and range wider than weights.
        last_bits: For the last layer.
    """

    weight_bits: int
    edge_bits: int
    last_bits: int

    def of(self, role: Role) -> int:
        """The bit-width of a tensor with this role."""
        return {"first": self.edge_bits, "bias": self.edge_bits, "last": self.last_bits}.get(role, self.weight_bits)


def bit_widths(params: NetworkParams) -> BitWidths:
    """The bit-widths that a codec's parameters ask for; only where they name a quantiser."""
    assert params.last_bits is not None  # left out, it was filled in
    return BitWidths(params.weight_bits, params.edge_bits, params.last_bits)


UNQUANTISED = BitWidths(0, 0, 0)
"""What stands in the place of bit-widths where there is no quantiser."""
