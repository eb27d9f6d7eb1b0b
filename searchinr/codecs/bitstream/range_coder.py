"""One range-coded stream for many arrays of symbols, each with a model of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.models import code_lengths, probabilities
from searchinr.errors import InvalidFileError

_WORD = np.dtype(">u4")  # big-endian, so that what can be cut off the last word lies at the end


@dataclass(frozen=True)
class SymbolModel:
    """How an array of symbols is coded.

    Attributes:
        size: Number of symbols.
        bound: Symbols lie in [-bound, bound].
        code: The model's byte (`models.probabilities`).
    """

    size: int
    bound: int
    code: int


@lru_cache(maxsize=64)
def _categorical(code: int, bound: int) -> Any:  # noqa: ANN401  constriction has no type stubs
    return constriction.stream.model.Categorical(probabilities(code, bound), perfect=False)


def encode(arrays: Sequence[NDArray[np.int32]], models: Sequence[SymbolModel]) -> bytes:
    """Codes the arrays one after the other; the shortest byte string that `decode` reads back."""
    coder = constriction.stream.queue.RangeEncoder()
    for symbols, model in zip(arrays, models, strict=True):
        coder.encode(symbols.astype(np.int32) + np.int32(model.bound), _categorical(model.code, model.bound))
    stream = coder.get_compressed().astype(_WORD).tobytes()
    # The coder ends on a 32-bit word inside the final interval; the decoder reads zeros past the end, so a shorter
    # number of the same interval does: cut off, or cut off and rounded up. 4 bytes are 0.03 bpp on a 32x32 image.
    while len(stream) > _least_bytes(models):
        cut = int.from_bytes(stream[:-1], "big")
        candidates = [n.to_bytes(len(stream) - 1, "big") for n in (cut, cut + 1) if n < 256 ** (len(stream) - 1)]
        shorter = next((c for c in candidates if _reads_back(c, arrays, models)), None)
        if shorter is None:
            break
        stream = shorter
    return bytes(stream)


def _least_bytes(models: Sequence[SymbolModel]) -> int:
    """Bytes that the arrays take at least, when all symbols are the most probable one: zero.

    A decoder that insists on them allocates nothing for a few bytes that claim millions of symbols. Rounded down by
    more than logarithms differ between machines.
    """
    return int(0.99 * sum(m.size * code_lengths(m.code, m.bound)[0] for m in models) / 8)


def _reads_back(stream: bytes, arrays: Sequence[NDArray[np.int32]], models: Sequence[SymbolModel]) -> bool:
    try:
        decoded = decode(stream, models)
    except InvalidFileError:
        return False
    return all(np.array_equal(a, b) for a, b in zip(arrays, decoded, strict=True))


def decode(stream: bytes, models: Sequence[SymbolModel]) -> list[NDArray[np.int32]]:
    """Arrays of symbols, each `(size,)`.

    Raises:
        InvalidFileError: No encoder writes such a stream.
    """
    if len(stream) < _least_bytes(models):
        symbols = sum(model.size for model in models)
        raise InvalidFileError(f"the file claims {symbols} weights, more than its {len(stream)} coded bytes can hold")
    padded = stream + bytes(-len(stream) % 4 + 8)
    coder = constriction.stream.queue.RangeDecoder(np.frombuffer(padded, _WORD).astype(np.uint32))
    try:
        return [
            np.subtract(coder.decode(_categorical(m.code, m.bound), m.size), m.bound, dtype=np.int32) for m in models
        ]
    except (AssertionError, ValueError) as error:
        raise InvalidFileError("the coded weights are corrupt: no encoder writes such a stream") from error
