"""From a network to the samples of a signal."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from searchinr.codecs.contract import Watch
from searchinr.errors import InvalidFileError
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal

_TILE = 8192  # points; fixed, since another tiling may round differently


def render(network: Callable[[Tensor], Tensor], layout: Layout, watch: Watch | None = None) -> Signal:
    """The signal that a network holds.

    Args:
        network: From coordinates `(m, d)` to values `(m, c)`, nominally in [-1, 1].
        layout: Layout of the signal.
        watch: Who wants to know how far it is.

    Raises:
        InvalidFileError: The network gives NaN.
    """
    modality = MODALITIES[layout.modality]
    low, high = modality.value_range(layout)
    samples = np.empty((layout.points, layout.channels), modality.sample_type(layout))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums may round otherwise with another number of threads
    try:
        with torch.inference_mode():
            for start in range(0, layout.points, _TILE):
                stop = min(start + _TILE, layout.points)
                values = network(torch.from_numpy(modality.coordinates(layout, start, stop)))  # (m, c)
                if values.isnan().any():
                    raise InvalidFileError("the file holds weights that give NaN: it is corrupt")
                scaled = low + (values.double().numpy() + 1) / 2 * (high - low)
                samples[start:stop] = modality.to_samples(layout, scaled)
                if watch is not None:
                    watch(stop, layout.points)
    finally:
        torch.set_num_threads(threads)
    return Signal("decoded", samples.reshape(*layout.grid, layout.channels), layout)
