"""The body of an `.inr` file of codec `mlp`.

    backbone (4 bits) | depth - 1 (4 bits)
    quantiser (4 bits; 0: fp16) | steps per channel (1 bit) | activations quantised (1 bit) | width - 1 (10 bits)
    weight_bits - 1 (4 bits) | edge_bits - 1 (4 bits); not with fp16
    activation_bits (1 byte), if activations are quantised
    the backbone's own parameters
    the steps of each layer's activations (1 byte each), if they are quantised
    fp16: the weights as they are, little-endian
    else, for each tensor: its steps (1 byte each), offsets (1 byte each, if the quantiser has them),
        a model of its code book's gaps (unless it has none, or shares one that came before), a model of its symbols;
        then one range-coded stream of all gaps and symbols

Of the tensors that get code books, the first of each bit-width says by a byte whether the others share its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.activations import ACTIVATIONS, MAX_ACTIVATION_BITS, MIN_ACTIVATION_BITS, forward_of
from searchinr.codecs.bitstream import container, range_coder
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.models.contract import Model
from searchinr.codecs.bitstream.models.registry import best_model, read_model
from searchinr.codecs.fields.contract import Field, FieldShape
from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.mlp.params import FP16
from searchinr.codecs.quantize.contract import Part, Quantizer
from searchinr.codecs.quantize.kmeans import BOOK, worth_a_book
from searchinr.codecs.quantize.levels import step_sizes
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.quantize.uniform import OFFSETS_PER_STEP
from searchinr.codecs.training import Forward
from searchinr.errors import InvalidFileError
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout

MAX_WEIGHTS = 2**26
_FP16_ID = 0
_FP16_MAX = float(np.finfo(np.float16).max)
_GAPS = (0, BOOK.high - BOOK.low)  # of a code book's entries; the first counts from the lowest


def field_shape(layout: Layout, depth: int, width: int) -> FieldShape:
    """What a backbone for signals of this layout is built from."""
    return FieldShape(
        d_in=len(layout.grid),
        d_out=layout.channels,
        depth=depth,
        width=width,
        grid=layout.grid,
        extent=MODALITIES[layout.modality].extent(layout),
    )


def parts_of(field: Field, weight_bits: int, edge_bits: int, per_channel: bool) -> list[Part]:
    """A backbone's tensors as they are to be quantised."""
    bits = {"edge": edge_bits, "hidden": weight_bits, "table": weight_bits}
    return [
        Part(spec.name, spec.shape, bits[spec.role], per_channel and spec.role != "table") for spec in field.tensors()
    ]


@dataclass
class Tensor:
    """One tensor of one signal, as files hold it.

    Attributes:
        symbols: `(n,)`, group after group.
        steps: `(G,)`, bytes.
        offsets: `(G,)`, in sixteenths of a step; or None.
        book: `(K,)`, ascending, in steps; or None.
    """

    symbols: NDArray[np.int32]
    steps: NDArray[np.int64]
    offsets: NDArray[np.int64] | None = None
    book: NDArray[np.int64] | None = None

    def values(self, part: Part) -> NDArray[np.float32]:
        """The weights: the product of float32 step and number, `part.shape`."""
        numbers = self.symbols if self.book is None else self.book[self.symbols]  # (n,)
        grouped = numbers.astype(np.float32).reshape(len(self.steps), -1)  # (G, m)
        if self.offsets is not None:
            grouped = grouped + (self.offsets / OFFSETS_PER_STEP).astype(np.float32)[:, None]
        return (grouped * step_sizes()[self.steps][:, None]).T.reshape(part.shape)  # (m, G) -> shape


def pack(
    field: Field,
    params: Any,  # noqa: ANN401  MlpParams, made at run time
    tensors: Mapping[str, Tensor],
    activations: NDArray[np.int64] | None,
) -> bytes:
    """A body of quantised weights.

    Args:
        field: The backbone.
        params: The codec's parameters.
        tensors: One for each of the backbone's, by name.
        activations: Bytes of the steps of each layer's activations, `(depth,)`; None where they are not quantised.
    """
    quantizer = QUANTIZERS[params.quantizer]
    per_channel = params.steps_per == "channel"
    out = _head(field, quantizer.id, per_channel, activations is not None)
    out.byte((params.weight_bits - 1) << 4 | (params.edge_bits - 1))
    if activations is not None:
        out.byte(params.activation_bits)
    field.pack(out)
    if activations is not None:
        out.data += bytes(activations.tolist())
    arrays: list[NDArray[np.int32]] = []
    coded: list[Model] = []
    shared: dict[int, bool] = {}
    parts = parts_of(field, params.weight_bits, params.edge_bits, per_channel)
    for part in parts:
        tensor = tensors[part.name]
        out.data += bytes(tensor.steps.tolist())
        if tensor.offsets is not None:
            out.data += tensor.offsets.astype(np.int8).tobytes()
        ranges = [(tensor.symbols, *_symbols(part, tensor.book is not None))]
        if tensor.book is not None:
            is_first = part.bits not in shared
            if is_first:
                shared[part.bits] = _is_shared(part.bits, parts, tensors)
                out.byte(shared[part.bits])
            if is_first or not shared[part.bits]:
                gaps = np.diff(tensor.book, prepend=BOOK.low).astype(np.int32)
                ranges.insert(0, (gaps, *_GAPS))
        for symbols, low, high in ranges:
            arrays.append(symbols)
            coded.append(best_model(symbols, low, high))
            coded[-1].write(out)
    out.data += range_coder.encode(arrays, coded)
    return bytes(out.data)


def pack_fp16(field: Field, weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """A body of weights as they are; what is beyond fp16 is clipped."""
    out = _head(field, _FP16_ID)
    field.pack(out)
    for spec in field.tensors():
        out.data += np.clip(weights[spec.name], -_FP16_MAX, _FP16_MAX).astype("<f2").tobytes()
    return bytes(out.data)


def _head(field: Field, quantizer: int, per_channel: bool = False, has_activations: bool = False) -> Writer:
    out = Writer()
    out.byte(field.id << 4 | (field.shape.depth - 1))
    packed = quantizer << 12 | per_channel << 11 | has_activations << 10 | (field.shape.width - 1)
    out.data += packed.to_bytes(2, "big")
    return out


def _symbols(part: Part, has_book: bool) -> tuple[int, int]:
    """Lowest and highest symbol."""
    return (0, part.levels.number - 1) if has_book else part.levels


def _is_shared(bits: int, parts: Sequence[Part], tensors: Mapping[str, Tensor]) -> bool:
    of_these_bits = (tensors[part.name].book for part in parts if part.bits == bits)
    books = [book for book in of_these_bits if book is not None]
    return all(np.array_equal(book, books[0]) for book in books)


@dataclass
class _Section:
    """A tensor's side information, and what the stream holds of it."""

    part: Part
    steps: NDArray[np.int64]
    offsets: NDArray[np.int64] | None
    gaps: Model | None
    symbols: Model
    has_book: bool
    side_bytes: int

    @property
    def streams(self) -> list[tuple[Model, int]]:
        """What the stream holds: model and number of symbols of each array."""
        gaps = [] if self.gaps is None else [(self.gaps, self.part.levels.number)]
        return [*gaps, (self.symbols, self.part.size)]


@dataclass
class Body:
    """A parsed body: the architecture, and the weights still coded.

    Attributes:
        field: The backbone.
        quantizer: The quantiser; None for fp16.
        parts: Its tensors as they were quantised.
        weight_bits: Bit-width between hidden layers; 0 for fp16.
        edge_bits: Bit-width of the first and last layer; 0 for fp16.
        activation_bits: Bit-width of activations; None if they are not quantised.
        header_bytes: Bytes before the first step.
    """

    field: Field
    quantizer: type[Quantizer] | None
    parts: list[Part]
    weight_bits: int
    edge_bits: int
    activation_bits: int | None
    header_bytes: int
    _activations: bytes
    _payload: bytes

    @classmethod
    def parse(cls, file: container.Container) -> Self:
        """Reads the architecture; `InvalidFileError` where it makes no sense."""
        reader = Reader(file.body)
        architecture, packed = reader.byte(), int.from_bytes(reader.take(2), "big")
        width, has_activations, per_channel = (packed & 0x3FF) + 1, bool(packed & 0x400), bool(packed & 0x800)
        number = packed >> 12
        field_class = next((f for f in FIELDS.values() if f.id == architecture >> 4), None)
        if field_class is None:
            raise InvalidFileError(f"unknown backbone number {architecture >> 4}: update searchinr")
        quantizer = next((q for q in QUANTIZERS.values() if q.id == number), None)
        if quantizer is None and (number != _FP16_ID or per_channel or has_activations):
            raise InvalidFileError(f"unknown quantiser number {number}: update searchinr, or the file is corrupt")
        bits = reader.byte() if quantizer is not None else None
        activation_bits = reader.byte() if has_activations else None
        if activation_bits is not None and not MIN_ACTIVATION_BITS <= activation_bits <= MAX_ACTIVATION_BITS:
            raise InvalidFileError(
                f"the file claims activations of {activation_bits} bits: allowed are {MIN_ACTIVATION_BITS} to "
                f"{MAX_ACTIVATION_BITS}"
            )
        field = field_class.unpack(field_shape(file.layout, (architecture & 15) + 1, width), reader)
        if sum(int(np.prod(spec.shape)) for spec in field.tensors()) > MAX_WEIGHTS:
            raise InvalidFileError(f"the file claims more than {MAX_WEIGHTS} weights")
        weight_bits, edge_bits = (0, 0) if bits is None else ((bits >> 4) + 1, (bits & 15) + 1)
        parts = parts_of(field, weight_bits, edge_bits, per_channel)
        header_bytes = reader.position
        steps = reader.take(field.shape.depth if has_activations else 0)
        return cls(field, quantizer, parts, weight_bits, edge_bits, activation_bits, header_bytes, steps, reader.rest())

    @property
    def forward(self) -> Forward:
        """The network's function of `weights`, with its activations quantised if the file says so."""
        return forward_of(self.field, self.activation_bits)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """What `forward` takes, of one signal: weights by tensor name, each of its spec's shape."""
        weights = self._fp16() if self.quantizer is None else self._dequantised()
        if not all(np.isfinite(w).all() for w in weights.values()):
            raise InvalidFileError("the file holds weights that are not finite")
        if self.activation_bits is not None:
            weights[ACTIVATIONS] = step_sizes()[np.frombuffer(self._activations, np.uint8)]  # (depth,)
        return weights

    def _fp16(self) -> dict[str, NDArray[np.float32]]:
        sizes = [part.size for part in self.parts]
        if len(self._payload) != 2 * sum(sizes):
            raise InvalidFileError(f"{len(self._payload)} bytes of fp16 weights found, {2 * sum(sizes)} expected")
        with np.errstate(invalid="ignore"):  # NaN, which is refused by the caller
            flat = np.split(np.frombuffer(self._payload, "<f2").astype(np.float32), np.cumsum(sizes)[:-1])
        return {part.name: values.reshape(part.shape) for part, values in zip(self.parts, flat, strict=True)}

    def _dequantised(self) -> dict[str, NDArray[np.float32]]:
        sections, decoded = self._decoded
        arrays = iter(decoded)
        weights: dict[str, NDArray[np.float32]] = {}
        books: dict[int, NDArray[np.int64]] = {}
        for section in sections:
            bits = section.part.bits
            if section.gaps is not None:
                books[bits] = np.cumsum(next(arrays), dtype=np.int64) + BOOK.low
            book = books[bits] if section.has_book else None
            tensor = Tensor(next(arrays), section.steps, section.offsets, book)
            weights[section.part.name] = tensor.values(section.part)
        return weights

    @cached_property
    def _decoded(self) -> tuple[list[_Section], list[NDArray[np.int32]]]:
        """The sections, and the arrays of all their streams in order."""
        reader = Reader(self._payload)
        sections = list(self._sections(reader))
        return sections, range_coder.decode(reader.rest(), [each for s in sections for each in s.streams])

    def _sections(self, reader: Reader) -> Iterator[_Section]:
        assert self.quantizer is not None
        shared: dict[int, bool] = {}
        for part in self.parts:
            start = reader.position
            steps = np.array([reader.byte() for _ in range(part.groups)])
            offsets = None
            if self.quantizer.has_offsets:
                offsets = np.array([reader.byte() for _ in range(part.groups)]).astype(np.int8).astype(np.int64)
            has_book = self.quantizer.has_book and worth_a_book(part)
            gaps = None
            if has_book:
                is_first = part.bits not in shared
                if is_first:
                    shared[part.bits] = bool(reader.byte())
                if is_first or not shared[part.bits]:
                    gaps = read_model(reader, *_GAPS)
            model = read_model(reader, *_symbols(part, has_book))
            yield _Section(part, steps, offsets, gaps, model, has_book, reader.position - start)

    def stored_bits(self) -> dict[str, float]:
        """Bits of each tensor: its side information and its ideal code length; the last one takes the coder's end."""
        if self.quantizer is None:
            return {part.name: 16.0 * part.size for part in self.parts}
        sections, decoded = self._decoded
        arrays = iter(decoded)
        stored = {
            section.part.name: 8 * section.side_bytes
            + sum(model.bits(symbols) for (model, _), symbols in zip(section.streams, arrays, strict=False))
            for section in sections
        }
        last = self.parts[-1].name
        stored[last] += 8 * len(self._payload) - sum(stored.values())
        if self.activation_bits is not None:
            stored[ACTIVATIONS] = 8.0 * len(self._activations)
        return stored

    def quantization(self) -> dict[str, Any]:
        """Quantiser, bit-widths, and how each tensor's symbols are coded."""
        if self.quantizer is None:
            return {"quantizer": FP16}
        return {
            "quantizer": self.quantizer.name,
            "weight_bits": self.weight_bits,
            "edge_bits": self.edge_bits,
            **({} if self.activation_bits is None else {"activation_bits": self.activation_bits}),
            "steps_per": "channel" if any(part.per_channel for part in self.parts) else "tensor",
            "models": {s.part.name: type(s.symbols).__name__.lower() for s in self._decoded[0]},
        }
