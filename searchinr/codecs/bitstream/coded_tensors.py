"""The weights of one signal as bytes.

    fp16: the weights as they are, little-endian
    else, for each tensor: its steps (1 byte each), offsets (1 byte each, if the quantiser has them),
        a model of its code book's gaps (unless it has none, or shares one that came before), a model of its symbols;
        then one range-coded stream of all gaps and symbols

The first tensor of each bit-width that gets a code book says by a byte whether the others of this width share it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream import range_coder
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.models.contract import Model
from searchinr.codecs.bitstream.models.registry import best_model, read_model
from searchinr.codecs.bitstream.quant_spec import BOOK, OFFSETS_PER_STEP, QuantSpec, worth_a_book
from searchinr.codecs.bitstream.steps import step_sizes
from searchinr.codecs.bitstream.walk import Walk
from searchinr.errors import InvalidFileError

CODE_BOOKS = "code books"
"""What code books cost is told under this name."""

ModelOf = Callable[[NDArray[np.int32], int, int], Model]

_FP16_MAX = float(np.finfo(np.float16).max)
_GAPS = (0, BOOK.high - BOOK.low)  # of a code book's entries; the first counts from the lowest


@dataclass
class CodedTensor:
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

    def values(self, part: QuantSpec) -> NDArray[np.float32]:
        """The weights: the product of float32 step and number, `part.shape`."""
        numbers = self.symbols if self.book is None else self.book[self.symbols]  # (n,)
        grouped = numbers.astype(np.float32).reshape(len(self.steps), -1)  # (G, m)
        if self.offsets is not None:
            grouped = grouped + (self.offsets / OFFSETS_PER_STEP).astype(np.float32)[:, None]
        return (grouped * step_sizes()[self.steps][:, None]).T.reshape(part.shape)  # (m, G) -> shape


def pack_fp16(parts: Sequence[QuantSpec], weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The weights as fp16; values that are too large for it are clipped."""
    clipped = (np.clip(weights[part.name], -_FP16_MAX, _FP16_MAX) for part in parts)
    return b"".join(values.astype("<f2").tobytes() for values in clipped)


def unpack_fp16(parts: Sequence[QuantSpec], data: bytes) -> dict[str, NDArray[np.float32]]:
    """What `pack_fp16` packed, `{part.name: part.shape}`.

    Raises:
        InvalidFileError: Too many or too few bytes, or a weight that is not finite.
    """
    sizes = [part.size for part in parts]
    if len(data) != 2 * sum(sizes):
        raise InvalidFileError(f"{len(data)} bytes of fp16 weights found, {2 * sum(sizes)} expected")
    with np.errstate(invalid="ignore"):  # NaN, which is refused
        flat = np.split(np.frombuffer(data, "<f2").astype(np.float32), np.cumsum(sizes)[:-1])
    return _finite({part.name: values.reshape(part.shape) for part, values in zip(parts, flat, strict=True)})


def _finite(weights: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    if not all(np.isfinite(w).all() for w in weights.values()):
        raise InvalidFileError("the file holds weights that are not finite")
    return weights


def pack(parts: Sequence[QuantSpec], tensors: Mapping[str, CodedTensor], model_of: ModelOf = best_model) -> bytes:
    """Quantised weights: the tensors of these parts in this order, with the models that `model_of` finds for symbols.

    It takes the symbols, and the lowest and the highest symbol that there can be.
    """
    out = Writer()
    arrays: list[NDArray[np.int32]] = []
    coded: list[Model] = []
    shared: dict[int, bool] = {}
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
            coded.append(model_of(symbols, low, high))
            coded[-1].write(out)
    walks = [model.walk(symbols.size) for model, symbols in zip(coded, arrays, strict=True)]
    out.data += range_coder.encode(arrays, walks)
    return bytes(out.data)


def _symbols(part: QuantSpec, has_book: bool) -> tuple[int, int]:
    """Lowest and highest symbol."""
    return (0, part.symbols.number - 1) if has_book else part.symbols


def _is_shared(bits: int, parts: Sequence[QuantSpec], tensors: Mapping[str, CodedTensor]) -> bool:
    of_these_bits = (tensors[part.name].book for part in parts if part.bits == bits)
    books = [book for book in of_these_bits if book is not None]
    return all(np.array_equal(book, books[0]) for book in books)


@dataclass
class _Side:
    """A tensor's side information, and what the stream holds of it.

    Attributes:
        part: The tensor.
        steps: See `CodedTensor`.
        offsets: See `CodedTensor`.
        gaps: The model of the gaps of a code book that comes with this tensor; or None.
        symbols: The model of the tensor's symbols.
        has_book: Whether symbols are indices into a code book, this one or an earlier one.
        length: Bytes of side information, without code books.
        book_length: Bytes of side information about code books.
    """

    part: QuantSpec
    steps: NDArray[np.int64]
    offsets: NDArray[np.int64] | None
    gaps: Model | None
    symbols: Model
    has_book: bool
    length: int
    book_length: int

    @property
    def walks(self) -> list[Walk]:
        """The walks through the arrays that the stream holds of this tensor."""
        gaps = [] if self.gaps is None else [self.gaps.walk(self.part.symbols.number)]
        return [*gaps, self.symbols.walk(self.part.size)]


class Packed:
    """What `pack` packed."""

    def __init__(
        self, parts: Sequence[QuantSpec], data: bytes, *, has_offsets: bool = False, has_book: bool = False
    ) -> None:
        """Takes what `pack` was given and what it returned; nothing is decoded before it is asked for.

        `has_offsets` and `has_book` are those of the quantiser; only tensors that are worth a code book have one.
        """
        self._has_offsets, self._has_book = has_offsets, has_book
        self._parts = parts
        self._data = data

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Weights, `{part.name: part.shape}`.

        Raises:
            InvalidFileError: No encoder writes such bytes, or a weight is not finite.
        """
        tensors = self.tensors()
        return _finite({part.name: tensors[part.name].values(part) for part in self._parts})

    def tensors(self) -> dict[str, CodedTensor]:
        """The tensors that were given to `pack`, by name."""
        sides, decoded = self._decoded
        arrays = iter(decoded)
        tensors: dict[str, CodedTensor] = {}
        books: dict[int, NDArray[np.int64]] = {}
        for side in sides:
            bits = side.part.bits
            if side.gaps is not None:
                books[bits] = np.cumsum(next(arrays), dtype=np.int64) + BOOK.low
            book = books[bits] if side.has_book else None
            tensors[side.part.name] = CodedTensor(next(arrays), side.steps, side.offsets, book)
        return tensors

    @cached_property
    def _decoded(self) -> tuple[list[_Side], list[NDArray[np.int32]]]:
        """The sides, and the arrays of all their walks in order."""
        reader = Reader(self._data)
        sides = list(self._read_sides(reader))
        return sides, range_coder.decode(reader.rest(), [walk for side in sides for walk in side.walks])

    def _read_sides(self, reader: Reader) -> Iterator[_Side]:
        shared: dict[int, bool] = {}
        for part in self._parts:
            start = reader.position
            steps = np.array([reader.byte() for _ in range(part.groups)])
            offsets = None
            if self._has_offsets:
                offsets = np.array([reader.byte() for _ in range(part.groups)]).astype(np.int8).astype(np.int64)
            has_book = self._has_book and worth_a_book(part)
            gaps, book_start = None, reader.position
            if has_book:
                is_first = part.bits not in shared
                if is_first:
                    shared[part.bits] = bool(reader.byte())
                if is_first or not shared[part.bits]:
                    gaps = read_model(reader, *_GAPS)
            book_length = reader.position - book_start
            model = read_model(reader, *_symbols(part, has_book))
            yield _Side(part, steps, offsets, gaps, model, has_book, reader.position - start - book_length, book_length)

    def bits(self) -> dict[str, float]:
        """Bits of each part and, under `CODE_BOOKS`, of its code books if it has any.

        A part has its side information and its ideal code length; what the coder adds counts to the last part.
        """
        sides, decoded = self._decoded
        arrays = iter(decoded)
        stored: dict[str, float] = {}
        books = 0.0
        for side in sides:
            books += 8 * side.book_length + (0 if side.gaps is None else side.gaps.bits(next(arrays)))
            stored[side.part.name] = 8 * side.length + side.symbols.bits(next(arrays))
        stored[self._parts[-1].name] += 8 * len(self._data) - sum(stored.values()) - books
        return {**stored, CODE_BOOKS: books} if any(side.has_book for side in sides) else stored

    def models(self) -> dict[str, str]:
        """How the symbols of each part are coded."""
        return {side.part.name: type(side.symbols).__name__.lower() for side in self._decoded[0]}
