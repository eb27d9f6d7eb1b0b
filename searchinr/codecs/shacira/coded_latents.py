"""The latents of one level of one signal as bytes.

For each latent dimension a model, whichever is shortest in all, its description included: a snapped Laplace, a snapped
mixture of two, a transmitted table, or another of `bitstream.models`; then one range-coded stream of all dimensions.
"""

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream import range_coder
from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.codecs.bitstream.models.contract import Model
from searchinr.codecs.bitstream.models.mixture import best_mixture
from searchinr.codecs.bitstream.models.registry import best_model, read_model
from searchinr.codecs.bitstream.steps import SymbolRange


def pack(latents: NDArray[np.int32], symbols: SymbolRange) -> bytes:
    """Codes `(entries, D)` integers within the symbols."""
    out = Writer()
    columns = [np.ascontiguousarray(column) for column in latents.T]
    models = [_best(column, symbols) for column in columns]
    for model in models:
        model.write(out)
    return bytes(out.data) + range_coder.encode(columns, [model.walk(len(latents)) for model in models])


def _best(column: NDArray[np.int32], symbols: SymbolRange) -> Model:
    candidates = (best_model(column, *symbols), best_mixture(column, *symbols))
    return min(candidates, key=lambda model: model.description_bits + model.bits(column))


def unpack(data: bytes, entries: int, dimensions: int, symbols: SymbolRange) -> tuple[NDArray[np.int32], list[str]]:
    """What `pack` packed: `(entries, D)`, and how each dimension is coded.

    Raises:
        InvalidFileError: No encoder writes such bytes.
    """
    reader = Reader(data)
    models = [read_model(reader, *symbols) for _ in range(dimensions)]
    columns = range_coder.decode(reader.rest(), [model.walk(entries) for model in models])
    return np.stack(columns, axis=1), [type(model).__name__.lower() for model in models]
