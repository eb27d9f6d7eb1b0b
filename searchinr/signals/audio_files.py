"""Audio files: read without changing a sample, or refused."""

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from searchinr.errors import UserError
from searchinr.signals.files import read_file, write_file
from searchinr.signals.signal import Layout, Signal

_BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 16, "DOUBLE": 16}
_SUBTYPES = {
    ".wav": {8: "PCM_U8", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"},
    ".flac": {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"},
}
_MAX_CHANNELS = 4
_MAX_VALUES = 2**28  # a damaged FLAC header can claim far more
_BLOCK = 2**16  # samples that are read, written or hashed at a time
_UNKNOWN_FRAMES = 2**63 - 1  # what libsndfile says of a FLAC file without a length
_UNKNOWN_SIZE = 0xFFFFFFFF  # what programs that write to a pipe put in a WAV header

_PLAIN_CHUNKS = {b"fmt ", b"data", b"fact", b"INFO", b"PEAK", b"JUNK", b"junk", b"PAD ", b"FLLR"}
_FLAC_PARTS = {2: "application data", 5: "cue sheet", 6: "pictures"}

AUDIO_SUFFIXES = tuple(_SUBTYPES)


def sampling_rate(layout: Layout) -> int:
    """Samples per second, the one further number of an audio file's layout."""
    (per_second,) = layout.extras
    return per_second


def _sample_type(bit_depth: int) -> type[np.integer]:
    """The smallest signed integer type that holds samples of this bit depth."""
    return np.int8 if bit_depth <= 8 else np.int16 if bit_depth <= 16 else np.int32


class _InOneGo(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file that is read from its beginning to its end: libsndfile cannot seek in a FLAC file without a length."""

    def seekable(self) -> bool:
        """No: `soundfile` then leaves the position alone."""
        return False


def read_audio(path: Path) -> Signal:
    """Reads a WAV or FLAC file of 8 to 32-bit integers, as signed samples `(samples, channels)`.

    Some tools store 16-bit audio as floats. So a file of floats is taken for a 16-bit one if every sample is a multiple
    of 1/32768 in [-1, 1). A FLAC file need not say how long it is.

    Raises:
        UserError: Missing, unreadable, damaged or empty, more than four channels, or a coding that is not exact.
    """
    data = read_file(path)
    if data[:4] == b"RIFF" and (false := _false_length(data)) is not None:
        raise UserError(f"{path}: truncated or damaged: {false}; get the file again")
    try:
        with _InOneGo(BytesIO(data)) as file:
            if file.format not in ("WAV", "WAVEX", "FLAC"):
                raise UserError(f"{path}: {file.format} found; allowed are WAV and FLAC; convert it first")
            if file.channels > _MAX_CHANNELS:
                raise UserError(f"{path}: {file.channels} channels found; allowed are 1 to {_MAX_CHANNELS}")
            if file.subtype not in _BITS:
                raise UserError(
                    f"{path}: {file.subtype} coding found; allowed are {', '.join(_BITS)} with 16-bit samples as floats"
                )
            bits, samples, per_second = _BITS[file.subtype], _read(file, path), file.samplerate
            if file.frames not in (len(samples), _UNKNOWN_FRAMES):
                raise UserError(
                    f"{path}: truncated or damaged: {len(samples)} samples found, its header says {file.frames}; "
                    "get the file again"
                )
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise UserError(f"{path}: not a WAV or FLAC file, or a damaged one ({reason})") from None
    if not len(samples):
        raise UserError(f"{path}: no samples found; at least one is needed")
    if data[:4] == b"fLaC" and (found := _flac_md5(data, bits)) is not None and found != _md5(samples, bits):
        raise UserError(f"{path}: damaged: its samples are not those of which it has the MD5; get the file again")
    return Signal(path.stem, samples, Layout("audio", samples.shape[:1], samples.shape[1], bits, (per_second,)))


def beside_samples(path: Path) -> list[str]:
    """What a WAV or FLAC file holds beside its samples, in words; nothing of a file that libsndfile does not read."""
    data = read_file(path)
    try:
        with soundfile.SoundFile(BytesIO(data)) as file:
            names = ", ".join(file.copy_metadata())
    except soundfile.SoundFileError:  # a modality made of this one may have formats of its own
        return []
    parts = _flac_parts(data) if data[:4] == b"fLaC" else _wav_parts(data)
    return [f"tags ({names})"] * bool(names) + [f"parts ({', '.join(parts)})"] * bool(parts)


def _wav_parts(data: bytes) -> list[str]:
    """The names of chunks that are no samples, nor needed for them, nor text; a list is called by what it lists."""
    names, at = set(), 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        names.add(data[at + 8 : at + 12] if kind == b"LIST" else kind)
        at += 8 + size + size % 2
    return sorted(name.decode("ascii", "backslashreplace").strip() for name in names - _PLAIN_CHUNKS)


def _flac_parts(data: bytes) -> list[str]:
    """The names of metadata blocks that are no samples, nor needed for them, nor text."""
    names, at, is_last = set(), 4, False
    while not is_last and at + 4 <= len(data):
        is_last = bool(data[at] & 128)
        names.add(_FLAC_PARTS.get(data[at] & 127))
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    return sorted(name for name in names if name is not None)


def _read(file: soundfile.SoundFile, path: Path) -> NDArray[np.integer]:
    """All samples of a file, a block at a time: as 64-bit floats they would take more memory than all else."""
    bits, is_float = _BITS[file.subtype], file.subtype in ("FLOAT", "DOUBLE")
    blocks: list[NDArray[np.integer]] = []
    count = 0
    while True:
        block = file.read(_BLOCK, dtype="float64" if is_float else "int32", always_2d=True)
        count += block.size
        if count > _MAX_VALUES:
            raise UserError(f"{path}: more than {_MAX_VALUES} samples found; allowed are so many in all; cut it first")
        # libsndfile puts every depth into the top bits
        exact = _exact_16_bit(block, path) if is_float else (block >> (32 - bits)).astype(_sample_type(bits))
        blocks.append(exact)
        if not len(block):
            return np.concatenate(blocks)


def _false_length(data: bytes) -> str | None:
    """What a WAV file claims to have and has not, which libsndfile passes over; None if nothing."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end == 8 + _UNKNOWN_SIZE:
        end = len(data)
    if end > len(data) + 1:  # the last byte may be one of padding
        return f"{len(data)} bytes found, its header says {end}"
    at, align = 12, 1
    while at + 8 <= end:
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind == b"fmt ":
            align = max(1, int.from_bytes(data[at + 20 : at + 22], "little"))
        if kind == b"data" and size == _UNKNOWN_SIZE:
            return None
        if at + 8 + size > end:
            return f"a part of {size} bytes found where its header leaves {end - at - 8}"
        if kind == b"data" and (size % align or (not size and at + 8 < len(data))):
            return f"its header says {size} bytes of samples, which have {align} each, and {len(data)} are there"
        at += 8 + size + size % 2
    return None


def _flac_md5(data: bytes, bits: int) -> bytes | None:
    """The MD5 of its samples that a FLAC file has; None if its writer has left that out."""
    first = int.from_bytes(data[8 + 10 : 8 + 18], "big")  # rate (20 bits), channels (3), bits - 1 (5), samples (36)
    md5 = data[8 + 18 : 8 + 34]
    return md5 if any(md5) and (first >> 36 & 31) + 1 == bits else None


def _md5(samples: NDArray[np.integer], bits: int) -> bytes:
    """The MD5 of samples as FLAC takes it, over little-endian numbers of as few bytes as hold them."""
    digest = hashlib.md5(usedforsecurity=False)
    for start in range(0, len(samples), _BLOCK):
        block = np.ascontiguousarray(samples[start : start + _BLOCK], dtype="<i4")
        digest.update(block.view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes())
    return digest.digest()


def audio_misfit(layout: Layout, suffix: str) -> str | None:
    """See `Modality.misfit`: the bit depth, or what libsndfile says of a file without samples.

    Nothing is known of suffixes other than WAV's and FLAC's: a modality made of this one may have formats of its own.
    """
    if suffix not in _SUBTYPES:
        return None
    if layout.bit_depth not in _SUBTYPES[suffix]:
        return f"{layout.bit_depth}-bit samples found; allowed are {list(_SUBTYPES[suffix])}; write .wav instead"
    try:
        _opened(BytesIO(), layout, suffix).close()
    except (soundfile.SoundFileError, OverflowError, ValueError):
        found = f"{sampling_rate(layout)} samples per second in {layout.channels} channels"
        return f"{found} found, which {suffix} cannot hold" + ("" if suffix == ".wav" else "; write .wav instead")
    return None


def _opened(file: BytesIO, layout: Layout, suffix: str) -> soundfile.SoundFile:
    subtype, kind = _SUBTYPES[suffix][layout.bit_depth], suffix[1:].upper()
    return soundfile.SoundFile(file, "w", sampling_rate(layout), layout.channels, subtype, format=kind)


def write_audio(signal: Signal, path: Path) -> None:
    """Writes a WAV or FLAC file that holds the samples exactly.

    Raises:
        UserError: Unknown suffix, a format that cannot hold the bit depth or sampling rate, or an unwritable place.
    """
    layout = signal.layout
    suffix = path.suffix.lower()
    if suffix not in _SUBTYPES:
        raise UserError(f"{path}: suffix {path.suffix!r} found; allowed for audio are {' '.join(AUDIO_SUFFIXES)}")
    if (misfit := audio_misfit(layout, suffix)) is not None:
        raise UserError(f"{path}: {misfit}")
    data = BytesIO()
    with _opened(data, layout, suffix) as file:
        for start in range(0, layout.points, _BLOCK):
            file.write(signal.samples[start : start + _BLOCK].astype(np.int32) << (32 - layout.bit_depth))
    write_file(path, data.getbuffer())


def _exact_16_bit(values: NDArray[np.float64], path: Path) -> NDArray[np.int16]:
    scaled = values * 32768
    for fault, wrong in {
        "no numbers (NaN or infinite)": ~np.isfinite(scaled),
        "beyond the 16-bit levels, which end just below 1.0": (scaled < -32768) | (scaled > 32767),
        "between the 16-bit levels": scaled != np.rint(scaled),
    }.items():
        if wrong.any():
            raise UserError(
                f"{path}: floating-point samples found, {int(wrong.sum())} of them {fault}; allowed are integers, or "
                "16-bit samples as floats; convert it to 16 or 24 bits first"
            )
    return scaled.astype(np.int16)
