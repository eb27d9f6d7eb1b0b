"""What files of codec `mlp` would take if one probability model coded all their tensors."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from searchinr.codecs.bitstream import coded_tensors
from searchinr.codecs.bitstream.container import Container
from searchinr.codecs.bitstream.models.adaptive import STRENGTHS, Adaptive
from searchinr.codecs.bitstream.models.contract import Model
from searchinr.codecs.bitstream.models.histogram import RESOLUTIONS, Histogram
from searchinr.codecs.bitstream.models.registry import best_model
from searchinr.codecs.bitstream.models.shape import FLAT, GAUSSIAN, LAPLACE, Shape
from searchinr.codecs.mlp.body import Body

Symbols = NDArray[np.int32]
RAW, SHORTEST = "raw", "shortest"
_CANDIDATES: Mapping[str, Callable[[Symbols, int, int], Sequence[Model]]] = {
    RAW: lambda symbols, low, high: [Shape(low, high, FLAT)],
    "Laplace": lambda symbols, low, high: [Shape(low, high, code) for code in range(LAPLACE, GAUSSIAN)],
    "Gaussian": lambda symbols, low, high: [Shape(low, high, code) for code in range(GAUSSIAN, FLAT)],
    "histogram": lambda symbols, low, high: [Histogram.of(symbols, low, high, each) for each in RESOLUTIONS],
    "adaptive": lambda symbols, low, high: [Adaptive(low, high, FLAT, strength) for strength in STRENGTHS],
}
CODERS = (*_CANDIDATES, SHORTEST)
"""Names of the models; the last one is what files have: the shortest for each tensor."""


def bytes_by_coder(files: Sequence[Container]) -> dict[str, int]:
    """Bytes of all files together, by the model of their tensors: real files but for the rest of their headers."""
    return {name: sum(_size(file, name) for file in files) for name in CODERS}


def _size(file: Container, coder: str) -> int:
    body = Body.parse(file)
    assert body.packed is not None, "fp16 weights have no coder"
    tensors = body.packed.tensors()
    chosen = coded_tensors.pack(body.parts, tensors, partial(_model, coder) if coder in _CANDIDATES else best_model)
    return file.size - len(coded_tensors.pack(body.parts, tensors)) + len(chosen)


def _model(coder: str, symbols: Symbols, low: int, high: int) -> Model:
    return min(_CANDIDATES[coder](symbols, low, high), key=lambda model: model.description_bits + model.bits(symbols))
