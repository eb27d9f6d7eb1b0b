"""The `.inr` container.

    byte 0-1   magic 0x89 0x49
    byte 2     version (3 bits) | codec id (5 bits)
    byte 3     modality id (3 bits) | channels - 1 (2 bits) | bit depth code (2 bits) | 0 (1 bit)
    varints    one per axis of the grid, then the sampling rate if the modality has one
    body       the codec's own header and payload, to the end of the file less 2 bytes
    last 2     CRC-16/GENIBUS of everything before

Everything here is counted in the rate: the rate of a signal is the size of this file.
"""

import binascii
from dataclasses import dataclass

from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.errors import InvalidFileError, UserError
from searchinr.signals.registry import MODALITIES, modality_by_id
from searchinr.signals.signal import Layout

MAGIC = b"\x89I"
VERSION = 0
BIT_DEPTHS = (8, 16, 24, 32)
MAX_CHANNELS = 4
MAX_VALUES = 2**28
"""Points times channels that a file may claim: bounds what decoding a hostile file can allocate."""


@dataclass(frozen=True)
class Container:
    """A parsed `.inr` file.

    Attributes:
        codec_id: Which codec wrote the body.
        layout: Layout of the signal inside.
        body: The codec's bytes.
        size: Size of the whole file in bytes.
    """

    codec_id: int
    layout: Layout
    body: bytes
    size: int

    def layout_at(self, scale: float) -> Layout:
        """The layout of the signal rendered at `scale` times its resolution along each axis.

        Raises:
            UserError: `scale` is not positive, or asks for more values than a file may hold.
        """
        if not scale > 0:
            raise UserError(f"scale {scale:g} found; allowed are positive numbers, 1 for the signal's own resolution")
        if scale <= MAX_VALUES:  # else the product below may overflow
            layout = MODALITIES[self.layout.modality].resized(self.layout, scale)
            if layout.points * layout.channels <= MAX_VALUES:
                return layout
        raise UserError(
            f"scale {scale:g} found for a grid of {'x'.join(map(str, self.layout.grid))}: at most {MAX_VALUES} values "
            "are allowed in all; choose a smaller scale"
        )


def pack(codec_id: int, layout: Layout, body: bytes) -> bytes:
    """A complete `.inr` file."""
    modality = MODALITIES[layout.modality]
    out = Writer()
    out.data += MAGIC
    out.byte(VERSION << 5 | codec_id)
    out.byte(modality.id << 5 | (layout.channels - 1) << 3 | BIT_DEPTHS.index(layout.bit_depth) << 1)
    for length in layout.grid:
        out.varint(length)
    if modality.has_sampling_rate:
        out.varint(layout.sampling_rate)
    data = bytes(out.data) + body
    return data + _check_sum(data)


def _check_sum(data: bytes) -> bytes:
    """CRC-16/GENIBUS: starts from ones and ends inverted, so that zeros added at either end are noticed as well."""
    return (binascii.crc_hqx(data, 0xFFFF) ^ 0xFFFF).to_bytes(2, "big")


def unpack(data: bytes) -> Container:
    """Parses and checks a file.

    Raises:
        InvalidFileError: Not an `.inr` file, of another version, truncated, or corrupt.
    """
    if data[:2] != MAGIC[: len(data)] or not data:
        raise InvalidFileError("not an .inr file (its first bytes are not those of one)")
    if len(data) < 8:
        raise InvalidFileError(f"the file is truncated: {len(data)} bytes are less than the smallest header")
    if data[2] >> 5 != VERSION:
        raise InvalidFileError(f".inr version {data[2] >> 5} found, version {VERSION} allowed: update searchinr")
    if _check_sum(data[:-2]) != data[-2:]:
        raise InvalidFileError("the file is truncated or corrupt: its check sum does not match its content")
    reader = Reader(data[3:-2])
    packed = reader.byte()
    modality = modality_by_id(packed >> 5)
    if modality is None or packed & 1:
        raise InvalidFileError(f"unknown modality {packed >> 5}: update searchinr, or the file is corrupt")
    layout = Layout(
        modality=modality.name,
        grid=tuple(reader.varint() for _ in modality.axes),
        channels=(packed >> 3 & 3) + 1,
        bit_depth=BIT_DEPTHS[packed >> 1 & 3],
        sampling_rate=reader.varint() if modality.has_sampling_rate else 0,
    )
    if not 0 < layout.points * layout.channels <= MAX_VALUES:
        raise InvalidFileError(f"the file claims a grid of {layout.grid}: allowed are 1 to {MAX_VALUES} values")
    if modality.has_sampling_rate and not layout.sampling_rate:
        raise InvalidFileError("the file claims 0 samples per second: at least 1 is allowed")
    return Container(data[2] & 31, layout, reader.rest(), len(data))
