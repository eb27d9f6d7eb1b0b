"""Bit-widths of weights, by what their tensor is for."""

from typing import NamedTuple

from searchinr.codecs.fields.contract import Role
from searchinr.codecs.params.network_params import NetworkParams


class BitWidths(NamedTuple):
    """How many bits weights have.

    Attributes:
        weight_bits: Of weights between hidden layers, and in look-up tables.
        edge_bits: In the first layer, and of biases between hidden layers: few numbers, of a wider range than weights.
        last_bits: In the last layer.
    """

    weight_bits: int
    edge_bits: int
    last_bits: int

    def of(self, role: Role) -> int:
        """Of a tensor of this role."""
        return {"first": self.edge_bits, "bias": self.edge_bits, "last": self.last_bits}.get(role, self.weight_bits)


def bit_widths(params: NetworkParams) -> BitWidths:
    """Those of a codec's parameters, with a quantiser."""
    assert params.last_bits is not None  # left out, it was filled in
    return BitWidths(params.weight_bits, params.edge_bits, params.last_bits)


UNQUANTISED = BitWidths(0, 0, 0)
"""In the place of bit-widths where there is no quantiser."""
