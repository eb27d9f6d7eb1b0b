"""The `.inr` container.

    byte 0-1   magic 0x89 0x49
    byte 2     version (3 bits) | codec id (5 bits)
    byte 3     modality id (3 bits) | channels - 1 (2 bits) | place of the bit depth (2 bits) | scalable (1 bit)
    varints    one per axis of the grid, then the further whole numbers that the modality has (`Modality.extras`)
    8 bytes    smallest and largest value as little-endian float32, if the modality has real samples
    body       the codec's own header and payload, to the end of the file less 2 bytes
    last 2     CRC-16/GENIBUS of everything before

A scalable file may be cut anywhere and still decodes to something. It has no check sum at its end, where a cut would
lose it. Instead its codec puts such check sums after its own header, which cover all that stands before, and after each
of its sections.

Everything here is counted in the rate: the rate of a signal is the size of this file.
"""

import binascii
import math
import struct
from dataclasses import dataclass

from searchinr.codecs.bitstream.bits import Reader, Writer
from searchinr.errors import InvalidFileError, UserError
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout

MAGIC = b"\x89I"
VERSION = 2
"""2: biases of hidden layers have the bits of the first layer."""
MAX_CHANNELS = 4
CHECK_BYTES = 2
_RANGE = struct.Struct("<ff")
MAX_VALUES = 2**29
"""Points times channels that a file may claim: bounds what decoding a hostile file can allocate."""


@dataclass(frozen=True)
class Container:
    """A parsed `.inr` file.

    Attributes:
        codec_id: Which codec wrote the body.
        layout: Layout of the signal inside.
        head: The bytes before the body.
        body: The codec's bytes.
        scalable: Whether the file may be cut; then the check sums are in the body, and the codec's affair.
    """

    codec_id: int
    layout: Layout
    head: bytes
    body: bytes
    scalable: bool = False

    @property
    def size(self) -> int:
        """Size of the whole file in bytes."""
        return len(self.head) + len(self.body) + (0 if self.scalable else CHECK_BYTES)

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


def head(codec_id: int, layout: Layout, *, scalable: bool = False) -> bytes:
    """The bytes before the body."""
    modality = MODALITIES[layout.modality]
    out = Writer()
    out.data += MAGIC
    out.byte(VERSION << 5 | codec_id)
    depth = modality.bit_depths.index(layout.bit_depth)
    out.byte(modality.id << 5 | (layout.channels - 1) << 3 | depth << 1 | scalable)
    for number in (*layout.grid, *layout.extras):
        out.varint(number)
    if layout.real_range is not None:
        out.data += _RANGE.pack(*layout.real_range)
    return bytes(out.data)


def pack(codec_id: int, layout: Layout, body: bytes) -> bytes:
    """A complete `.inr` file, unless it is scalable: that one is the head and the body."""
    data = head(codec_id, layout) + body
    return data + check_sum(data)


def check_sum(data: bytes) -> bytes:
    """CRC-16/GENIBUS: starts from ones and ends inverted, so that zeros added at either end are noticed as well."""
    return (binascii.crc_hqx(data, 0xFFFF) ^ 0xFFFF).to_bytes(CHECK_BYTES, "big")


def verify(data: bytes, found: bytes, what: str) -> None:
    """Raises `InvalidFileError`, which names `what`, unless `found` is the check sum of `data`."""
    if check_sum(data) != found:
        raise InvalidFileError(f"{what} is truncated or corrupt: its check sum does not match its content")


def unpack(data: bytes) -> Container:
    """Parses and checks a file.

    Raises:
        InvalidFileError: Not an `.inr` file, of another version, truncated, or corrupt. Of a scalable file only what
            stands before the body has been looked at, and its check sum is the codec's.
    """
    if data[:2] != MAGIC[: len(data)] or not data:
        raise InvalidFileError("not an .inr file (its first bytes are not those of one)")
    if len(data) < 8:
        raise InvalidFileError(f"the file is truncated: {len(data)} bytes are less than the smallest header")
    if (version := data[2] >> 5) != VERSION:
        remedy = "update searchinr" if version > VERSION else "encode the signal again"
        raise InvalidFileError(f".inr version {version} found, version {VERSION} allowed: {remedy}")
    scalable = bool(data[3] & 1)
    if not scalable:
        verify(data[:-CHECK_BYTES], data[-CHECK_BYTES:], "the file")
    reader = Reader(data[3:] if scalable else data[3:-CHECK_BYTES])
    packed = reader.byte()
    modality = MODALITIES.by_id(packed >> 5)
    depth = packed >> 1 & 3
    if depth >= len(modality.bit_depths):
        raise InvalidFileError(f"the file claims bit depth number {depth}: {modality.name} has {modality.bit_depths}")
    layout = Layout(
        modality=modality.name,
        grid=tuple(reader.varint() for _ in modality.axes),
        channels=(packed >> 3 & 3) + 1,
        bit_depth=modality.bit_depths[depth],
        extras=tuple(reader.varint() for _ in modality.extras),
        real_range=_range(reader) if modality.is_real else None,
    )
    if not 0 < layout.points * layout.channels <= MAX_VALUES:
        raise InvalidFileError(f"the file claims a grid of {layout.grid}: allowed are 1 to {MAX_VALUES} values")
    if (fault := modality.fault(layout)) is not None:
        raise InvalidFileError(f"the file claims {fault}")
    return Container(data[2] & 31, layout, data[: 3 + reader.position], reader.rest(), scalable)


def _range(reader: Reader) -> tuple[float, float]:
    """The range of real samples; `InvalidFileError` if it is none."""
    low, high = _RANGE.unpack(reader.take(_RANGE.size))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InvalidFileError(f"the file claims values from {low} to {high}: two numbers are allowed, in this order")
    return low, high
