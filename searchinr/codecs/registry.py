"""All codecs by name (the modules of this package that define `CODEC`, and plug-ins), and decoding by a file's id."""

import searchinr.codecs
from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset, Codec, Level, Watch
from searchinr.discover import CODEC_KIND, Registry, discover, instances
from searchinr.errors import InvalidFileError
from searchinr.signals.signal import Signal

CODECS: Registry[Codec] = instances(discover(CODEC_KIND, searchinr.codecs, Codec))  # type: ignore[type-abstract]


def codec_of(file: container.Container) -> Codec:
    """The codec that wrote a file; `InvalidFileError` if there is none with its id, or it writes no such files."""
    codec = CODECS.by_id(file.codec_id)
    if codec.scalable == file.scalable:
        return codec
    kind = "scalable" if file.scalable else "other than scalable"
    raise InvalidFileError(f"codec {codec.name} writes no files that are {kind}: the file is corrupt")


def decode(
    data: bytes,
    *,
    asset: Asset | None = None,
    scale: float = 1.0,
    level: Level | None = None,
    watch: Watch | None = None,
) -> Signal:
    """The signal in the bytes of an `.inr` file, rendered at `scale` times its resolution.

    Args:
        data: The whole file; of a scalable one also less.
        asset: The asset that the file names, if it names one.
        scale: Multiple of the resolution.
        level: Which of several rates, see `Codec.levels`; None for the largest.
        watch: Who wants to know how far it is.

    Raises:
        InvalidFileError: Not an `.inr` file, or truncated, or corrupt.
        UserError: The file has no such level.
    """
    file = container.unpack(data)
    return codec_of(file).decode(file, asset=asset, scale=scale, level=level, watch=watch)
