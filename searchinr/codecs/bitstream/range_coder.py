"""One range-coded stream for many arrays of symbols, each in the order and by the tables of a walk of its own."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import constriction
import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.walk import Block, Tables, Walk
from searchinr.errors import InvalidFileError

_WORD = np.dtype(">u4")  # big-endian, so that what can be cut off the last word lies at the end
_EACH = constriction.stream.model.Categorical(perfect=False)  # tables come with the symbols


@lru_cache(maxsize=64)
def _only(tables: Tables) -> constriction.stream.model.Categorical:
    """The coder's form of a table that all symbols of a block share; most models are asked for it again and again."""
    return constriction.stream.model.Categorical(tables.probabilities[0], perfect=False)


def encode(arrays: Sequence[NDArray[np.int32]], walks: Sequence[Walk]) -> bytes:
    """Codes the arrays one after the other, as the shortest byte string that `decode` reads back.

    Each is `(n,)` and goes along a walk of its own, within whose tables its symbols lie.
    """
    coder = constriction.stream.queue.RangeEncoder()
    needed = [walk.least_bits for walk in walks]
    for number, symbols in enumerate(arrays):

        def take(block: Block, symbols: NDArray[np.int32] = symbols) -> NDArray[np.int32]:
            here = symbols[block.places]
            indices = (here - block.low).astype(np.int32)
            if block.choice is None:
                coder.encode(indices, _only(block.tables))
            else:
                coder.encode(indices, _EACH, block.tables.probabilities[block.choice])
            return here

        coded = _follow(walks[number], take, needed, number)
        if not np.array_equal(coded, symbols):
            raise ValueError("a walk passes every place once")
    stream = coder.get_compressed().astype(_WORD).tobytes()
    # The coder ends on a 32-bit word inside the final interval; the decoder reads zeros past the end, so a shorter
    # number of the same interval does: cut off, or cut off and rounded up. 4 bytes are 0.03 bpp on a 32x32 image.
    while len(stream) > _least_bytes(needed):
        cut = int.from_bytes(stream[:-1], "big")
        candidates = [n.to_bytes(len(stream) - 1, "big") for n in (cut, cut + 1) if n < 256 ** (len(stream) - 1)]
        shorter = next((c for c in candidates if _reads_back(c, arrays, walks)), None)
        if shorter is None:
            break
        stream = shorter
    return bytes(stream)


def decode(stream: bytes, walks: Sequence[Walk]) -> list[NDArray[np.int32]]:
    """What `encode` coded, from all of its bytes and the walks that it was given: arrays `(walk.size,)`.

    Raises:
        InvalidFileError: No encoder writes such a stream.
    """
    needed = [walk.least_bits for walk in walks]

    def check() -> None:
        if len(stream) < _least_bytes(needed):
            symbols = sum(walk.size for walk in walks)
            raise InvalidFileError(
                f"the file claims {symbols} weights, more than its {len(stream)} coded bytes can hold"
            )

    check()
    padded = stream + bytes(-len(stream) % 4 + 8)
    coder = constriction.stream.queue.RangeDecoder(np.frombuffer(padded, _WORD).astype(np.uint32))

    def take(block: Block) -> NDArray[np.int32]:
        check()
        if block.choice is None:
            indices = coder.decode(_only(block.tables), block.size)
        else:
            indices = coder.decode(_EACH, block.tables.probabilities[block.choice])
        symbols: NDArray[np.int32] = (indices + block.low).astype(np.int32)
        return symbols

    try:
        return [_follow(walk, take, needed, number) for number, walk in enumerate(walks)]
    except (AssertionError, ValueError) as error:
        raise InvalidFileError("the coded weights are corrupt: no encoder writes such a stream") from error


def _follow(
    walk: Walk, take: Callable[[Block], NDArray[np.int32]], needed: list[float], number: int
) -> NDArray[np.int32]:
    """Goes along a walk and returns all of its symbols; `take` codes a block or decodes it, and returns its symbols.

    `needed[number]` are the bits that this walk's symbols take at least, which is corrected as blocks become known.
    """
    seen = np.zeros(walk.size, np.int32)
    bits = 0.0
    for block in walk.blocks(seen):
        bits += block.least_bits
        needed[number] = max(needed[number], bits)
        seen[block.places] = take(block)
    return seen


def _least_bytes(needed: Sequence[float]) -> int:
    """Bytes that a stream has at least; rounded down, so that no difference between machines' logarithms matters."""
    return int(0.999 * sum(needed) / 8)


def _reads_back(stream: bytes, arrays: Sequence[NDArray[np.int32]], walks: Sequence[Walk]) -> bool:
    try:
        decoded = decode(stream, walks)
    except InvalidFileError:
        return False
    return all(np.array_equal(a, b) for a, b in zip(arrays, decoded, strict=True))
