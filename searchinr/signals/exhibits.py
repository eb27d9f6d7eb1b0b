"""What a report shows of a signal: a modality says what there is to see or to hear, and the report draws it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPECTROGRAM_DB = 80.0
"""How much of a spectrogram is shown, from the highest power of the original down."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture.

    Attributes:
        pixels: `(height, width, 3)`, or 4 with alpha, uint8.
    """

    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound. The report shows waveform and spectrogram, on the scale of the original's, and lets people listen.

    Attributes:
        channels: `(samples, channels)`, float64 in [-1, 1].
        sampling_rate: Samples per second.
    """

    channels: NDArray[np.float64]
    sampling_rate: int


@dataclass(frozen=True)
class Table:
    """Figures or words, one beside the other.

    Attributes:
        rows: Name and value, both text.
    """

    rows: tuple[tuple[str, str], ...]


Exhibit = Picture | Sound | Table
Exhibits = Sequence[Exhibit]
"""All that is shown of one signal. An original and what it decodes to have as many exhibits, of the same kinds."""
