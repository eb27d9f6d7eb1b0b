"""All probability models: the one that a file names, and the one that takes the fewest bits."""

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream.bits import Reader
from searchinr.codecs.bitstream.models import adaptive, histogram, mixture
from searchinr.codecs.bitstream.models.adaptive import STRENGTHS, Adaptive
from searchinr.codecs.bitstream.models.contract import MAX_LEARNT_COUNT, Model
from searchinr.codecs.bitstream.models.histogram import RESOLUTIONS, Histogram
from searchinr.codecs.bitstream.models.mixture import Mixture
from searchinr.codecs.bitstream.models.shape import FLAT, Shape, best_shape
from searchinr.errors import InvalidFileError


def read_model(reader: Reader, low: int, high: int) -> Model:
    """The model that `Model.write` wrote, whose first byte comes next; see `Model` for `low` and `high`.

    Raises:
        InvalidFileError: No encoder writes such a model.
    """
    code = reader.byte()
    if code <= FLAT:
        return Shape(low, high, code)
    if high - low + 1 <= MAX_LEARNT_COUNT:
        if code == histogram.CODE:
            return Histogram.read(reader, low, high)
        if code in adaptive.CODES:
            return Adaptive.read(code, reader, low, high)
        if code == mixture.CODE:
            return Mixture.read(reader, low, high)
    raise InvalidFileError(
        f"unknown probability model {code} for the symbols {low} to {high}: update searchinr, or the file is corrupt"
    )


def best_model(symbols: NDArray[np.int32], low: int, high: int) -> Model:
    """The model with the fewest bits for `symbols` of any shape, its own description included.

    It is the best of all shapes, of the histograms of all resolutions, and of the adaptive models that start from the
    best shape or the flat one. Mixtures are for latents, which are many: `best_mixture` finds them.
    """
    shape = best_shape(symbols, low, high)
    if symbols.size == 0 or shape.count > MAX_LEARNT_COUNT:
        return shape
    still: list[Model] = [shape, *(Histogram.of(symbols, low, high, resolution) for resolution in RESOLUTIONS)]
    learning: list[Model] = [
        Adaptive(low, high, first, strength) for first in sorted({shape.code, FLAT}) for strength in STRENGTHS
    ]
    costs: dict[Model, float] = {}
    for models in (still, learning):
        histograms = models[0].histograms(symbols)  # all of a list cut the symbols into the same blocks
        costs |= {model: model.description_bits + model.bits_of(histograms) for model in models}
    return min(costs, key=costs.__getitem__)
