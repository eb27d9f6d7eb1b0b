"""What decoding takes, known before anything is decoded: a few bytes can claim a picture that takes hours."""

from collections.abc import Callable
from dataclasses import dataclass

from searchinr.codecs.contract import Decoder
from searchinr.errors import TooMuchWorkError
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout

MAX_POINTS, MAX_SECONDS, MAX_BYTES = 2**28, 1800.0, 3 * 2**29
_SECONDS_PER_POINT, _SECONDS_PER_MAC = 1e-7, 2e-10  # on one core of 2024: wide networks take less, hash grids more
_BYTES_PER_NUMBER = 16  # of weights while they are decoded


@dataclass(frozen=True)
class Work:
    """What it takes to render a signal.

    Attributes:
        points: Points of the layout.
        macs: Multiply-accumulates.
        bytes: Memory, within a factor of two.
    """

    points: int
    macs: int
    bytes: int

    @classmethod
    def of(cls, decoder: Decoder, layout: Layout) -> "Work":
        """What a decoder takes for all points of a layout."""
        modality = MODALITIES[layout.modality]
        observation = modality.observation(layout)
        queries = 1 if observation is None else observation.queries_per_point
        samples = layout.points * layout.channels * modality.sample_type(layout).itemsize
        macs = round(decoder.macs_per_point * queries * layout.points)
        return cls(layout.points, macs, samples + _BYTES_PER_NUMBER * decoder.numbers)

    @property
    def seconds(self) -> float:
        """About how long it takes on one core."""
        return self.points * _SECONDS_PER_POINT + self.macs * _SECONDS_PER_MAC

    def __str__(self) -> str:
        minutes = "less than a minute" if self.seconds < 60 else f"{self.seconds / 60:,.0f} minutes"
        return (
            f"{self.points:,} points with {self.macs:.1e} multiply-accumulates, about {minutes} and "
            f"{self.bytes / 2**30:.1f} GiB"
        )


Approve = Callable[[Work], None]
"""Is told what a rendering takes before it begins, and raises what ends it."""


def refuse_too_much(work: Work) -> None:
    """Ends what takes unreasonably long, or unreasonably much memory: a file may claim anything.

    Raises:
        TooMuchWorkError: It takes more than `MAX_POINTS`, `MAX_SECONDS` or `MAX_BYTES`.
    """
    if work.points > MAX_POINTS or work.seconds > MAX_SECONDS or work.bytes > MAX_BYTES:
        raise TooMuchWorkError(
            f"decoding takes {work}; allowed are {MAX_POINTS:,} points, {MAX_SECONDS / 60:.0f} minutes and "
            f"{MAX_BYTES / 2**30:.1f} GiB; give --no-limit (in Python no_limit=True) if you trust the file"
        )
