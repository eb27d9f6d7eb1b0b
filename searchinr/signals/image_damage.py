"""What is broken in an image file that its library reads nevertheless, making up what is missing.

PNG has check sums. A flipped bit in a JPEG, WebP or TIFF file that decodes to as many pixels as before cannot be told.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from math import ceil

import simplejpeg
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

_PADDED = re.compile(r"(\d+) extraneous bytes before marker 0xd9$")
"""What libjpeg says where a camera has filled up the space before the end, and also where it has lost its way."""

_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")  # stuffed bytes and restarts are within a scan
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # those that libjpeg reads
_PROGRESSIVE = {0xC2, 0xCA}
_SCAN, _END, _WITHOUT_LENGTH = 0xDA, 0xD9, {0x01, 0xD8}

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE = 2**14  # bytes that are inflated at a time, to 1,032 times as many at most


def damage(image: Image.Image, data: bytes) -> str | None:
    """What is broken in a file, in words; None if nothing is.

    Args:
        image: The file as Pillow has opened it, before its pixels are read.
        data: All of its bytes.

    Raises:
        Exception: Of whatever kind Pillow or zlib raise on damaged files.
    """
    if image.format == "PNG":
        Image.open(BytesIO(data)).verify()  # raises where a check sum of a part is wrong, which decoding ignores
        return _png_damage(data)
    if image.format in ("JPEG", "MPO"):
        return _jpeg_damage(data)
    if isinstance(image, TiffImageFile):
        return _tiff_damage(image, data)
    return None  # libwebp fails where bytes are missing


def _jpeg_damage(data: bytes) -> str | None:
    """What libjpeg warns of, and scans that are missing, of which it says nothing."""
    segments = list(_segments(data))
    try:
        simplejpeg.decode_jpeg(data, colorspace="GRAY", strict=True)
    except ValueError as error:
        padded, (_, end, _) = _PADDED.search(str(error)), segments[-1]
        if padded is None or data[end - int(padded[1]) : end].strip(b"\x00\xff"):
            return str(error)
    missing: dict[int, list[int]] = {}  # component -> of each coefficient, how many of its lowest bits are missing
    progressive = False
    for kind, start, stop in segments:
        body = data[start:stop]
        if kind in _FRAMES:
            progressive = kind in _PROGRESSIVE
            missing = {component: [16] * 64 for component in body[6::3]}
        elif kind == _SCAN:
            count = body[0]
            first, last, bits = body[1 + 2 * count : 4 + 2 * count] if progressive else (0, 63, 0)
            for component in body[1 : 1 + 2 * count : 2]:
                missing[component][first : last + 1] = [bits & 15] * (last + 1 - first)
    return "its last scans are missing" if any(map(any, missing.values())) else None


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The markers of a JPEG file up to its first end, and where the content of each begins and ends; it may be empty.

    The coded data of a scan follow its segment.
    """
    at, kind = 2, 0
    while kind != _END and (marker := _MARKER.search(data, at)) is not None:
        kind, at = marker[1][0], marker.end()
        if kind == _END:
            yield kind, marker.start(), marker.start()
        elif kind not in _WITHOUT_LENGTH:
            stop = at + int.from_bytes(data[at : at + 2], "big")
            yield kind, at + 2, stop
            at = stop


def _png_damage(data: bytes) -> str | None:
    """Rows that are missing: Pillow makes them black."""
    content = bytearray()
    at = 8
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IHDR":
            width, height, bits, colours, _, _, interlaced = struct.unpack(">IIBBBBB", data[at + 8 : at + 8 + size])
        elif kind == b"IDAT":
            content += data[at + 8 : at + 8 + size]
        at += 12 + size
    pixel = bits * _PNG_CHANNELS[colours]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(ceil((width - x) / across), ceil((height - y) / down)) for x, y, across, down in passes]
    needed = sum(rows * (1 + ceil(row * pixel / 8)) for row, rows in sizes if row > 0)
    inflating, found = zlib.decompressobj(), 0
    for start in range(0, len(content), _PIECE):
        found += len(inflating.decompress(content[start : start + _PIECE]))
        if found >= needed:
            break
    return None if found >= needed else f"{found} bytes of rows found where its header says {needed}"


def _tiff_damage(image: TiffImageFile, data: bytes) -> str | None:
    """Parts that lie outside the file, or are too few or too small; and what libjpeg warns of, where parts are JPEG."""
    tags, (width, height) = image.tag_v2, (image.tag_v2.get(256, 0), image.tag_v2.get(257, 0))
    tiled = 324 in tags
    starts, sizes = _numbers(tags.get(324 if tiled else 273)), _numbers(tags.get(325 if tiled else 279))
    bits = _numbers(tags.get(258, 1))
    planes = tags.get(277, 1) if tags.get(284, 1) == 2 else 1  # SamplesPerPixel, PlanarConfiguration
    across, down = (
        (tags.get(322, width), tags.get(323, height)) if tiled else (width, min(tags.get(278, height), height))
    )
    parts = planes * ceil(width / max(1, across)) * ceil(height / max(1, down))
    if len(starts) < parts or len(sizes) != len(starts):
        return f"{min(len(starts), len(sizes))} parts found where its header says {parts}"
    if any(start + size > len(data) for start, size in zip(starts, sizes, strict=True)):
        return f"parts found that end behind its {len(data)} bytes"
    row = sum(ceil(width * each / 8) for each in bits) if planes > 1 else ceil(width * sum(bits) / 8)
    if tags.get(259, 1) == 1 and sum(sizes) < height * row:  # Compression
        return f"{sum(sizes)} bytes of samples found where its header says {height * row}"
    if tags.get(259) != 7:
        return None
    tables = tags.get(347, b"\xff\xd8\xff\xd9")  # JPEGTables
    pictures = (tables[:-2] + data[start + 2 : start + size] for start, size in zip(starts, sizes, strict=True))
    return next((found for picture in pictures if (found := _jpeg_damage(picture)) is not None), None)


def _numbers(value: object) -> tuple[int, ...]:
    """The numbers of a tag that may have one, several, or none."""
    return value if isinstance(value, tuple) else () if value is None else (int(str(value)),)
