"""One range-coded stream for many arrays of symbols, each with a model of its own."""

from collections.abc import Sequence
from functools import lru_cache

import constriction
import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.models.contract import Model
from searchinr.errors import InvalidFileError

_WORD = np.dtype(">u4")  # big-endian, so that what can be cut off the last word lies at the end


class _Tables:
    """The coder's table for each block of an array; encoder and decoder tell it the symbols as they pass."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._counts = model.counts()
        self.current = _first_table(model)

    def learn(self, indices: NDArray[np.int32]) -> None:
        """Takes the symbols of a block, `(m,)`, 0 for the model's lowest."""
        if self._model.increment:
            self._counts = self._counts + self._model.increment * np.bincount(indices, minlength=self._model.count)
            self.current = _table(self._counts)


def _table(counts: NDArray[np.int64]) -> constriction.stream.model.Categorical:
    # The sum is one of integers: exact in any order, unlike one of floats.
    return constriction.stream.model.Categorical(counts / np.float64(counts.sum()), perfect=False)


@lru_cache(maxsize=64)
def _first_table(model: Model) -> constriction.stream.model.Categorical:
    return _table(model.counts())


def encode(arrays: Sequence[NDArray[np.int32]], models: Sequence[Model]) -> bytes:
    """Codes the arrays one after the other; the shortest byte string that `decode` reads back.

    Args:
        arrays: Symbols, each `(n,)` and within the range of its model.
        models: One for each array.
    """
    coder = constriction.stream.queue.RangeEncoder()
    for symbols, model in zip(arrays, models, strict=True):
        indices = symbols.astype(np.int32) - np.int32(model.low)
        tables = _Tables(model)
        for block in model.blocks(indices.size):
            coder.encode(indices[block], tables.current)
            tables.learn(indices[block])
    stream = coder.get_compressed().astype(_WORD).tobytes()
    coded = [(model, symbols.size) for symbols, model in zip(arrays, models, strict=True)]
    # The coder ends on a 32-bit word inside the final interval; the decoder reads zeros past the end, so a shorter
    # number of the same interval does: cut off, or cut off and rounded up. 4 bytes are 0.03 bpp on a 32x32 image.
    while len(stream) > _least_bytes(coded):
        cut = int.from_bytes(stream[:-1], "big")
        candidates = [n.to_bytes(len(stream) - 1, "big") for n in (cut, cut + 1) if n < 256 ** (len(stream) - 1)]
        shorter = next((c for c in candidates if _reads_back(c, arrays, coded)), None)
        if shorter is None:
            break
        stream = shorter
    return bytes(stream)


def _least_bytes(coded: Sequence[tuple[Model, int]]) -> int:
    """Bytes that the arrays take at least.

    A decoder that insists on them allocates nothing for a few bytes that claim millions of symbols. Rounded down by
    more than logarithms differ between machines.
    """
    return int(0.999 * sum(model.least_bits(size) for model, size in coded) / 8)


def _reads_back(stream: bytes, arrays: Sequence[NDArray[np.int32]], coded: Sequence[tuple[Model, int]]) -> bool:
    try:
        decoded = decode(stream, coded)
    except InvalidFileError:
        return False
    return all(np.array_equal(a, b) for a, b in zip(arrays, decoded, strict=True))


def decode(stream: bytes, coded: Sequence[tuple[Model, int]]) -> list[NDArray[np.int32]]:
    """What `encode` coded.

    Args:
        stream: All of its bytes.
        coded: Model and number of symbols of each array.

    Returns:
        Arrays of symbols, each `(size,)` and within the range of its model.

    Raises:
        InvalidFileError: No encoder writes such a stream.
    """
    if len(stream) < _least_bytes(coded):
        symbols = sum(size for _, size in coded)
        raise InvalidFileError(f"the file claims {symbols} weights, more than its {len(stream)} coded bytes can hold")
    padded = stream + bytes(-len(stream) % 4 + 8)
    coder = constriction.stream.queue.RangeDecoder(np.frombuffer(padded, _WORD).astype(np.uint32))
    try:
        return [_decode_array(coder, model, size) for model, size in coded]
    except (AssertionError, ValueError) as error:
        raise InvalidFileError("the coded weights are corrupt: no encoder writes such a stream") from error


def _decode_array(coder: constriction.stream.queue.RangeDecoder, model: Model, size: int) -> NDArray[np.int32]:
    symbols = np.empty(size, np.int32)
    tables = _Tables(model)
    for block in model.blocks(size):
        indices = coder.decode(tables.current, block.stop - block.start)
        symbols[block] = indices
        tables.learn(indices)
    symbols += np.int32(model.low)
    return symbols
