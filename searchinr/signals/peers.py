"""Published codecs that are measured beside ours, on the same files."""

from collections.abc import Callable
from dataclasses import dataclass

from searchinr.signals.signal import Layout, Samples, Signal


@dataclass(frozen=True)
class Peer:
    """A published codec to draw beside ours. Its rate is the size of the complete file that it writes.

    Attributes:
        name: As in the literature, with the settings that matter, e.g. ``"JPEG (4:2:0, optimised)"``.
        qualities: Settings from the lowest to the highest rate.
        encode: `(signal, quality) -> bytes`, a complete file. It raises `UserError` for a signal that the format cannot
            hold exactly as it is laid out (e.g. alpha in JPEG).
        decode: `(file, layout) -> samples (*grid, channels)`.
    """

    name: str
    qualities: tuple[float, ...]
    encode: Callable[[Signal, float], bytes]
    decode: Callable[[bytes, Layout], Samples]
