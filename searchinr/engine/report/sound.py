"""Waveforms and spectrograms of sounds."""

import numpy as np
from numpy.typing import NDArray

from searchinr.signals.exhibits import Sound

WINDOW = 512
"""Number of samples in a window of the spectrogram; windows overlap by three quarters."""

_FLOOR_DB = -160.0


def waveform(sound: Sound) -> NDArray[np.float64]:
    """The mean of the channels between -1 and 1, `(n,)`."""
    mono: NDArray[np.float64] = sound.channels.mean(axis=1)
    return mono


def envelope(sound: Sound, columns: int) -> NDArray[np.float64]:
    """The lowest and the highest sample in each of at most `columns` equal parts, `(columns, 2)`."""
    parts = np.array_split(waveform(sound), min(columns, len(sound.channels)))
    return np.array([[part.min(), part.max()] for part in parts])


def spectrogram(sound: Sound) -> NDArray[np.float64]:
    """The power of each frequency over time in dB; a full-scale sine has 0 dB, and silence has -160 dB.

    Returns:
        `(frequencies, windows)`: frequencies from 0 to half the sampling rate, in Hann windows.
    """
    wave = waveform(sound)
    wave = np.pad(wave, (0, max(0, WINDOW - len(wave))))
    windows = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[:: WINDOW // 4]  # (windows, WINDOW)
    hann = np.hanning(WINDOW)
    amplitude = np.abs(np.fft.rfft(windows * hann, axis=1)) * 2 / hann.sum()  # (windows, frequencies)
    power_db: NDArray[np.float64] = 20 * np.log10(np.maximum(amplitude, 10 ** (_FLOOR_DB / 20)))
    return power_db.T
