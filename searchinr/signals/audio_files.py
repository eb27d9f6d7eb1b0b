"""Audio files: read without changing a sample, or refused."""

from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from searchinr.errors import UserError
from searchinr.signals.files import read_file, write_file
from searchinr.signals.signal import Layout, Signal

_BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_SUBTYPES = {
    ".wav": {8: "PCM_U8", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"},
    ".flac": {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"},
}
_MAX_CHANNELS = 4
_MAX_VALUES = 2**28  # a damaged FLAC header can claim far more
_UNKNOWN_SIZE = 0xFFFFFFFF  # what programs that write to a pipe put in a WAV header

AUDIO_SUFFIXES = tuple(_SUBTYPES)


def sampling_rate(layout: Layout) -> int:
    """Samples per second, the one further number of an audio file's layout."""
    (per_second,) = layout.extras
    return per_second


def _sample_type(bit_depth: int) -> type[np.integer]:
    """The smallest signed integer type that holds samples of this bit depth."""
    return np.int8 if bit_depth <= 8 else np.int16 if bit_depth <= 16 else np.int32


def read_audio(path: Path) -> Signal:
    """Reads a WAV or FLAC file of 8 to 32-bit integers, as signed samples `(samples, channels)`.

    Some tools store 16-bit audio as floats. So a file of floats is taken for a 16-bit one if every sample is a multiple
    of 1/32768 in [-1, 1).

    Raises:
        UserError: Missing, unreadable, truncated or empty, more than four channels, or a coding that is not exact.
    """
    data = read_file(path)
    if data[:4] == b"RIFF" and len(data) + 1 < 8 + int.from_bytes(data[4:8], "little") < _UNKNOWN_SIZE:
        raise UserError(f"{path}: truncated: {len(data)} bytes found, its header says more; get the file again")
    try:
        with soundfile.SoundFile(BytesIO(data)) as file:
            if file.format not in ("WAV", "WAVEX", "FLAC"):
                raise UserError(f"{path}: {file.format} found; allowed are WAV and FLAC; convert it first")
            if file.channels > _MAX_CHANNELS:
                raise UserError(f"{path}: {file.channels} channels found; allowed are 1 to {_MAX_CHANNELS}")
            if file.frames * file.channels > _MAX_VALUES:
                raise UserError(f"{path}: {file.frames} samples found; allowed are {_MAX_VALUES} in all; cut it first")
            if file.subtype in ("FLOAT", "DOUBLE"):
                bits, samples = 16, _exact_16_bit(file.read(dtype="float64", always_2d=True), path)
            elif file.subtype in _BITS:
                bits = _BITS[file.subtype]
                # libsndfile puts every depth into the top bits
                samples = (file.read(dtype="int32", always_2d=True) >> (32 - bits)).astype(_sample_type(bits))
            else:
                raise UserError(
                    f"{path}: {file.subtype} coding found; allowed are {', '.join(_BITS)} and 16-bit floats"
                )
            per_second = file.samplerate
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise UserError(f"{path}: not a WAV or FLAC file, or a damaged one ({reason})") from None
    if not len(samples):
        raise UserError(f"{path}: no samples found; at least one is needed")
    return Signal(path.stem, samples, Layout("audio", samples.shape[:1], samples.shape[1], bits, (per_second,)))


def tags(path: Path) -> list[str]:
    """What an audio file that can be read holds beside its samples, in words."""
    with soundfile.SoundFile(BytesIO(read_file(path))) as file:
        names = ", ".join(file.copy_metadata())
    return [f"tags ({names})"] if names else []


def write_audio(signal: Signal, path: Path) -> None:
    """Writes a WAV or FLAC file that holds the samples exactly.

    Raises:
        UserError: Unknown suffix, a format that cannot hold the bit depth or sampling rate, or an unwritable place.
    """
    layout = signal.layout
    suffix = path.suffix.lower()
    if suffix not in _SUBTYPES:
        raise UserError(f"{path}: suffix {path.suffix!r} found; allowed for audio are {' '.join(AUDIO_SUFFIXES)}")
    if layout.bit_depth not in _SUBTYPES[suffix]:
        raise UserError(f"{path}: {layout.bit_depth}-bit samples found; allowed are {list(_SUBTYPES[suffix])}")
    file = BytesIO()
    try:
        soundfile.write(
            file,
            signal.samples.astype(np.int32) << (32 - layout.bit_depth),
            sampling_rate(layout),
            format=suffix[1:].upper(),
            subtype=_SUBTYPES[suffix][layout.bit_depth],
        )
    except (soundfile.SoundFileError, OverflowError, ValueError):
        found = f"{sampling_rate(layout)} samples per second in {layout.channels} channels"
        raise UserError(f"{path}: {found} found, which {suffix} cannot hold; write .wav instead") from None
    write_file(path, file.getvalue())


def _exact_16_bit(values: NDArray[np.float64], path: Path) -> NDArray[np.int16]:
    scaled = values * 32768
    inexact = ~((scaled == np.rint(scaled)) & (scaled >= -32768) & (scaled <= 32767))
    if inexact.any():
        raise UserError(
            f"{path}: floating-point samples found, {int(inexact.sum())} of them between the 16-bit levels; "
            "allowed are integers; convert it to 16 or 24 bits first"
        )
    return scaled.astype(np.int16)
