"""Signals with nothing in them, silence or a blank picture, which would decide every mean over signals."""

from collections.abc import Sequence

import numpy as np

from searchinr.signals.signal import Signal

_BLOCK = 2**16  # points; of most signals the first ones tell


def counted(signals: Sequence[Signal]) -> list[bool]:
    """Which signals count in means over signals: all but flat ones, or all if there are no others.

    The PSNR of a flat signal is 85 to 150 dB, or half of that where a config misses it by one level, whatever the
    config is worth elsewhere.
    """
    counts = [not is_flat(signal) for signal in signals]
    return counts if any(counts) else [True] * len(counts)


def is_flat(signal: Signal) -> bool:
    """Whether samples differ from the mean of their channel by less than one level, as root mean square.

    One level is 1 for whole samples, and for real ones the last place of a float32 at the width of their range.
    """
    measured = signal.measured
    values = measured.samples.reshape(-1, measured.layout.channels)  # (*grid, c) -> (n, c)
    low, high = measured.layout.real_range or (0, 2**24)
    most = len(values) * ((high - low) * 2.0**-24) ** 2
    mean = values.mean(axis=0, dtype=np.float64)
    deviation = np.zeros(len(mean))
    for start in range(0, len(values), _BLOCK):
        deviation += ((values[start : start + _BLOCK] - mean) ** 2).sum(axis=0)
        if deviation.max() >= most:
            return False
    return True
