"""Audio: samples `(samples, channels)`, rate in kbit/s."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from searchinr.errors import UserError
from searchinr.signals.audio_codecs import audio_codecs
from searchinr.signals.audio_files import AUDIO_SUFFIXES, read_audio, write_audio
from searchinr.signals.contract import ClassicalCodec, Modality
from searchinr.signals.metrics import psnr
from searchinr.signals.signal import Layout, Signal


class AudioModality(Modality):
    """PCM audio of 8 to 32 bits, up to four channels, signed samples."""

    name = "audio"
    id = 1
    rate_unit = "kbit/s"
    suffixes = AUDIO_SUFFIXES
    axes = ("samples",)
    has_sampling_rate = True

    def read(self, path: Path) -> Signal:
        """See `read_audio`."""
        return read_audio(path)

    def write(self, signal: Signal, path: Path) -> None:
        """See `write_audio`."""
        write_audio(signal, path)

    def value_range(self, layout: Layout) -> tuple[int, int]:
        """-32768 to 32767 for 16 bits."""
        half: int = 2 ** (layout.bit_depth - 1)
        return -half, half - 1

    def extent(self, layout: Layout) -> tuple[float, ...]:
        """Half the duration in seconds: a backbone's frequencies are in Hz, whatever the length of the clip."""
        return (layout.points / layout.sampling_rate / 2,)

    def resized(self, layout: Layout, scale: float) -> Layout:
        """The same seconds at `scale` times the sampling rate (to the nearest sample per second)."""
        sampling_rate = max(1, round(layout.sampling_rate * scale))
        samples = max(1, round(layout.points * sampling_rate / layout.sampling_rate))
        return replace(layout, grid=(samples,), sampling_rate=sampling_rate)

    def rate(self, layout: Layout, n_bytes: int) -> float:
        """Kilobits (1000 bits) per second of audio, all channels together."""
        return 8 * n_bytes * layout.sampling_rate / layout.points / 1000

    def quality(self, original: Signal, decoded: NDArray[np.integer]) -> dict[str, float]:
        """`psnr_db`, with the whole range from the lowest to the highest sample as peak."""
        return {"psnr_db": psnr(original.samples, decoded, self.value_range(original.layout))}

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
    def classical(self) -> tuple[ClassicalCodec, ...]:
        """MP3, Opus, Vorbis."""
        return audio_codecs()


MODALITY = AudioModality
