"""Image files: read without changing a sample, or refused."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from searchinr.errors import UserError
from searchinr.signals.files import read_file, write_file
from searchinr.signals.image_damage import damage
from searchinr.signals.signal import Layout, Signal

_MODES = {(1, 8): "L", (2, 8): "LA", (3, 8): "RGB", (4, 8): "RGBA", (1, 16): "I;16"}
"""Pillow's name for each (channels, bit depth) that it holds exactly."""

_PLAIN_AND_TRANSPARENT = {
    "1": ("L", "LA"),
    "L": ("L", "LA"),
    "LA": ("LA", "LA"),
    "P": ("RGB", "RGBA"),
    "RGB": ("RGB", "RGBA"),
    "RGBA": ("RGBA", "RGBA"),
    "I;16": ("I;16", "I;16"),
    "I;16B": ("I;16B", "I;16B"),
}
"""Mode of a file -> the mode that holds its samples exactly, without and with a transparent colour."""

_ALLOWED = "allowed are grey, RGB and either with alpha at 8 bits per channel, and grey at 16 bits"


class _Format(NamedTuple):
    name: str
    options: dict[str, Any]
    modes: frozenset[str]
    longest_side: int = 2**31 - 1


_ANY_MODE = frozenset(_MODES.values())
_JPEG = _Format("JPEG", {"quality": 95, "subsampling": "4:4:4"}, frozenset({"L", "RGB"}), 65_500)
_TIFF = _Format("TIFF", {"compression": "tiff_adobe_deflate"}, _ANY_MODE)
_FORMATS = {
    ".png": _Format("PNG", {}, _ANY_MODE),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": _Format("WEBP", {"lossless": True, "exact": True}, frozenset({"RGB", "RGBA"}), 16_383),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}

IMAGE_SUFFIXES = tuple(_FORMATS)
_READ = ("PNG", "JPEG", "WEBP", "TIFF")


def pillow_mode(layout: Layout) -> str | None:
    """Pillow's name for the layout's channels and bit depth, or None if it cannot hold them exactly."""
    return _MODES.get((layout.channels, layout.bit_depth))


def to_pillow(signal: Signal) -> Image.Image:
    """The signal as a Pillow image.

    Raises:
        UserError: Pillow cannot hold its channels and bit depth exactly.
    """
    if pillow_mode(signal.layout) is None:
        raise UserError(f"{signal.name}: {_described(signal.layout)} found; {_ALLOWED}")
    dtype = np.uint16 if signal.layout.bit_depth == 16 else np.uint8
    # (height, width, channels), or (height, width) for one channel
    samples = signal.samples[..., 0] if signal.layout.channels == 1 else signal.samples
    return Image.fromarray(samples.astype(dtype, copy=False))


def displayed(signal: Signal) -> NDArray[np.uint8]:
    """The picture as a screen can show it, 8 bits, `(height, width, 3)`, with alpha 4; of 16 bits the upper half."""
    if signal.layout.bit_depth == 16:
        image = Image.fromarray((signal.samples[..., 0].astype(np.uint16) >> 8).astype(np.uint8))
    else:
        image = to_pillow(signal)
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def from_pillow(image: Image.Image, mode: str) -> NDArray[np.integer]:
    """The samples of an image, `(height, width, channels)`, in a Pillow mode that holds them exactly."""
    samples = np.array(image if image.mode == mode else image.convert(mode))
    native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    return native.reshape(image.height, image.width, -1)


def read_image(path: Path) -> Signal:
    """Reads a PNG, JPEG, WebP or TIFF file, turned upright as its EXIF orientation says.

    Palettes are expanded to RGB or RGBA, a transparent colour to an alpha channel, one bit to 0 and 255. Gamma and
    colour profiles are left aside: the samples are those of the file.

    Raises:
        UserError: Missing or unreadable; or something that Pillow would change silently (16-bit colour), or that has
            no place here (CMYK, floats, several frames).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # also of bombs: Pillow refuses twice as many pixels as it warns of
            image = _loaded(path)
            samples = from_pillow(image, _PLAIN_AND_TRANSPARENT[image.mode][image.has_transparency_data])
    except UserError:
        raise
    except UnidentifiedImageError:
        raise UserError(f"{path}: not a PNG, JPEG, WebP or TIFF image, or a damaged one") from None
    except Image.DecompressionBombError:
        limit = Image.MAX_IMAGE_PIXELS
        assert limit is not None, "without a limit nothing is a bomb"
        raise UserError(f"{path}: more than {2 * limit} pixels found; crop or scale it first") from None
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, ... on damaged files
        raise UserError(f"{path}: truncated or damaged image ({_first_line(error)})") from None
    height, width, channels = samples.shape
    layout = Layout("image", (height, width), channels, 8 * samples.itemsize)
    return Signal(path.stem, samples, layout)


def metadata(path: Path) -> list[str]:
    """What an image file that can be read holds beside its samples, in words. Its orientation is not among it."""
    with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(read_file(path)), formats=_READ) as image:
        image.load()  # some of it stands behind the samples
        info, tags = image.info, set(image.getexif())
        if isinstance(image, TiffImageFile):  # which has all of its header there
            tags &= {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
        texts = {key for key in getattr(image, "text", ()) if key != "XML:com.adobe.xmp"}
        dpi = [f"{float(axis):.0f}" for axis in info.get("dpi", ())]
        found = {
            "ICC profile": info.get("icc_profile"),
            f"resolution of {' x '.join(dpi)} dpi": set(dpi) - {"1"},  # which stands for none
            "EXIF": tags - {ExifTags.Base.Orientation},
            "XMP": info.get("xmp") or info.get("XML:com.adobe.xmp"),
            "gamma": info.get("gamma"),
            "comments": texts or info.get("comment"),
            "further pictures": image.format == "MPO",
        }
    return [name for name, value in found.items() if value]


def _loaded(path: Path) -> Image.Image:
    """The image of a file, turned upright. When this returns, the file's bytes are no longer held in memory."""
    data = read_file(path)
    opened = Image.open(BytesIO(data), formats=_READ)
    if (broken := damage(opened, data)) is not None:
        raise UserError(f"{path}: damaged image ({broken}), some pixels would be guesses; get the file again")
    found = _not_exact(opened, data)
    if found is not None:
        raise UserError(f"{path}: {found} found; {_ALLOWED}, one frame; convert it first")
    ImageOps.exif_transpose(opened, in_place=True)
    return opened


def image_misfit(layout: Layout, suffix: str) -> str | None:
    """See `Modality.misfit`."""
    kind, mode = _FORMATS[suffix], pillow_mode(layout)
    if mode not in kind.modes:
        return f"{_described(layout)} found, which {kind.name} cannot hold; write .png or .tiff instead"
    if max(layout.grid) > kind.longest_side:
        side = max(layout.grid)
        return f"a side of {side} found; allowed in {kind.name} are {kind.longest_side}; write .png instead"
    return None


def write_image(signal: Signal, path: Path) -> None:
    """Writes an image file in the format of its suffix: PNG, TIFF and WebP lossless, JPEG at quality 95 (4:4:4).

    Raises:
        UserError: Unknown suffix, a format that cannot hold the channels or bit depth, or an unwritable place.
    """
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        allowed = " ".join(IMAGE_SUFFIXES)
        raise UserError(f"{path}: suffix {path.suffix!r} found; allowed for an image are {allowed}")
    if (misfit := image_misfit(signal.layout, suffix)) is not None:
        raise UserError(f"{path}: {misfit}")
    known, image, file = _FORMATS[suffix], to_pillow(signal), BytesIO()
    try:
        image.save(file, known.name, **known.options)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be written as {known.name} ({error}); write .png instead") from None
    write_file(path, file.getbuffer())


def _described(layout: Layout) -> str:
    return f"an image of {layout.channels} channels with {layout.bit_depth} bits each"


def _not_exact(image: Image.Image, data: bytes) -> str | None:
    """What Pillow would not hand over exactly of a file that is opened but not loaded yet; None if it is exact."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # an MPO file is a camera's JPEG followed by previews or a depth map
        return f"{frames} frames or pages"
    if isinstance(image, TiffImageFile):
        return _not_exact_tiff(image)
    if image.format == "PNG":
        header = data.index(b"IHDR")
        bits, colour_type = data[header + 12], data[header + 13]
        if bits == 16 and colour_type != 0:
            return "colour or alpha with 16 bits per channel"
        if bits != 8 and colour_type == 0 and "transparency" in image.info:
            return f"grey with {bits} bits and a transparent level"
    return None if image.mode in _PLAIN_AND_TRANSPARENT else f"pixel format {image.mode}"


def _not_exact_tiff(image: TiffImageFile) -> str | None:
    tags = image.tag_v2
    bits = set(tags.get(258, (1,)))  # BitsPerSample
    if set(tags.get(339, (1,))) != {1}:  # SampleFormat
        return "signed or floating-point samples"
    if not bits <= {1, 2, 4, 8, 16}:
        return f"{max(bits)} bits per sample"
    if 16 in bits and (image.mode not in ("I;16", "I;16B") or tags.get(262) == 0):  # PhotometricInterpretation
        return "16 bits per sample in colour, or grey with white as zero,"
    if image.mode not in _PLAIN_AND_TRANSPARENT:
        return f"pixel format {image.mode}"
    if tags.get(277, 1) != len(image.getbands()):  # SamplesPerPixel
        return f"{tags.get(277, 1)} channels of unknown meaning"
    if 1 in tags.get(338, ()):  # ExtraSamples
        return "premultiplied alpha"
    return None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
