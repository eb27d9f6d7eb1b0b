"""Audio: samples `(samples, channels)`, rate in kbit/s."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from searchinr.errors import UserError
from searchinr.signals.audio_files import (
    AUDIO_SUFFIXES,
    audio_misfit,
    beside_samples,
    read_audio,
    sampling_rate,
    write_audio,
)
from searchinr.signals.audio_peers import audio_peers
from searchinr.signals.contract import Modality
from searchinr.signals.exhibits import SPECTROGRAM_DB, Exhibit, Sound
from searchinr.signals.peers import Peer
from searchinr.signals.signal import Layout, Signal
from searchinr.signals.suggestion import Suggestion, sized_network

_SHOWN = 80_000
"""Samples that a report shows, from the first."""


class AudioModality(Modality):
    """PCM audio of 8 to 32 bits, up to four channels, signed samples."""

    name = "audio"
    id = 1
    rate_unit = "kbit/s"
    suffixes = AUDIO_SUFFIXES
    axes = ("samples",)
    extras = ("sampling_rate",)
    exhibits_note = (
        "The originals, and what files at both ends and in the middle of the front decode to: waveform, and "
        f"spectrogram from 0 to half the sampling rate over {SPECTROGRAM_DB:.0f} dB, scaled as the original's. Of long "
        "clips: the beginning."
    )

    def read(self, path: Path) -> Signal:
        """See `read_audio`."""
        return read_audio(path)

    def beside_samples(self, path: Path) -> list[str]:
        """See `audio_files.beside_samples`."""
        return beside_samples(path)

    def write(self, signal: Signal, path: Path) -> None:
        """See `write_audio`."""
        write_audio(signal, path)

    def value_range(self, layout: Layout) -> tuple[int, int]:
        """-32768 to 32767 for 16 bits."""
        half: int = 2 ** (layout.bit_depth - 1)
        return -half, half - 1

    def misfit(self, layout: Layout, suffix: str) -> str | None:
        """See `audio_misfit`."""
        return audio_misfit(layout, suffix)

    def fault(self, layout: Layout) -> str | None:
        """A rate of 0 would leave no duration to put samples in."""
        return None if sampling_rate(layout) else "0 samples per second: at least 1 is allowed"

    def extent(self, layout: Layout) -> tuple[float, ...]:
        """Half the duration in seconds: a backbone's frequencies are in Hz, whatever the length of the clip."""
        return (layout.points / sampling_rate(layout) / 2,)

    def resized(self, layout: Layout, scale: float) -> Layout:
        """The same seconds at `scale` times the sampling rate (to the nearest sample per second)."""
        before = sampling_rate(layout)
        after = max(1, round(before * scale))
        samples = max(1, round(layout.points * after / before))
        return replace(layout, grid=(samples,), extras=(after,))

    def rate(self, layout: Layout, n_bytes: int) -> float:
        """Kilobits (1000 bits) per second of audio, all channels together."""
        return 8 * n_bytes * sampling_rate(layout) / layout.points / 1000

    def crop(self, signal: Signal, size: tuple[int, ...]) -> Signal:
        """The first `size` samples: COIN++ and its successors measure the first three seconds of each utterance."""
        if len(size) != 1 or size[0] < 1:
            raise UserError(f"{signal.name}: size {list(size)} found; allowed for audio is [samples], 1 or more")
        samples = signal.samples[: size[0]].copy()
        return Signal(signal.name, samples, replace(signal.layout, grid=samples.shape[:1]))

    def downscale(self, signal: Signal, size: tuple[int, ...]) -> Signal:
        """Refused: to the same number of samples, clips of different lengths would get odd sampling rates."""
        raise UserError(f"{signal.name}: downscale found for audio; allowed is crop; resample the files beforehand")

    @property
    def peers(self) -> tuple[Peer, ...]:
        """MP3, Opus, Vorbis."""
        return audio_peers()

    def exhibits(self, signal: Signal) -> Sequence[Exhibit]:
        """The beginning, to listen to."""
        shown = self.crop(signal, (_SHOWN,))
        full = 2.0 ** (signal.layout.bit_depth - 1)
        return (Sound(shown.samples.astype(np.float64) / full, sampling_rate(signal.layout)),)

    def suggestion(self, layout: Layout) -> Suggestion:
        """About 20 kbit/s for speech at 16 kHz.

        Speech has its energy below 1 kHz. The published sine networks, made for pictures, learn nothing of it.
        """
        return sized_network(
            layout.points,
            weights_per_point=1 / 8,
            points_per_step=5000,
            steps=2000,
            params={"backbone": "fourier", "fourier.features": 64, "fourier.sigma": 300.0},
        )

    def size_text(self, layout: Layout) -> str:
        """The number of samples and the rate: ``"48000 at 16000 Hz"``."""
        return f"{layout.points} at {sampling_rate(layout)} Hz"


MODALITY = AudioModality
