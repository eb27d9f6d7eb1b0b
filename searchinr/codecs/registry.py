"""All codecs by name (the modules of this package that define `CODEC`), and decoding by the id in a file."""

import searchinr.codecs
from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset, Codec
from searchinr.discover import discover
from searchinr.errors import InvalidFileError
from searchinr.signals.signal import Signal

CODECS: dict[str, Codec] = {
    name: cls()
    for name, cls in discover(searchinr.codecs, "CODEC", Codec).items()  # type: ignore[type-abstract]
}


def codec_of(file: container.Container) -> Codec:
    """The codec that wrote a file; `InvalidFileError` if there is none with its id."""
    for codec in CODECS.values():
        if codec.id == file.codec_id:
            return codec
    raise InvalidFileError(f"written by codec number {file.codec_id}, which this searchinr does not have: update it")


def decode(data: bytes, *, asset: Asset | None = None, scale: float = 1.0) -> Signal:
    """The signal in the bytes of a complete `.inr` file, rendered at `scale` times its resolution.

    Args:
        data: The file.
        asset: The asset that the file names, if it names one.
        scale: See `Codec.decode`.

    Raises:
        InvalidFileError: Not an `.inr` file, or truncated, or corrupt.
    """
    file = container.unpack(data)
    return codec_of(file).decode(file, asset=asset, scale=scale)
