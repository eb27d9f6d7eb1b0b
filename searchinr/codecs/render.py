"""From a decoder to the samples of its signal: what is common to the decoding of all codecs."""

from collections.abc import Callable

import numpy as np
import torch

from searchinr.codecs.contract import Decoder
from searchinr.errors import InvalidFileError
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal

Watch = Callable[[int, int], None]
"""Is told while a signal is rendered: `(points done, points in all)`."""

_TILE = 8192  # places where a network is asked; fixed, since another tiling may round differently


def render(decoder: Decoder, layout: Layout, watch: Watch | None = None) -> Signal:
    """The signal that a decoder gives, in samples of its layout.

    Values are computed a tile of points at a time and by one thread, so that every machine with the same vector unit
    rounds them alike and memory is bounded.

    Args:
        decoder: Gives the values.
        layout: Which points to render, and what values they can have.
        watch: Is told how far it is.

    Raises:
        InvalidFileError: The decoder gives NaN.
    """
    modality = MODALITIES[layout.modality]
    low, high = modality.value_range(layout)
    observation = modality.observation(layout)
    tile = _TILE if observation is None else max(1, _TILE // observation.queries_per_point)  # points
    samples = np.empty((layout.points, layout.channels), modality.sample_type(layout))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums may round otherwise with another number of threads
    try:
        with torch.inference_mode():
            for start in range(0, layout.points, tile):
                stop = min(start + tile, layout.points)
                values = decoder.values(layout, start, stop)  # (m, c)
                if values.isnan().any():
                    raise InvalidFileError("the file holds weights that give NaN: it is corrupt")
                scaled = low + (values.double().numpy() + 1) / 2 * (high - low)
                samples[start:stop] = modality.to_samples(layout, scaled)
                if watch is not None:
                    watch(stop, layout.points)
    finally:
        torch.set_num_threads(threads)
    return Signal("decoded", samples.reshape(*layout.grid, layout.channels), layout)
