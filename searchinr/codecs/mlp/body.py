"""The body of an `.inr` file of codec `mlp`.

backbone (4 bits) | depth - 1 (4 bits)
quantiser (4 bits; 0: fp16) | steps per channel (1 bit) | more bit-widths (1 bit) | width - 1 (10 bits)
weight_bits - 1 (4 bits) | edge_bits - 1 (4 bits); not with fp16
activation_bits (4 bits; 0: not quantised) | last_bits - 1 (4 bits), if there are more bit-widths
the backbone's own parameters
the steps of each layer's activations (1 byte each), if they are quantised
the weights: see `coded_tensors`

If the flag for more bit-widths is not set, activations are not quantised, and the last layer has edge_bits as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream import coded_tensors, container
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.coded_tensors import Packed
from searchinr.codecs.bitstream.quant_spec import QuantSpec
from searchinr.codecs.bitstream.steps import step_sizes
from searchinr.codecs.fields.contract import Field
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.fitting.activations import ACTIVATIONS, MAX_ACTIVATION_BITS, MIN_ACTIVATION_BITS, forward_of
from searchinr.codecs.fitting.layouts import field_shape
from searchinr.codecs.fitting.objective import Forward
from searchinr.codecs.mlp.params import MlpParams
from searchinr.codecs.params.bit_widths import UNQUANTISED, BitWidths, bit_widths
from searchinr.codecs.params.network_params import FP16
from searchinr.codecs.quantize.contract import Quantizer
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.errors import InvalidFileError
from searchinr.space import Value

MAX_WEIGHTS = 2**26
_FP16_ID = 0


def parts_of(field: Field, bits: BitWidths, per_channel: bool) -> list[QuantSpec]:
    """A backbone's tensors as they are to be quantised."""
    return [
        QuantSpec(spec.name, spec.shape, bits.of(spec.role), per_channel and spec.role != "table")
        for spec in field.tensors()
    ]


def pack(
    field: Field,
    params: MlpParams,
    pack_weights: Callable[[Sequence[QuantSpec]], bytes],
    activations: NDArray[np.int64] | None,
) -> bytes:
    """A body.

    Args:
        field: The backbone.
        params: The codec's parameters.
        pack_weights: What `packers` gives for the signal.
        activations: The byte that names the step of each layer's activations, `(depth,)`; None if these have none.
    """
    quantizer, bits = QUANTIZERS.get(params.quantizer), bit_widths(params)
    per_channel = quantizer is not None and params.steps_per == "channel"
    has_more = activations is not None or bits.last_bits != bits.edge_bits
    out = Writer()
    out.byte(field.id << 4 | (field.shape.depth - 1))
    number = _FP16_ID if quantizer is None else quantizer.id
    packed = number << 12 | per_channel << 11 | has_more << 10 | (field.shape.width - 1)
    out.data += packed.to_bytes(2, "big")
    if quantizer is not None:
        out.byte((bits.weight_bits - 1) << 4 | (bits.edge_bits - 1))
    if has_more:
        out.byte((params.activation_bits or 0) << 4 | (bits.last_bits - 1))
    field.pack(out)
    if activations is not None:
        out.data += bytes(activations.tolist())
    return bytes(out.data) + pack_weights(parts_of(field, bits, per_channel))


@dataclass
class Body:
    """A parsed body: the architecture is known, the weights are still coded.

    Attributes:
        field: The backbone.
        quantizer: The quantiser; None for fp16.
        parts: The backbone's tensors, as they were quantised.
        bits: The bit-widths of the weights.
        activation_bits: The bit-width of activations; None if they are not quantised.
        header_bytes: How many bytes come before the first quantiser step.
    """

    field: Field
    quantizer: type[Quantizer] | None
    parts: list[QuantSpec]
    bits: BitWidths
    activation_bits: int | None
    header_bytes: int
    _activations: bytes
    _payload: bytes

    @classmethod
    def parse(cls, file: container.Container) -> Self:
        """Reads the architecture; `InvalidFileError` where it makes no sense."""
        reader = Reader(file.body)
        architecture, packed = reader.byte(), int.from_bytes(reader.take(2), "big")
        width, has_more, per_channel = (packed & 0x3FF) + 1, bool(packed & 0x400), bool(packed & 0x800)
        number = packed >> 12
        field_class = FIELDS.by_id(architecture >> 4)
        quantizer = None if number == _FP16_ID else QUANTIZERS.by_id(number)
        if quantizer is None and (per_channel or has_more):
            raise InvalidFileError("the file claims steps or bit-widths of weights in fp16: it is corrupt")
        bits, activation_bits = UNQUANTISED, None
        if quantizer is not None:
            weight_bits, edge_bits = divmod(reader.byte(), 16)
            activations, last_bits = divmod(reader.byte(), 16) if has_more else (0, edge_bits)
            bits, activation_bits = BitWidths(weight_bits + 1, edge_bits + 1, last_bits + 1), activations or None
        if activation_bits is not None and not MIN_ACTIVATION_BITS <= activation_bits <= MAX_ACTIVATION_BITS:
            raise InvalidFileError(
                f"the file claims activations of {activation_bits} bits: allowed are {MIN_ACTIVATION_BITS} to "
                f"{MAX_ACTIVATION_BITS}"
            )
        field = field_class.unpack(field_shape(file.layout, (architecture & 15) + 1, width), reader)
        if sum(int(np.prod(spec.shape)) for spec in field.tensors()) > MAX_WEIGHTS:
            raise InvalidFileError(f"the file claims more than {MAX_WEIGHTS} weights")
        header_bytes = reader.position
        steps = reader.take(0 if activation_bits is None else field.shape.depth)
        parts = parts_of(field, bits, per_channel)
        return cls(field, quantizer, parts, bits, activation_bits, header_bytes, steps, reader.rest())

    @property
    def forward(self) -> Forward:
        """The network's function of `weights`, with its activations quantised if the file says so."""
        return forward_of(self.field, self.activation_bits)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The weights of one signal, as `forward` takes them but for the axis B: arrays by tensor name."""
        if self.packed is None:
            return coded_tensors.unpack_fp16(self.parts, self._payload)
        weights = self.packed.weights()
        if self.activation_bits is not None:
            weights[ACTIVATIONS] = step_sizes()[np.frombuffer(self._activations, np.uint8)]  # (depth,)
        return weights

    @cached_property
    def packed(self) -> Packed | None:
        """The quantised weights; None in fp16."""
        return None if self.quantizer is None else self.quantizer.packed(self.parts, self._payload)

    def stored_bits(self) -> dict[str, float]:
        """Bits of each tensor, and of code books and the activations' steps if there are any."""
        if self.packed is None:
            return {part.name: 16.0 * part.size for part in self.parts}
        stored = self.packed.bits()
        if self.activation_bits is not None:
            stored[ACTIVATIONS] = 8.0 * len(self._activations)
        return stored

    def quantization(self) -> dict[str, Value | Mapping[str, str]]:
        """Quantiser, bit-widths, and how each tensor's symbols are coded."""
        if self.quantizer is None or self.packed is None:
            return {"quantizer": FP16}
        return {
            "quantizer": self.quantizer.name,
            **self.bits._asdict(),
            **({} if self.activation_bits is None else {"activation_bits": self.activation_bits}),
            "steps_per": "channel" if any(part.per_channel for part in self.parts) else "tensor",
            "models": self.packed.models(),
        }
